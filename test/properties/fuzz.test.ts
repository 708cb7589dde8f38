import { afterAll, expect, test } from 'bun:test';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas } from '../../src/gateway.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { pathOf, type SurfaceName, surfaceNames } from '../gateway/setup.ts';
import { answerFaults } from './answers.ts';
import { baseRequests } from './base-requests.ts';
import { garbled, mutated } from './mutate.ts';
import { randomOf } from './random.ts';
import { helloFetch } from './upstream.ts';

/** Another seed finds other things: `DRAGOMAN_FUZZ_SEED=7 DRAGOMAN_FUZZ_COUNT=100000 bun test test/properties`. */
const seed = Number(process.env['DRAGOMAN_FUZZ_SEED'] ?? 20_261_121);
const count = Number(process.env['DRAGOMAN_FUZZ_COUNT'] ?? 10_000);
const answerMsMax = 2_000;

const provider = (name: string, protocol: string) => ({
  name,
  type: 'openai',
  base_url: 'http://upstream.test/v1',
  protocols: [protocol],
  models: ['m'],
});

const gateway = createGateway({
  config: configSchema(providerSchemas).parse({
    server: {},
    providers: [
      provider('chat', 'openai-chat'),
      provider('responses', 'openai-responses'),
      { name: 'messages', type: 'anthropic', base_url: 'http://upstream.test', api_key: 'k', models: ['m'] },
      { name: 'gemini', type: 'google', base_url: 'http://upstream.test', api_key: 'k', models: ['m'] },
    ],
  }),
  version: 'test',
  metrics: () => '',
  recorder: { record() {}, streamsOpen() {} },
  fetch: helloFetch,
});

afterAll(() => gateway.stop({ drainMs: 0 }));

interface Case {
  readonly surface: SurfaceName;
  readonly upstream: SurfaceName;
  readonly stream: boolean;
  readonly body: Uint8Array<ArrayBuffer> | string;
}

/** The case of one number: the same number is the same case. */
function caseOf(number: number): Case {
  const random = randomOf(seed + number * 7919);
  const surface = surfaceNames[number % 4]!;
  const upstream = surfaceNames[Math.floor(number / 4) % 4]!;
  const stream = random.chance(0.4);
  const changed: JsonObject = mutated(random.pick(baseRequests(surface)), random, 1 + random.below(4));
  if (surface !== 'gemini') {
    if (random.chance(0.97)) changed.model = `${upstream}/m`;
    if (random.chance(0.97)) changed.stream = stream;
  }
  const text = JSON.stringify(changed);
  return { surface, upstream, stream, body: random.chance(0.03) ? garbled(text, random) : text };
}

async function ask({ surface, upstream, stream, body }: Case): Promise<{ status: number; faults: string[] }> {
  const path = pathOf(surface, `${upstream}/m`, stream);
  const request = new Request(`http://127.0.0.1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const began = performance.now();
  const response = await gateway.fetch(request);
  const faults = answerFaults(surface, response, await response.text());
  const tookMs = performance.now() - began;
  if (tookMs > answerMsMax) faults.push(`took ${Math.round(tookMs)} ms`);
  return { status: response.status, faults };
}

test(`${count} damaged requests are answered, or refused in the caller's protocol`, async () => {
  const found: string[] = [];
  let answered = 0;
  for (let number = 0; number < count && found.length < 20; number++) {
    const one = caseOf(number);
    const { status, faults } = await ask(one).catch((thrown: unknown) => ({
      status: 0,
      faults: [`threw ${String(thrown)}`],
    }));
    if (status === 200) answered++;
    const text = typeof one.body === 'string' ? one.body : new TextDecoder().decode(one.body);
    for (const fault of faults) {
      found.push(
        `seed ${seed}, case ${number}, ${one.surface} → ${one.upstream}: ${fault}\n${text.slice(0, 600)}`,
      );
    }
  }
  expect(found).toEqual([]);
  // Damage that is always or never noticed would try nothing.
  expect(answered / count).toBeWithin(0.3, 0.9);
}, 300_000);
