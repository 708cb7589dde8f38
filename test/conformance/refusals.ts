import { type ErrorFixture, errorFixtures } from '../support/corpus.ts';
import type { Payload } from './canonical.ts';
import { object, string } from './canonical/read.ts';
import { type Cell, cellOf } from './cell.ts';
import type { Miss } from './check.ts';
import { type Surface, surfaces } from './finish.ts';
import { type Answer, ask } from './oracles.ts';
import { requestBody } from './requests.ts';
import { askedOf, providerConfig, startStage } from './stage.ts';

/** Seconds that the upstream asks to wait, where it is one that can heal. */
const retryAfter = '7';

/** E1: the class of the status, the SDK's typed error, the provider's words, the surface's shape, the time to wait. */
export function refusalMisses(refusal: ErrorFixture, answer: Answer): Miss[] {
  const misses: Miss[] = [];
  const e1 = (detail: string): void => void misses.push({ check: 'E1', detail });
  const { surface } = answer;
  if (Math.floor(answer.status / 100) !== Math.floor(refusal.status / 100)) {
    e1(`status ${refusal.status} arrives as ${answer.status}`);
  }
  if (answer.error?.status !== answer.status) {
    e1(`the SDK raised ${answer.error?.name ?? 'nothing'} with status ${answer.error?.status}`);
  }
  const words = wordsFor(surface, wordsOf(refusal.body));
  if (!answer.raw.includes(JSON.stringify(words).slice(1, -1)))
    e1(`the words are lost: ${words.slice(0, 60)}`);
  // Between equal protocols the body is the upstream's own.
  if (surface !== refusal.protocol && !isShaped(surface, answer.raw)) {
    e1(`no error of this surface: ${answer.raw.slice(0, 80)}`);
  }
  const wait = answer.headers.get('retry-after');
  if (refusal.status === 429 && wait !== waitOf(refusal.body)) e1(`retry-after is ${wait}`);
  return misses;
}

/** The upstream's wait: Google says it in the body too, and to the second. */
function waitOf(body: string): string {
  const [, seconds] = /"retryDelay": ?"([\d.]+)s"/.exec(body) ?? [];
  return seconds === undefined ? retryAfter : String(Math.ceil(Number(seconds)));
}

function isShaped(surface: Surface, raw: string): boolean {
  let body: Payload;
  try {
    body = object(JSON.parse(raw));
  } catch {
    return false;
  }
  const error = object(body['error']);
  if (string(error['message']) === '') return false;
  if (surface === 'google-gemini') return Number.isInteger(error['code']) && string(error['status']) !== '';
  return string(error['type']) !== '' && (surface !== 'anthropic-messages' || body['type'] === 'error');
}

/** A Messages client that reads these words sends its user to a login that cannot mend the gateway's key. */
const wordsFor = (surface: Surface, words: string): string =>
  surface === 'anthropic-messages' && words === 'invalid x-api-key'
    ? 'the upstream did not accept its API key'
    : words;

/** The provider's own message, however deep it lies. */
function wordsOf(body: string): string {
  let found = '';
  try {
    JSON.parse(body, (key, value: unknown) => {
      if (typeof value === 'string' && ['message', 'error', 'detail'].includes(key) && found === '')
        found = value;
      return value;
    });
  } catch {
    return body.slice(0, 40);
  }
  return found;
}

/** Answers with each recorded refusal, on every surface, streamed and not. */
export async function runRefusals(): Promise<Cell[]> {
  const refusals = errorFixtures();
  const places = refusals.flatMap((refusal, i) =>
    surfaces.flatMap((surface) =>
      [true, false].map((stream) => ({ refusal, surface, stream, name: `e${i}-${surface}-${stream}` })),
    ),
  );
  // A refusal may set its account aside, so each place has a provider of its own.
  const stage = await startStage(['m'], (url) =>
    places.map(({ refusal, name }) => providerConfig(refusal.protocol, url, [name], name)),
  );
  stage.upstream.handle((request) => {
    const { refusal } = places.find(({ name }) => name === askedOf(request).model)!;
    const { status, body, contentType } = refusal;
    const headers = status === 429 ? { 'retry-after': retryAfter } : undefined;
    return { kind: 'body', status, body, contentType, headers };
  });
  try {
    const cells: Cell[] = [];
    for (const { refusal, surface, stream, name } of places) {
      const asked = { model: `${name}/${name}`, stream, tools: [], reasoning: false, choices: 1 };
      const answer = await ask(surface, stage.gateway.url, requestBody(surface, asked), stream);
      const misses = refusalMisses(refusal, answer);
      const bare = { subject: refusal.name, upstream: refusal.protocol, surface, stream };
      cells.push(cellOf({ ...bare, ran: ['E1'], misses }));
    }
    return cells;
  } finally {
    await stage.stop();
  }
}
