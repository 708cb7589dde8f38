/** The same prompts by way of this provider and of another leave the same traces and give the same shapes. */
import { describe, expect } from 'bun:test';
import { turnMetrics } from '../../../src/telemetry/metrics.ts';
import type { TurnRecord } from '../../../src/telemetry/record.ts';
import { requestFields } from '../../../src/telemetry/request-fields.ts';
import { startBench as startOther } from '../../gateway/setup.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { replies } from './backend/replies.ts';
import { post, startBench, test } from './setup.ts';

interface Trace {
  readonly shape: unknown;
  readonly fields: readonly string[];
  readonly metrics: readonly string[];
}

const tools = [
  { type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
];
const prompt = { messages: [{ role: 'user', content: 'weather?' }], tools };

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
        content_block: { type: 'tool_use', id: `call_${index + 1}`, name: 'weather', input: {} },
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

async function calls(response: Response, stream: boolean): Promise<unknown> {
  if (!stream) {
    const body = (await response.json()) as { choices: { message: { tool_calls: unknown[] } }[] };
    return body.choices[0]!.message.tool_calls.map(shapeOf);
  }
  const text = await response.text();
  const found = new Map<number, { id: string; name: string; arguments: string }>();
  for (const [, data] of text.matchAll(/^data: (\{.*)$/gm)) {
    const chunk = JSON.parse(data!) as {
      choices: {
        delta: { tool_calls?: { index: number; id?: string; function?: Record<string, string> }[] };
      }[];
    };
    for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
      const known = found.get(call.index) ?? { id: '', name: '', arguments: '' };
      known.id += call.id ?? '';
      known.name += call.function?.name ?? '';
      known.arguments += call.function?.arguments ?? '';
      found.set(call.index, known);
    }
  }
  return [...found];
}

async function here(stream: boolean): Promise<Trace> {
  await using bench = await startBench();
  bench.backend.answers.push(replies.calls());
  const response = await post(bench, '/v1/chat/completions', { ...prompt, stream });
  const shape = await calls(response, stream);
  expect(bench.records[0]!.provider).toBe('codex');
  return trace(bench.records[0]!, shape);
}

async function elsewhere(stream: boolean): Promise<Trace> {
  const bench = startOther();
  try {
    bench.upstream.enqueue({ kind: 'stream', blocks: otherBlocks });
    const response = await post(bench, '/v1/chat/completions', { model: 'messages/m', ...prompt, stream });
    const shape = await calls(response, stream);
    return trace(bench.records[0]!, shape);
  } finally {
    await bench.stop();
  }
}

describe.each([true, false])('a turn with tools, streamed: %p', (stream) => {
  test('gives the same calls, log fields and metrics as by way of another provider', async () => {
    const [one, other] = await Promise.all([here(stream), elsewhere(stream)]);
    expect(one.shape).toEqual(other.shape);
    const common = (names: readonly string[]) => names.filter((name) => !ofUpstream.test(name));
    expect(common(one.fields)).toEqual(common(other.fields));
    expect(common(one.metrics)).toEqual(common(other.metrics));
    expect(one.fields).toContain('provider');
    expect(one.metrics.join()).toContain('token_usage');
  });
});
