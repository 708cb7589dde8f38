/** Names that every object has by birth, where a client or an upstream chooses a name. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas } from '../../src/gateway.ts';
import type { Json, JsonObject } from '../../src/turn/json.ts';
import { hello, pathOf, type SurfaceName, surfaceNames } from '../gateway/setup.ts';
import { baseRequests } from '../properties/base-requests.ts';
import { helloFetch } from '../properties/upstream.ts';

setDefaultTimeout(120_000);

const inborn = ['__proto__', 'constructor', 'toString', 'valueOf'] as const;

let reply: string | undefined;
const answer = ((url: string, init: RequestInit) =>
  reply === undefined
    ? helloFetch(url, init)
    : Promise.resolve(
        new Response(reply, { headers: { 'content-type': 'text/event-stream' } }),
      )) as typeof fetch;

const openAi = (name: string, protocol: string) => ({
  name,
  type: 'openai',
  base_url: 'http://upstream.test/v1',
  protocols: [protocol],
  models: ['m'],
});
const gateway = createGateway({
  config: configSchema(providerSchemas).parse({
    providers: [
      openAi('chat', 'openai-chat'),
      openAi('responses', 'openai-responses'),
      { name: 'messages', type: 'anthropic', base_url: 'http://upstream.test', api_key: 'k', models: ['m'] },
      { name: 'gemini', type: 'google', base_url: 'http://upstream.test', api_key: 'k', models: ['m'] },
    ],
  }),
  fetch: answer,
});
afterAll(() => gateway.stop({ drainMs: 0 }));

async function ask(surface: SurfaceName, upstream: SurfaceName, body: JsonObject, stream: boolean) {
  const named = surface === 'gemini' ? body : { ...body, model: `${upstream}/m`, stream };
  const request = new Request(`http://localhost${pathOf(surface, `${upstream}/m`, stream)}`, {
    method: 'POST',
    body: JSON.stringify(named),
  });
  const response = await gateway.fetch(request);
  return { status: response.status, text: await response.text() };
}

/** A value with each of its texts in turn replaced; with `members`, also with each of its names. */
function* replacing(value: Json, word: string, members: boolean): Generator<Json> {
  if (typeof value === 'string') yield word;
  else if (Array.isArray(value)) {
    for (const [i, one] of value.entries())
      for (const changed of replacing(one, word, members)) yield value.with(i, changed);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, one] of Object.entries(value)) {
      if (one === undefined) continue;
      for (const changed of replacing(one, word, members)) yield { ...value, [name]: changed };
      const { [name]: _, ...others } = value;
      if (members) yield { ...others, [word]: one };
    }
  }
}

const bornWith = JSON.stringify([
  Object.getOwnPropertyNames(Object.prototype),
  Object.getOwnPropertyNames(Array.prototype),
  Object.getOwnPropertyNames(Function.prototype),
]);
const unpolluted = (): void =>
  expect(
    JSON.stringify([
      Object.getOwnPropertyNames(Object.prototype),
      Object.getOwnPropertyNames(Array.prototype),
      Object.getOwnPropertyNames(Function.prototype),
    ]),
  ).toBe(bornWith);

/** A word that nobody is born with: an inborn one must be treated just as it is. */
const strangerFor = (word: string): string => 'unheardOfIn'.padEnd(word.length, 'x').slice(0, word.length);

/** Without what differs from one answer to the next. */
const plain = (text: string, word: string): string =>
  text
    .replaceAll(word, strangerFor(word))
    .replace(/\b(?:req|resp|msg|rs|fc|cmp|chatcmpl|toolu|call|item|conv)_[\w-]+/g, 'id')
    .replace(/"(?:created|created_at|completed_at|responseId|id|item_id)":(?:\d+|"[^"]*")/g, 'when');

/** Where an inborn word is told apart from a stranger, or breaks something. */
async function differences(
  value: JsonObject,
  answered: (changed: JsonObject) => Promise<{ status: number; text: string }>,
): Promise<string[]> {
  const found: string[] = [];
  for (const word of inborn) {
    const strangers = replacing(value, strangerFor(word), true);
    for (const changed of replacing(value, word, true)) {
      const wanted = await answered(strangers.next().value as JsonObject);
      const { status, text } = await answered(changed as JsonObject);
      // As a name it sets what an object falls back on, which is its sender's affair as long as it is that object's only.
      const isOwn = word === '__proto__' && JSON.stringify(changed).includes('"__proto__":');
      const same = isOwn || plain(text, word) === plain(wanted.text, strangerFor(word));
      if (!same || status !== wanted.status)
        found.push(`${JSON.stringify(changed)}\n${text}\ninstead of\n${wanted.text}`);
    }
  }
  return found;
}

describe.each([...surfaceNames])('a %s client', (surface) => {
  test.each([...surfaceNames])('that chooses inborn names is served as any before %s', async (upstream) => {
    reply = undefined;
    const [body] = baseRequests(surface);
    const found = await differences(body!, (changed) => ask(surface, upstream, changed, false));
    expect(found.slice(0, 2)).toEqual([]);
    unpolluted();
  });
});

describe.each([...surfaceNames])('a %s upstream', (upstream) => {
  const { blocks } = hello[upstream];

  test.each([...surfaceNames])('that chooses inborn names is read as any for %s', async (surface) => {
    const [body] = baseRequests(surface);
    for (const [i, { data }] of blocks.entries()) {
      if (!data?.startsWith('{')) continue;
      const found = await differences(JSON.parse(data) as JsonObject, (changed) => {
        const texts = blocks.map(({ text }, j) =>
          i === j ? text.replace(data, () => JSON.stringify(changed)) : text,
        );
        reply = texts.map((text) => `${text}\n\n`).join('');
        return ask(surface, upstream, body!, true);
      });
      expect(found.slice(0, 2)).toEqual([]);
    }
    unpolluted();
  });
});
