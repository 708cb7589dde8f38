/** The same prompts by way of this provider and of another leave the same traces and give the same shapes. */
import { describe, expect } from 'bun:test';
import { turnMetrics } from '../../../src/telemetry/metrics.ts';
import type { TurnRecord } from '../../../src/telemetry/record.ts';
import { requestFields } from '../../../src/telemetry/request-fields.ts';
import { startBench as startOther } from '../../gateway/setup.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { failure } from './backend/backend.ts';
import { replies } from './backend/replies.ts';
import { post, startBench, test } from './setup.ts';

interface Trace {
  /** Of each call, or the status of a refusal. */
  readonly shape: unknown;
  readonly fields: readonly string[];
  readonly metrics: readonly string[];
}

const parameters = { type: 'object', properties: {} };
const messages = [{ role: 'user', content: 'weather?' }];

/** The same prompt and tool on every surface. */
const surfaces: Record<string, Record<string, unknown>> = {
  '/v1/chat/completions': {
    messages,
    tools: [{ type: 'function', function: { name: 'weather', parameters } }],
  },
  '/v1/responses': {
    input: messages,
    store: false,
    tools: [{ type: 'function', name: 'weather', parameters, strict: false }],
  },
  '/v1/messages': { messages, max_tokens: 100, tools: [{ name: 'weather', input_schema: parameters }] },
};

const cities = ['Paris', 'Rome'];
const usage = {
  input_tokens: 20,
  cache_read_input_tokens: 100,
  cache_creation_input_tokens: 0,
  output_tokens: 8,
};
const otherBlocks = blocksOfPayloads(
  [
    {
      type: 'message_start',
      message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm-1', content: [], usage },
    },
    ...cities.flatMap((city, index) => [
      {
        type: 'content_block_start',
        index,
        content_block: {
          type: 'tool_use',
          id: `call_${index + 1}`,
          name: 'weather',
          input: {},
          caller: { type: 'direct' },
        },
      },
      {
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: JSON.stringify({ city }) },
      },
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 8 } },
    { type: 'message_stop' },
  ].map((payload) => JSON.stringify(payload)),
  'anthropic-messages',
);

/** The structure of a value: names and kinds, not what they hold. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]));
}

function trace(record: TurnRecord, shape: unknown): Trace {
  const metrics = turnMetrics({ version: 'test' });
  metrics.record(record);
  const names = [...metrics.write().matchAll(/^(\w+)\{([^}]*)\}/gm)].map(
    ([, name, labels]) => `${name} ${labels!.replace(/"[^"]*"/g, '')}`,
  );
  const fields = Object.entries(requestFields(record)).filter(([, value]) => value !== undefined);
  return { shape, fields: fields.map(([name]) => name).sort(), metrics: [...new Set(names)].sort() };
}

/** Notes are of what one upstream takes and another does not, and reasoning of what one shows. */
const ofUpstream = /note|reasoning/;

type Json = Record<string, unknown>;
const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** The calls of a reply as the client has them, whole. */
async function calls(path: string, response: Response, stream: boolean): Promise<Json[]> {
  const data = stream ? await payloads(response) : [(await response.json()) as Json];
  if (path === '/v1/responses') {
    const whole = stream
      ? data.map(({ item }) => (item ?? {}) as Json).filter(isDone)
      : list(data[0]!.output);
    return whole.filter(({ type }) => type === 'function_call');
  }
  if (path === '/v1/messages') return stream ? blocks(data) : list(data[0]!.content).filter(isToolUse);
  if (stream)
    return merged(data.flatMap(({ choices }) => list(((list(choices)[0] ?? {}).delta as Json)?.tool_calls)));
  return list((list(data[0]!.choices)[0]!.message as Json).tool_calls);
}

const isDone = ({ status }: Json): boolean => status === 'completed';
const isToolUse = ({ type }: Json): boolean => type === 'tool_use';

const payloads = async (response: Response): Promise<Json[]> =>
  [...(await response.text()).matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data!) as Json);

function blocks(data: readonly Json[]): Json[] {
  const found = new Map<unknown, { block: Json; json: string }>();
  for (const { type, index, content_block: block, delta } of data) {
    if (type === 'content_block_start') found.set(index, { block: block as Json, json: '' });
    const known = found.get(index);
    if (type === 'content_block_delta' && known) known.json += String((delta as Json).partial_json ?? '');
  }
  return [...found.values()]
    .filter(({ block }) => isToolUse(block))
    .map(({ block, json }) => ({ ...block, input: JSON.parse(json) as unknown }));
}

function merged(deltas: readonly Json[]): Json[] {
  const found = new Map<unknown, Json>();
  for (const { index, function: part = {}, ...rest } of deltas) {
    const known = found.get(index) ?? {};
    const before = (known.function ?? { arguments: '' }) as Json;
    const next = {
      ...before,
      ...(part as Json),
      arguments: `${before.arguments}${(part as Json).arguments ?? ''}`,
    };
    found.set(index, { ...known, ...rest, function: next });
  }
  return [...found.values()];
}

async function here(path: string, stream: boolean, answer?: Response): Promise<Trace> {
  await using bench = await startBench();
  bench.backend.answers.push(answer ?? replies.calls());
  const response = await post(bench, path, { ...surfaces[path], stream });
  const shape = answer ? response.status : (await calls(path, response, stream)).map(shapeOf);
  await response.text().catch(() => '');
  expect(bench.records[0]!.provider).toBe('codex');
  return trace(bench.records[0]!, shape);
}

async function elsewhere(path: string, stream: boolean, status?: number): Promise<Trace> {
  // At the vendor's own address, where turns have prices.
  const vendor = 'https://api.anthropic.com';
  let address = '';
  const bench = startOther({
    providers(upstream) {
      address = upstream;
      return [
        { name: 'messages', type: 'anthropic', base_url: vendor, api_key: 'k', models: ['claude-opus-4-6'] },
      ];
    },
    fetch: ((url, init) => fetch(String(url).replace(vendor, address), init)) as typeof fetch,
  });
  try {
    bench.upstream.enqueue(
      status === undefined
        ? { kind: 'stream', blocks: otherBlocks }
        : {
            kind: 'body',
            status,
            body: JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'slow' } }),
          },
    );
    const response = await post(bench, path, {
      model: 'messages/claude-opus-4-6',
      ...surfaces[path],
      stream,
    });
    const shape = status ? response.status : (await calls(path, response, stream)).map(shapeOf);
    await response.text().catch(() => '');
    return trace(bench.records[0]!, shape);
  } finally {
    await bench.stop();
  }
}

const common = (names: readonly string[]) => names.filter((name) => !ofUpstream.test(name));

describe.each(Object.keys(surfaces))('a turn with tools at %s', (path) => {
  test.each([true, false])(
    'streamed: %p, gives the same calls, log fields and metrics as by way of another provider',
    async (stream) => {
      const [one, other] = await Promise.all([here(path, stream), elsewhere(path, stream)]);
      expect(one.shape).toHaveLength(2);
      expect(one.shape).toEqual(other.shape);
      expect(common(one.fields)).toEqual(common(other.fields));
      expect(common(one.metrics)).toEqual(common(other.metrics));
      expect(one.fields).toEqual(expect.arrayContaining(['provider', 'cost_usd']));
      expect(one.metrics.join()).toContain('token_usage');
    },
  );

  test('that is refused leaves the same log fields and metrics', async () => {
    const refusal = failure(429, { type: 'rate_limit_exceeded', message: 'slow' });
    const [one, other] = await Promise.all([here(path, false, refusal), elsewhere(path, false, 429)]);
    expect([one.shape, other.shape]).toEqual([429, 429]);
    expect(common(one.fields)).toEqual(common(other.fields));
    expect(common(one.metrics)).toEqual(common(other.metrics));
  });
});

test('a turn is worth the list price of its tokens, streamed or not', async () => {
  await using bench = await startBench();
  for (const stream of [true, false]) {
    await (await post(bench, '/v1/responses', { input: 'hi', stream })).text();
    const record = bench.records.at(-1)!;
    const { input = 0, cacheRead = 0, output = 0 } = record.prices!;
    // 120 tokens went in, of which 100 were cached, and 8 came out.
    const worth = (20 * input + 100 * cacheRead + 8 * output) / 1e6;
    expect(requestFields(record)).toMatchObject({
      cost: 'exact',
      cost_usd: expect.closeTo(worth, 9) as number,
    });
    expect(worth).toBeGreaterThan(0);
    const metrics = turnMetrics({ version: 'test' });
    metrics.record(record);
    expect(metrics.write()).toContain('dragoman_cost_usd_total{provider="codex",model="gpt-5.5"}');
  }
});

test('the metrics of a turn are labelled with its provider, however it was asked', async () => {
  const metrics = turnMetrics({ version: 'test' });
  for (const path of Object.keys(surfaces)) {
    for (const stream of [true, false]) {
      await using bench = await startBench();
      await (await post(bench, path, { ...surfaces[path], stream })).text();
      metrics.record(bench.records[0]!);
    }
  }
  const lines = metrics.write().split('\n');
  const requests = lines.filter((line) => line.startsWith('dragoman_requests_total{'));
  expect(requests).toHaveLength(6);
  for (const line of requests)
    expect(line).toMatch(/provider="codex",model="gpt-5\.5",status="200",stream="(true|false)"\} 1$/);
  const tokens = lines.filter((line) => line.startsWith('gen_ai_client_token_usage_sum{'));
  expect(tokens.filter((line) => line.includes('gen_ai_provider_name="codex"'))).toHaveLength(tokens.length);
  expect(tokens.length).toBeGreaterThanOrEqual(12);
});
