/** What turns cost, through a whole gateway whose providers are the vendors themselves, answered on loopback. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, providerSchemas, type Gateway } from '../../src/gateway.ts';
import { snapshot } from '../../src/routing/facts.ts';
import type { TurnRecord } from '../../src/telemetry/record.ts';
import { blocksOfPayloads } from '../support/corpus.ts';
import { eventually } from '../support/eventually.ts';
import { gate, startReplay, type ReplayUpstream } from '../support/replay.ts';
import { ask } from './setup.ts';

let upstream: ReplayUpstream;
let gateway: Gateway;
let url: string;
const records: TurnRecord[] = [];

/** Whatever goes to a vendor goes to the upstream on loopback. */
const redirected = ((input: string, init: RequestInit) =>
  fetch(upstream.url + new URL(input).pathname, init)) as typeof fetch;

beforeAll(() => {
  upstream = startReplay();
  const config = configSchema(providerSchemas).parse({
    providers: [
      { name: 'claude', type: 'anthropic', api_key: 'k', models: ['claude-opus-4-6', 'claude-unheard-of'] },
      { name: 'gpt', type: 'openai', api_key: 'k', models: ['gpt-5.4', 'text-embedding-3-small'] },
      { name: 'own', type: 'openai', base_url: 'http://127.0.0.1:1/v1', models: ['gpt-5.4'] },
    ],
  });
  gateway = createGateway({
    config,
    version: 'test',
    metrics: () => '',
    fetch: redirected,
    recorder: { record: (record) => void records.push(record), streamsOpen() {} },
  });
  ({ url } = gateway.listen({ host: '127.0.0.1', port: 0 }));
});

afterAll(async () => {
  await gateway.stop({ drainMs: 0 });
  await upstream.stop();
});

beforeEach(() => {
  records.length = 0;
  upstream.reset();
});

const messagesUsage = {
  input_tokens: 1000,
  cache_creation_input_tokens: 3000,
  cache_read_input_tokens: 10_000,
  cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
  service_tier: 'standard',
  inference_geo: 'global',
};
const messagesStream = (usage: Record<string, unknown> = {}) =>
  blocksOfPayloads(
    [
      {
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'claude-opus-4-6',
          content: [],
          stop_reason: null,
          usage: { ...messagesUsage, output_tokens: 2, ...usage },
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 400 } },
      { type: 'message_stop' },
    ].map((event) => JSON.stringify(event)),
    'anthropic-messages',
  );
/** 1000 × 5 + 10,000 × 0.5 + 1000 × 6.25 + 2000 × 10 + 400 × 25, of a million each. */
const messagesUsd = 0.04625;

/** The first of `list`, which comes shortly. */
async function first<T>(list: readonly T[]): Promise<T> {
  await eventually(() => list.length > 0);
  return list[0]!;
}
const recorded = () => first(records);

const cost = ({ costUsd, costBasis }: TurnRecord) => [costUsd, costBasis];

describe.each(['messages', 'chat'] as const)('a turn of a client of %s', (surface) => {
  test('that streams costs what its counts come to, cached tokens once', async () => {
    upstream.enqueue({ kind: 'stream', blocks: messagesStream() });
    await (await ask({ url }, surface, { model: 'claude/claude-opus-4-6', stream: true })).text();
    expect(cost(await recorded())).toEqual([messagesUsd, 'exact']);
  });

  test('that is not streamed costs the same', async () => {
    upstream.enqueue({
      kind: 'body',
      body: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-opus-4-6',
        content: [{ type: 'text', text: 'Hello' }],
        stop_reason: 'end_turn',
        usage: { ...messagesUsage, output_tokens: 400 },
      },
    });
    await (await ask({ url }, surface, { model: 'claude/claude-opus-4-6' })).text();
    expect(cost(await recorded())).toEqual([messagesUsd, 'exact']);
  });

  test('that is folded from a stream which breaks off keeps what was counted', async () => {
    upstream.enqueue({ kind: 'stream', blocks: messagesStream(), delivery: { endBefore: 3 } });
    await (await ask({ url }, surface, { model: 'claude/claude-opus-4-6' })).text();
    const record = await recorded();
    expect(record.outcome).toBe('cut');
    expect(cost(record)).toEqual([0.0363, 'partial']);
  });

  test('whose client leaves costs at least what was counted by then', async () => {
    const hold = gate();
    upstream.enqueue({
      kind: 'stream',
      blocks: messagesStream(),
      delivery: { split: 'event', hold: { before: 4, gate: hold } },
    });
    const leaving = new AbortController();
    const response = await ask(
      { url },
      surface,
      { model: 'claude/claude-opus-4-6', stream: true },
      { signal: leaving.signal },
    );
    const reader = response.body!.getReader();
    for (let text = ''; !text.includes('Hello');)
      text += new TextDecoder().decode((await reader.read()).value);
    leaving.abort();
    const record = await recorded();
    hold.open();
    expect(record.outcome).toBe('cancelled');
    expect(cost(record)).toEqual([0.0363, 'partial']);
  });
});

test('a turn in a region costs what the region costs', async () => {
  upstream.enqueue({ kind: 'stream', blocks: messagesStream({ inference_geo: 'us' }) });
  await (await ask({ url }, 'messages', { model: 'claude/claude-opus-4-6', stream: true })).text();
  expect(cost(await recorded())).toEqual([0.050875, 'exact']);
});

test('the tier that the upstream served with decides, not the one that was asked for', async () => {
  const usage = { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 };
  const answer = (service_tier: string) => ({
    kind: 'body' as const,
    body: {
      id: 'resp_1',
      object: 'response',
      status: 'completed',
      model: 'gpt-5.4',
      service_tier,
      output: [],
      usage,
    },
  });
  for (const tier of ['default', 'flex', 'priority', 'scale']) {
    upstream.enqueue(answer(tier));
    await (await ask({ url }, 'responses', { model: 'gpt/gpt-5.4', service_tier: 'flex' })).text();
  }
  expect(records.map(cost)).toEqual([
    [0.004, 'exact'],
    [0.002, 'exact'],
    [0.008, 'exact'],
    [undefined, 'unknown'],
  ]);
});

test('a model that has no price is of unknown cost', async () => {
  upstream.enqueue({ kind: 'stream', blocks: messagesStream() });
  await (await ask({ url }, 'messages', { model: 'claude/claude-unheard-of', stream: true })).text();
  const record = await recorded();
  expect(cost(record)).toEqual([undefined, 'unknown']);
  expect(record.costs[0]).toMatchObject({ lacks: 'price' });
});

test('somebody’s own server does not charge the vendor’s price', async () => {
  upstream.enqueue({
    kind: 'body',
    body: {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-5.4',
      choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
    },
  });
  await (await ask({ url }, 'chat', { model: 'own/gpt-5.4' })).text();
  expect(cost(await recorded())).toEqual([undefined, 'unknown']);
});

test('a refused turn costs nothing, and that is no unknown cost', async () => {
  upstream.enqueue({
    kind: 'body',
    status: 429,
    body: { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } },
  });
  await (await ask({ url }, 'messages', { model: 'claude/claude-opus-4-6' })).text();
  const record = await recorded();
  expect([...cost(record), record.costs]).toEqual([undefined, undefined, []]);
});

test('a turn whose answer never came is of unknown cost', async () => {
  upstream.enqueue({ kind: 'silent' });
  const leaving = new AbortController();
  const asked = ask({ url }, 'messages', { model: 'claude/claude-opus-4-6' }, { signal: leaving.signal });
  asked.catch(() => {});
  await first(upstream.requests);
  leaving.abort();
  const record = await recorded();
  expect(cost(record)).toEqual([undefined, 'unknown']);
  expect(record.costs[0]).toMatchObject({ lacks: 'usage' });
});

test('embeddings cost their input', async () => {
  upstream.enqueue({
    kind: 'body',
    body: {
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
      usage: { prompt_tokens: 1000, total_tokens: 1000 },
    },
  });
  const response = await fetch(`${url}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt/text-embedding-3-small', input: 'x' }),
  });
  await response.text();
  expect(cost(await recorded())).toEqual([0.00002, 'exact']);
});

test('a newer catalog takes effect while the gateway runs', async () => {
  const newer = structuredClone(snapshot.catalog) as unknown as {
    anthropic: { models: Record<string, { cost: object }> };
  };
  newer.anthropic.models['claude-opus-4-6']!.cost = { input: 1, output: 1, cache_read: 1, cache_write: 1 };
  const catalogs = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(newer) });
  const { promise: renewed, resolve } = Promise.withResolvers<unknown>();
  const own: TurnRecord[] = [];
  const running = createGateway({
    config: configSchema(providerSchemas).parse({
      catalog: { refresh: true, url: catalogs.url.href },
      providers: [{ name: 'claude', type: 'anthropic', api_key: 'k', models: ['claude-opus-4-6'] }],
    }),
    version: 'test',
    metrics: () => '',
    fetch: ((input: string, init: RequestInit) =>
      input === catalogs.url.href ? fetch(input, init) : redirected(input, init)) as typeof fetch,
    catalogAsked: resolve,
    recorder: { record: (record) => void own.push(record), streamsOpen() {} },
  });
  try {
    const at = running.listen({ host: '127.0.0.1', port: 0 });
    expect(await renewed).toMatchObject({ kind: 'renewed' });
    upstream.enqueue({ kind: 'stream', blocks: messagesStream() });
    await (await ask(at, 'messages', { model: 'claude/claude-opus-4-6', stream: true })).text();
    // 1000 + 10,000 + 1000 + 2000 twice as dear + 400.
    expect((await first(own)).costUsd).toBe(0.0164);
  } finally {
    await running.stop({ drainMs: 0 });
    await catalogs.stop(true);
  }
});

test('a limit beyond the model’s own is cut to it with a note', async () => {
  upstream.enqueue({ kind: 'stream', blocks: messagesStream() });
  const response = await ask({ url }, 'chat', {
    model: 'claude/claude-opus-4-6',
    stream: true,
    max_completion_tokens: 500_000,
  });
  await response.text();
  expect(upstream.requests[0]!.json).toMatchObject({ max_tokens: 128_000 });
  expect((await recorded()).notes.map(({ action }) => action)).toContain('clamped');
});
