import type { ReplayRequest } from '../../support/replay.ts';
import { object } from '../canonical/read.ts';
import { type Cell, cellOf } from '../cell.ts';
import type { Miss } from '../check.ts';
import { wireCanonical } from '../checks.ts';
import { type Surface, surfaces } from '../finish.ts';
import { askPlainly } from '../oracles.ts';
import { toolBody } from '../recorded-requests.ts';
import { shortReply } from '../short-replies.ts';
import { askedOf, protocolOf, providerOf, startStage } from '../stage.ts';
import { offeredSchemas } from './schemas.ts';

/** Names that some client's protocol allows and some upstream's does not; two that differ in one odd character. */
export const oddNames: readonly string[] = [
  'get_weather',
  'weather.v2/today',
  'weather v2',
  'weather_v2',
  `long_${'name_'.repeat(20)}`,
  `long_${'name_'.repeat(20)}2`,
  '9lives',
  'wétter',
];

/** What each vendor takes as the name of a function. */
const legal: Readonly<Record<Surface, RegExp>> = {
  'openai-chat': /^[a-zA-Z0-9_-]{1,64}$/,
  'openai-responses': /^[a-zA-Z0-9_-]{1,64}$/,
  'anthropic-messages': /^[a-zA-Z0-9_-]{1,128}$/,
  'google-gemini': /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/,
};

/** Q2: names that went up are legal there and as many as were offered. */
export function nameMisses(upstream: Surface, sent: readonly string[]): Miss[] {
  const q2 = (detail: string): Miss => ({ check: 'Q2', detail });
  const illegal = sent.filter((name) => !legal[upstream].test(name));
  return [
    ...illegal.map((name) => q2(`${JSON.stringify(name)} is no legal name`)),
    ...(new Set(sent).size === oddNames.length
      ? []
      : [q2(`${new Set(sent).size} names of ${oddNames.length}`)]),
  ];
}

/** Q2: a call under the name that went up comes back under the client's own. */
export const returnMisses = (offered: string, returned: string | undefined): Miss[] =>
  returned === offered
    ? []
    : [{ check: 'Q2', detail: `a call of ${offered.slice(0, 20)} comes back as ${String(returned)}` }];

/** Offers the odd names on every surface to every upstream of another protocol, which then calls each. */
export async function runNames(): Promise<Cell[]> {
  const stage = await startStage(oddNames.map((_, i) => `n${i}`));
  const namesIn = (request: ReplayRequest): string[] => [
    ...offeredSchemas(protocolOf(request), request.json ?? {}).keys(),
  ];
  stage.upstream.handle((request) => {
    const number = Number(askedOf(request).model.slice(1));
    return shortReply(request, { call: { name: namesIn(request)[number] ?? '', args: { a: 1 } } });
  });
  const cells: Cell[] = [];
  try {
    for (const surface of surfaces) {
      const body = withNames(
        toolBody(
          surface,
          oddNames.map(() => parameters),
        ),
      );
      for (const upstream of surfaces.filter((other) => other !== surface)) {
        for (const stream of [true, false]) {
          const misses: Miss[] = [];
          for (const [i, name] of oddNames.entries()) {
            const model = `${providerOf[upstream]}/n${i}`;
            const answer = await askPlainly(surface, stage.gateway.url, body, model, { stream });
            misses.push(...returnMisses(name, wireCanonical(answer)?.tools[0]?.name));
          }
          misses.push(...nameMisses(upstream, namesIn(stage.upstream.requests.at(-1)!)));
          cells.push(cellOf({ subject: 'tool names', upstream, surface, stream, ran: ['Q2'], misses }));
        }
      }
    }
  } finally {
    await stage.stop();
  }
  return cells;
}

const parameters = { type: 'object', properties: { a: { type: 'integer' } } };

/** The body with the odd names in place of `tool_0` and so on. */
const withNames = (body: unknown): Record<string, unknown> =>
  object(
    JSON.parse(JSON.stringify(body), (key, value: unknown) =>
      key === 'name' && typeof value === 'string'
        ? (oddNames[Number(/^tool_(\d+)$/.exec(value)?.[1])] ?? value)
        : value,
    ),
  );
