import { describe, expect, test } from 'bun:test';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import { asArray, asObject, type JsonObject } from '../../../src/turn/json.ts';
import type { Part, Seal } from '../../../src/turn/part.ts';
import { grammarFaults } from '../../conformance/grammar.ts';
import { numberingFaults } from '../../conformance/numbering.ts';
import { eventSchemaFaults } from '../../conformance/schema.ts';
import { blocksOfSse, corpusAvailable, payloadsOf } from '../../support/corpus.ts';
import { context, encodeEvents, encodeText, foldOf, plain, replyEvents } from './support.ts';

const typesOf = (payloads: JsonObject[]) => payloads.map((payload) => payload.type);
const outputOf = (payloads: JsonObject[]) =>
  asArray(asObject(payloads.at(-1)?.response)?.output) as JsonObject[];
const outputFor = (parts: Part[]) => outputOf(encodeEvents(replyEvents(parts)));

const foreignSeal: Seal = { protocol: 'anthropic-messages', issuer: 'claude', value: 'c2ln' };
const call = (input: string, more: Partial<Extract<Part, { kind: 'tool_call' }>> = {}): Part => ({
  kind: 'tool_call',
  callId: 'toolu_1',
  family: 'function',
  name: 'get_weather',
  input,
  inputAs: 'json',
  by: 'client',
  ...more,
});

/** A reply of another protocol with one part of each kind that has an item here. */
const everything: Part[] = [
  { kind: 'reasoning', text: 'Let me think.', seal: foreignSeal },
  { kind: 'text', text: 'I will look.' },
  call('{"city":"Paris"}'),
  call('free text', { callId: 'toolu_2', family: 'custom', name: 'patch', inputAs: 'text' }),
  call('', { callId: 'toolu_3', name: 'now', namespace: 'clock' }),
  {
    kind: 'tool_call',
    callId: 'srvtoolu_1',
    family: 'web_search',
    name: 'web_search',
    input: '{"query":"news"}',
    inputAs: 'json',
    by: 'server',
  },
  {
    kind: 'tool_result',
    callId: 'srvtoolu_1',
    family: 'web_search',
    by: 'server',
    outcome: 'ok',
    output: { as: 'json', value: [{ type: 'web_search_result', url: 'https://a.example/', title: 'A' }] },
  },
  {
    kind: 'text',
    text: 'A says so.',
    citations: [
      {
        from: 'url',
        url: 'https://a.example/',
        title: 'A',
        wire: { protocol: 'anthropic-messages', value: { type: 'web_search_result_location' } },
      },
    ],
  },
  { kind: 'refusal', text: 'But not that.' },
  { kind: 'media', as: 'image', source: { by: 'bytes', data: 'aW1n' }, mime: 'image/png' },
];

describe('a reply on the Responses surface', () => {
  test('is written event by event, as its upstream justifies', () => {
    const part: Part = { kind: 'text', text: '' };
    const events: TurnEvent[] = [
      { kind: 'start', id: 'msg_abc', model: 'm-1', created: 1700000001 },
      { kind: 'part_start', choice: 0, index: 0, part },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'Hel' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'lo' } },
      { kind: 'part_end', choice: 0, index: 0 },
      { kind: 'usage', usage: { fresh: 3, output: 2 } },
      { kind: 'stop', choice: 0, stop: { reason: 'end', raw: 'end_turn' } },
    ];
    const texts = encodeText(events).map((text) => typesOf(payloadsOf(blocksOfSse(text)) as JsonObject[]));
    expect(texts).toEqual([
      ['response.created', 'response.in_progress'],
      [],
      ['response.output_item.added', 'response.content_part.added', 'response.output_text.delta'],
      ['response.output_text.delta'],
      ['response.output_text.done', 'response.content_part.done'],
      [],
      ['response.output_item.done', 'response.completed'],
      [],
    ]);
  });

  test.skipIf(!corpusAvailable)('keeps grammar, numbers and schemas with every kind of part', () => {
    const text = encodeText(replyEvents(everything, 'tool_use'), {
      tools: [{ type: 'function', name: 'get_weather' }],
      text: { format: null, verbosity: null },
      reasoning: { effort: 'low' },
    }).join('');
    const blocks = blocksOfSse(text);
    const written = payloadsOf(blocks) as JsonObject[];
    expect(grammarFaults('openai-responses', blocks)).toEqual([]);
    expect(numberingFaults('openai-responses', written)).toEqual([]);
    expect(written.flatMap((event) => eventSchemaFaults('openai-responses', event))).toEqual([]);
  });

  test('is accumulated by the official SDK to its own final response', async () => {
    const written = encodeEvents(replyEvents(everything, 'tool_use'));
    const lines = written.map((event) => `${JSON.stringify(event)}\n`).join('');
    const stream = ResponseStream.fromReadableStream(new Response(lines).body!);
    const final = await stream.finalResponse();
    expect(final.id).toBe('resp_msg_abc');
    expect(final.output_text).toBe('I will look.A says so.');
    expect(final.output.map((item) => item.type)).toEqual(
      outputOf(written).map((item) => item.type) as never,
    );
  });

  test('ends with the complete response: what was asked is echoed, with defaults', () => {
    const body: JsonObject = {
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', parameters: { type: 'object' } }],
      tool_choice: 'required',
      temperature: 0.5,
      metadata: { a: 'b' },
      store: false,
      reasoning: { effort: 'low', summary: 'auto' },
      prompt_cache_key: 'k',
      user: 'u',
    };
    const written = encodeEvents(replyEvents([{ kind: 'text', text: 'Hi' }]), body);
    expect(written.at(-1)).toMatchObject({
      type: 'response.completed',
      response: {
        id: 'resp_msg_abc',
        object: 'response',
        status: 'completed',
        model: 'm-1',
        created_at: 1700000001,
        completed_at: 1700000001,
        error: null,
        incomplete_details: null,
        instructions: 'Be brief.',
        tools: [{ type: 'function', name: 'f', description: null, strict: null }],
        tool_choice: 'required',
        temperature: 0.5,
        top_p: 1,
        metadata: { a: 'b' },
        store: false,
        reasoning: { effort: 'low', summary: 'auto' },
        text: { format: { type: 'text' } },
        truncation: 'disabled',
        parallel_tool_calls: true,
        prompt_cache_key: 'k',
        user: 'u',
        usage: {
          input_tokens: 17,
          input_tokens_details: { cached_tokens: 5, cache_write_tokens: 2 },
          output_tokens: 10,
          output_tokens_details: { reasoning_tokens: 3 },
          total_tokens: 27,
        },
      },
    });
  });

  test('whole is what the stream ends with', () => {
    const events = replyEvents(everything, 'tool_use');
    const streamed = encodeEvents(events).at(-1)?.response;
    const { body } = openaiResponses.encodeResult(foldOf(events), context());
    expect(plain(body)).toEqual(streamed as JsonObject);
  });
});

describe('items on the Responses surface', () => {
  test('thinking of another protocol is one summary, its signature packed for the way back', () => {
    const [item] = outputFor([{ kind: 'reasoning', text: 'Let me think.', seal: foreignSeal }]);
    expect(item).toEqual({
      id: 'rs_msg_abc_0',
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'Let me think.' }],
      encrypted_content: 'drg1:anthropic-messages:claude::c2ln',
    });
    const back = openaiResponses.decodeRequest({ model: 'm', input: [item!] });
    expect(back.turns[0]?.parts[0]).toMatchObject({ kind: 'reasoning', seal: foreignSeal });
  });

  test('thinking that is withheld carries only the seal', () => {
    const [item] = outputFor([{ kind: 'reasoning', hidden: true, seal: foreignSeal }]);
    expect(item).toMatchObject({ summary: [], encrypted_content: 'drg1:anthropic-messages:claude::c2ln' });
  });

  test('reasoning of this protocol keeps its id, its content and its bare seal', () => {
    const seal: Seal = { protocol: 'openai-responses', issuer: 'up', value: 'sealed' };
    const part: Part = {
      kind: 'reasoning',
      id: 'rs_9',
      item: { id: 'rs_9', index: 0 },
      text: 'T',
      summary: ['S'],
      seal,
    };
    expect(outputFor([part])).toEqual([
      {
        id: 'rs_9',
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: 'S' }],
        content: [{ type: 'reasoning_text', text: 'T' }],
        encrypted_content: 'sealed',
      },
    ]);
  });

  test('texts of one upstream message are one message, others are a message each', () => {
    const own = (text: string, index: number, phase?: string): Part => ({
      kind: 'text',
      text,
      item: { id: `msg_${index}`, index, phase },
    });
    expect(outputFor([own('a', 0, 'commentary'), own('b', 0, 'commentary'), own('c', 1)])).toMatchObject([
      { id: 'msg_0', phase: 'commentary', content: [{ text: 'a' }, { text: 'b' }] },
      { id: 'msg_1', content: [{ text: 'c' }] },
    ]);
    const foreign = outputFor([
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b' },
    ]);
    expect(foreign).toMatchObject([{ content: [{ text: 'a' }] }, { content: [{ text: 'b' }] }]);
  });

  test('an empty text of another protocol is no message', () => {
    expect(outputFor([{ kind: 'text', text: '' }, call('{}')]).map((item) => item.type)).toEqual([
      'function_call',
    ]);
  });

  test('a call without arguments gets an empty object, a cut one keeps its prefix', () => {
    expect(outputFor([call(''), call('{"a":', { callId: 'c2' })])).toMatchObject([
      {
        type: 'function_call',
        arguments: '{}',
        status: 'completed',
        call_id: 'toolu_1',
        name: 'get_weather',
      },
      { type: 'function_call', arguments: '{"a":', status: 'incomplete' },
    ]);
  });

  test('parallel calls may interleave', () => {
    const written = encodeEvents([
      { kind: 'start', id: 'chatcmpl-1' },
      { kind: 'part_start', choice: 0, index: 0, part: call('') },
      { kind: 'part_start', choice: 0, index: 1, part: call('', { callId: 'c2' }) },
      { kind: 'part_delta', choice: 0, index: 1, delta: { field: 'input', value: '{"b":2}' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'input', value: '{"a":1}' } },
      { kind: 'part_end', choice: 0, index: 0 },
      { kind: 'part_end', choice: 0, index: 1 },
      { kind: 'stop', choice: 0, stop: { reason: 'tool_use' } },
    ]);
    expect(outputOf(written)).toMatchObject([
      { arguments: '{"a":1}' },
      { arguments: '{"b":2}', call_id: 'c2' },
    ]);
    expect(numberingFaults('openai-responses', written)).toEqual([]);
  });

  test('a search of another protocol is one item with the addresses it found', () => {
    const [item] = outputFor(everything.slice(5, 7));
    expect(item).toMatchObject({
      type: 'web_search_call',
      status: 'completed',
      action: { type: 'search', query: 'news', sources: [{ type: 'url', url: 'https://a.example/' }] },
    });
  });

  test('a citation without a span annotates the whole text, when that is known', () => {
    const written = encodeEvents(replyEvents(everything.slice(7, 8)));
    const types = typesOf(written);
    expect(types.indexOf('response.output_text.annotation.added')).toBeGreaterThan(
      types.lastIndexOf('response.output_text.delta'),
    );
    expect(outputOf(written)[0]).toMatchObject({
      content: [{ annotations: [{ type: 'url_citation', start_index: 0, end_index: 10, title: 'A' }] }],
    });
  });

  test("another protocol's compaction comes back whole on the next turn", () => {
    const value = { type: 'compaction', content: 'So far: nothing.' };
    const part: Part = {
      kind: 'compaction',
      summary: 'So far: nothing.',
      wire: { protocol: 'anthropic-messages', value },
    };
    const [item] = outputFor([part]);
    expect(item?.type).toBe('compaction');
    const back = openaiResponses.decodeRequest({ model: 'm', input: [item!] });
    expect(back.turns[0]?.parts[0]).toMatchObject(part);
  });

  test('log-probabilities ride on their text', () => {
    const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [] };
    const written = encodeEvents([
      { kind: 'start' },
      { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: '' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'logprobs', value: [token] } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'Hi' } },
      { kind: 'part_end', choice: 0, index: 0 },
      { kind: 'stop', choice: 0, stop: { reason: 'end' } },
    ]);
    expect(written.find((event) => event.type === 'response.output_text.delta')).toMatchObject({
      logprobs: [token],
    });
    expect(outputOf(written)).toMatchObject([{ content: [{ logprobs: [token] }] }]);
  });
});

describe('how a reply ends on the Responses surface', () => {
  const endOf = (
    stop: Extract<TurnEvent, { kind: 'stop' }>['stop'],
    parts: Part[] = [{ kind: 'text', text: 'x' }],
  ) => {
    const encoder = openaiResponses.streamEncoder(context());
    const events = [...replyEvents(parts).slice(0, -1), { kind: 'stop', choice: 0, stop } as const];
    const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
    const last = (payloadsOf(blocksOfSse(text)) as JsonObject[]).at(-1)!;
    const { status, incomplete_details } = last.response as JsonObject;
    return { type: last.type, status, incomplete_details, notes: encoder.notes.map((note) => note.path) };
  };

  test('a token limit is incomplete, and so is the last message', () => {
    expect(endOf({ reason: 'length' })).toEqual({
      type: 'response.incomplete',
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      notes: [],
    });
    const written = encodeEvents(replyEvents([{ kind: 'text', text: 'x' }], 'length'));
    expect(outputOf(written)).toMatchObject([{ status: 'incomplete' }]);
  });

  test('a filter is incomplete', () => {
    expect(endOf({ reason: 'filter' })).toMatchObject({ incomplete_details: { reason: 'content_filter' } });
  });

  test('a refusal with words is complete, one without is a filter', () => {
    expect(endOf({ reason: 'refusal' }, [{ kind: 'refusal', text: 'No.' }])).toMatchObject({
      status: 'completed',
    });
    expect(endOf({ reason: 'refusal' }, [])).toMatchObject({
      incomplete_details: { reason: 'content_filter' },
    });
  });

  test('a pause is complete with a note', () => {
    expect(endOf({ reason: 'pause', raw: 'pause_turn' })).toMatchObject({
      status: 'completed',
      notes: ['stop_reason'],
    });
  });

  test('only the first of several choices is carried, with a note', () => {
    const encoder = openaiResponses.streamEncoder(context());
    const events: TurnEvent[] = [
      { kind: 'start' },
      { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: 'a' } },
      { kind: 'part_start', choice: 1, index: 0, part: { kind: 'text', text: 'b' } },
      { kind: 'part_delta', choice: 1, index: 0, delta: { field: 'text', value: 'B' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'A' } },
      { kind: 'stop', choice: 0, stop: { reason: 'end' } },
      { kind: 'stop', choice: 1, stop: { reason: 'end' } },
    ];
    const written = payloadsOf(
      blocksOfSse(events.map((event) => encoder.encode(event)).join('')),
    ) as JsonObject[];
    expect(outputOf(written)).toMatchObject([{ content: [{ text: 'aA' }] }]);
    expect(encoder.notes).toMatchObject([{ path: 'n', weight: 'degrade' }]);
  });

  test('a failure keeps the text so far, runs no half call, and is an error and a failed response', () => {
    const written = encodeEvents([
      { kind: 'start', id: 'x' },
      { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: 'Before' } },
      { kind: 'part_end', choice: 0, index: 0 },
      { kind: 'part_start', choice: 0, index: 1, part: call('{"half":') },
      {
        kind: 'error',
        failure: { kind: 'cut', scope: 'provider', status: 502, retryable: true, message: 'cut off' },
      },
      { kind: 'stop', choice: 0, stop: { reason: 'end' } },
    ]);
    expect(typesOf(written).slice(-2)).toEqual(['error', 'response.failed']);
    expect(written.at(-2)).toMatchObject({ code: null, message: 'cut off', error: { type: 'server_error' } });
    expect(written.at(-1)).toMatchObject({
      response: {
        status: 'failed',
        error: { code: 'server_error', message: 'cut off' },
        output: [{ type: 'message' }],
      },
    });
    expect(numberingFaults('openai-responses', written)).toEqual([]);
  });

  test('what has no item here is noted', () => {
    const encoder = openaiResponses.streamEncoder(context());
    const parts: Part[] = [
      {
        kind: 'notice',
        what: 'fallback',
        wire: { protocol: 'anthropic-messages', value: { type: 'fallback' } },
      },
      { kind: 'native', protocol: 'openai-chat', type: 'strange', value: {} },
    ];
    for (const event of replyEvents(parts)) encoder.encode(event);
    expect(encoder.notes.map((note) => note.path)).toEqual(['reply.notice', 'reply.strange']);
  });
});
