import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { decodeEvents, foldOf } from './support.ts';

const created: JsonObject = {
  type: 'response.created',
  response: { id: 'resp_1', model: 'm-1', created_at: 1700000000, service_tier: 'auto', output: [] },
};
const completed = (output: JsonObject[] = [], more: JsonObject = {}): JsonObject => ({
  type: 'response.completed',
  response: { id: 'resp_1', status: 'completed', output, ...more },
});
const added = (output_index: number, item: JsonObject): JsonObject => ({
  type: 'response.output_item.added',
  output_index,
  item,
});
const done = (output_index: number, item: JsonObject): JsonObject => ({
  type: 'response.output_item.done',
  output_index,
  item,
});
const text = (delta: string, more: JsonObject = {}): JsonObject => ({
  type: 'response.output_text.delta',
  output_index: 0,
  content_index: 0,
  item_id: 'msg_1',
  delta,
  ...more,
});
const message = (value: string, id = 'msg_1'): JsonObject => ({
  id,
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: value, annotations: [], logprobs: [] }],
});
const partsOf = (payloads: (JsonObject | string)[]) => foldOf(decodeEvents(payloads)).choices[0]?.parts;
const kinds = (events: TurnEvent[]): string[] => events.map((event) => event.kind);

describe('a Responses stream with faults of real servers', () => {
  test('text that came only in deltas is kept when the final output is empty', () => {
    const head = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const events = decodeEvents([created, added(0, head), text('Hel'), text('lo'), completed()]);
    expect(foldOf(events).choices[0]?.parts).toMatchObject([{ kind: 'text', text: 'Hello' }]);
    expect(kinds(events)).toEqual(['start', 'part_start', 'part_delta', 'part_delta', 'part_end', 'stop']);
  });

  test('deltas of an item that was never announced begin it', () => {
    expect(partsOf([created, text('Hello'), completed([message('Hello')])])).toMatchObject([
      { kind: 'text', text: 'Hello', item: { id: 'msg_1' } },
    ]);
  });

  test('arguments of a call that was never announced wait for its name', () => {
    const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'f', arguments: '' };
    const events = decodeEvents([
      created,
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_1', delta: '{"a"' },
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'fc_1', delta: ':1}' },
      done(0, call),
      completed(),
    ]);
    expect(foldOf(events).choices[0]).toMatchObject({
      parts: [{ kind: 'tool_call', callId: 'call_1', name: 'f', input: '{"a":1}', by: 'client' }],
      stop: { reason: 'tool_use', raw: 'completed' },
    });
  });

  test('ids that change from event to event do not tear an item apart', () => {
    const head = { id: 'a', type: 'message', role: 'assistant', content: [] };
    const parts = partsOf([
      created,
      added(0, head),
      text('Hel', { item_id: 'b' }),
      text('lo', { item_id: 'c' }),
      done(0, message('Hello', 'd')),
      completed([message('Hello', 'e')]),
    ]);
    expect(parts).toHaveLength(1);
    expect(parts).toMatchObject([{ text: 'Hello', item: { id: 'd' } }]);
  });

  test('items that only the final output has come before the end', () => {
    const events = decodeEvents([
      created,
      done(0, message('one')),
      completed([message('one'), message('two', 'msg_2')]),
    ]);
    expect(foldOf(events).choices[0]?.parts).toMatchObject([{ text: 'one' }, { text: 'two' }]);
    expect(events.at(-1)?.kind).toBe('stop');
  });

  test('an item without its done event is closed by the final output', () => {
    const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'f', arguments: '' };
    const parts = partsOf([created, added(0, call), completed([{ ...call, arguments: '{"x":2}' }])]);
    expect(parts).toMatchObject([{ kind: 'tool_call', input: '{"x":2}' }]);
  });

  test('arguments that come only with the done events go out as a delta', () => {
    const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'f', arguments: '' };
    const events = decodeEvents([
      created,
      added(0, call),
      {
        type: 'response.function_call_arguments.done',
        output_index: 0,
        item_id: 'fc_1',
        arguments: '{"x":2}',
      },
      done(0, { ...call, arguments: '{"x":2}' }),
      completed(),
    ]);
    expect(events.filter((event) => event.kind === 'part_delta')).toEqual([
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'input', value: '{"x":2}' } },
    ]);
  });

  test('a done event that is longer than the deltas adds the rest', () => {
    const events = decodeEvents([created, text('Got it'), done(0, message('Got it, thanks')), completed()]);
    const deltas = events.flatMap((event) =>
      event.kind === 'part_delta' && event.delta.field === 'text' ? [event.delta.value] : [],
    );
    expect(deltas.join('')).toBe('Got it, thanks');
  });

  test('an event type that nobody knows is passed on and does not end the stream', () => {
    const strange = { type: 'response.strange.delta', output_index: 3, delta: 'x' };
    const events = decodeEvents([
      created,
      added(3, { id: 'x_1', type: 'strange_call' }),
      strange,
      completed(),
    ]);
    expect(events.find((event) => event.kind === 'native')).toEqual({
      kind: 'native',
      protocol: 'openai-responses',
      type: 'response.strange.delta',
      // The first item of the reply, whatever its number upstream.
      value: { ...strange, output_index: 0 },
    });
    expect(events.at(-1)?.kind).toBe('stop');
  });

  test('`[DONE]`, comments and text that is no object are passed over', () => {
    const events = decodeEvents([created, '[DONE]', 'ping', '', text('Hi'), completed()]);
    expect(foldOf(events).choices[0]?.parts).toMatchObject([{ text: 'Hi' }]);
  });

  test('an event that is broken JSON ends the stream with an error', () => {
    const events = decodeEvents([created, '{"type":"response.output_text.delta","del', completed()]);
    expect(events.at(-1)).toMatchObject({ kind: 'error', failure: { kind: 'upstream', retryable: true } });
  });

  test('the type may stand in the event field alone', () => {
    const out: TurnEvent[] = [];
    const decoder = openaiResponses.streamDecoder({ issuer: 'up' });
    decoder.decode({ event: 'response.created', data: '{"response":{"id":"resp_9"}}' }, out);
    decoder.decode(
      { event: 'response.completed', data: '{"response":{"status":"completed","output":[]}}' },
      out,
    );
    expect(kinds(out)).toEqual(['start', 'stop']);
    expect(decoder.done).toBe(true);
  });
});

describe('the end of a Responses stream', () => {
  test('a stream that stops without a terminal event was cut', () => {
    expect(decodeEvents([created, text('Hel')]).at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'cut', scope: 'provider', status: 502, retryable: true },
    });
  });

  test('`error` followed by `response.failed` is one error', () => {
    const error = {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      message: 'No more.',
      param: null,
    };
    const events = decodeEvents([
      created,
      { type: 'error', error },
      { type: 'response.failed', response: { error: { code: 'insufficient_quota', message: 'No more.' } } },
    ]);
    expect(kinds(events)).toEqual(['start', 'error']);
    expect(events[1]).toMatchObject({ failure: { kind: 'billing', scope: 'account', message: 'No more.' } });
  });

  test('`response.failed` alone is an error with its code', () => {
    const message = 'Rate limit reached. Please try again in 1.2s.';
    const failed = { type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message } } };
    expect(decodeEvents([created, failed]).at(-1)).toMatchObject({
      failure: { kind: 'rate_limited', status: 429, retryAfterMs: 1200, code: 'rate_limit_exceeded' },
    });
  });

  test('an error object amid the stream is an error', () => {
    const events = decodeEvents([
      created,
      { error: { message: 'Overloaded', code: 'server_is_overloaded' } },
    ]);
    expect(events.at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'overloaded', message: 'Overloaded' },
    });
  });

  for (const [why, reason] of [
    ['max_output_tokens', 'length'],
    ['content_filter', 'filter'],
    ['something_new', 'other'],
  ] as const) {
    test(`incomplete for ${why} is ${reason}`, () => {
      const incomplete = {
        type: 'response.incomplete',
        response: { status: 'incomplete', output: [], incomplete_details: { reason: why } },
      };
      expect(decodeEvents([created, incomplete]).at(-1)).toMatchObject({
        kind: 'stop',
        stop: { reason, raw: why, detail: { protocol: 'openai-responses', value: { reason: why } } },
      });
    });
  }

  test('usage comes before the stop, in disjoint counts', () => {
    const usage = {
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      output_tokens: 50,
      output_tokens_details: { reasoning_tokens: 20 },
      total_tokens: 150,
    };
    const events = decodeEvents([created, completed([message('Hi')], { usage })]);
    expect(kinds(events).slice(-2)).toEqual(['usage', 'stop']);
    expect(foldOf(events).usage).toMatchObject({
      fresh: 30,
      cacheRead: 60,
      cacheWrite: 10,
      output: 30,
      reasoning: 20,
    });
  });
});

describe('what the items of a stream become', () => {
  test('reasoning: summaries, text and the seal of its provider', () => {
    const head = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'early' };
    const parts = partsOf([
      created,
      added(0, head),
      { type: 'response.reasoning_summary_part.added', output_index: 0, summary_index: 0, part: {} },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'First' },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 1, delta: 'Second' },
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: {
          ...head,
          summary: [
            { type: 'summary_text', text: 'First' },
            { type: 'summary_text', text: 'Second' },
          ],
          encrypted_content: 'sealed',
        },
      },
      completed(),
    ]);
    expect(parts).toEqual([
      {
        kind: 'reasoning',
        id: 'rs_1',
        item: { id: 'rs_1', index: 0 },
        summary: ['First', 'Second'],
        seal: { protocol: 'openai-responses', issuer: 'upstream', value: 'sealed' },
      },
    ]);
  });

  test('reasoning of which only the seal is told is hidden', () => {
    const item = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'sealed' };
    const events = decodeEvents([
      created,
      added(0, { ...item, encrypted_content: 'early' }),
      done(0, item),
      completed(),
    ]);
    expect(events.find((event) => event.kind === 'part_start')).toMatchObject({ part: { hidden: true } });
    expect(foldOf(events).choices[0]?.parts).toMatchObject([{ hidden: true, seal: { value: 'sealed' } }]);
  });

  test('a search is a call with its result behind it', () => {
    const item = {
      id: 'ws_1',
      type: 'web_search_call',
      status: 'completed',
      action: { type: 'search', query: 'q' },
    };
    const events = decodeEvents([
      created,
      added(0, { ...item, status: 'in_progress' }),
      { type: 'response.web_search_call.searching', output_index: 0, item_id: 'ws_1' },
      done(0, item),
      completed(),
    ]);
    expect(events).toContainEqual({ kind: 'status', state: 'searching', choice: 0, index: 0 });
    expect(foldOf(events).choices[0]).toMatchObject({
      parts: [
        { kind: 'tool_call', by: 'server', family: 'web_search', callId: 'ws_1', wire: { value: item } },
        {
          kind: 'tool_result',
          by: 'server',
          callId: 'ws_1',
          outcome: 'ok',
          wire: { value: { fused: true } },
        },
      ],
      stop: { reason: 'end' },
    });
  });

  test('shell, patch and computer calls are for the client', () => {
    const shell = { id: 'lsh_1', type: 'local_shell_call', call_id: 'c1', action: { command: ['ls'] } };
    const patch = {
      id: 'apc_1',
      type: 'apply_patch_call',
      call_id: 'c2',
      operation: { type: 'delete_file', path: 'a' },
    };
    const computer = { id: 'cu_1', type: 'computer_call', call_id: 'c3', action: { type: 'screenshot' } };
    const reply = foldOf(decodeEvents([created, completed([shell, patch, computer])])).choices[0];
    expect(reply).toMatchObject({
      parts: [
        {
          kind: 'tool_call',
          by: 'client',
          family: 'shell',
          input: '{"command":["ls"]}',
          wire: { value: shell },
        },
        { kind: 'tool_call', by: 'client', family: 'editor', wire: { value: patch } },
        { kind: 'tool_call', by: 'client', family: 'computer', wire: { value: computer } },
      ],
      stop: { reason: 'tool_use' },
    });
  });

  test('a refusal is its own kind and the reason of the stop', () => {
    const events = decodeEvents([
      created,
      { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'I cannot.' },
      done(0, {
        id: 'm',
        type: 'message',
        role: 'assistant',
        content: [{ type: 'refusal', refusal: 'I cannot.' }],
      }),
      completed(),
    ]);
    expect(foldOf(events).choices[0]).toMatchObject({
      parts: [{ kind: 'refusal', text: 'I cannot.' }],
      stop: { reason: 'refusal', raw: 'completed' },
    });
  });

  test('both pieces of one message keep their item', () => {
    const item = message('one');
    (item.content as JsonObject[]).push({ type: 'output_text', text: 'two', annotations: [], logprobs: [] });
    const parts = partsOf([
      created,
      text('one'),
      text('two', { content_index: 1 }),
      done(0, item),
      completed(),
    ]);
    expect(parts).toMatchObject([
      { text: 'one', item: { index: 0 } },
      { text: 'two', item: { index: 0 } },
    ]);
  });

  test('sound is a media part with its transcript', () => {
    const parts = partsOf([
      created,
      { type: 'response.audio.delta', delta: 'UklG' },
      { type: 'response.audio.transcript.delta', delta: 'Hi' },
      { type: 'response.audio.done' },
      completed(),
    ]);
    expect(parts).toMatchObject([{ kind: 'media', as: 'audio', source: { data: 'UklG' }, transcript: 'Hi' }]);
  });

  test('a tool that went up under another name comes back under its own', () => {
    const names = new Map([['long_1', { name: 'a.long.name' }]]);
    const out: TurnEvent[] = [];
    const decoder = openaiResponses.streamDecoder({ issuer: 'up', names });
    const call = { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'long_1', arguments: '{}' };
    for (const event of [created, done(0, call), completed()]) {
      decoder.decode({ event: undefined, data: JSON.stringify(event) }, out);
    }
    expect(foldOf(out).choices[0]?.parts).toMatchObject([{ name: 'a.long.name' }]);
  });
});
