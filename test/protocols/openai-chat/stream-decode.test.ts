import { describe, expect, test } from 'bun:test';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { ReasoningPart, ToolCallPart } from '../../../src/turn/part.ts';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { chunk, decodeChunks, foldOf, source } from './support.ts';

const call = (
  index: number | undefined,
  id: string | undefined,
  name?: string,
  args?: string,
): JsonObject => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }],
});
const partsOf = (chunks: (JsonObject | string)[]) => foldOf(decodeChunks(chunks)).choices[0]!.parts;
const callsOf = (chunks: (JsonObject | string)[]) =>
  partsOf(chunks)
    .filter((part): part is ToolCallPart => part.kind === 'tool_call')
    .map(({ callId, name, input }) => [callId, name, input]);
const stopOf = (chunks: (JsonObject | string)[]) => foldOf(decodeChunks(chunks)).choices[0]?.stop;
const errorOf = (events: TurnEvent[]) => events.find((event) => event.kind === 'error')?.failure;

describe('text and its surroundings', () => {
  test('empty content opens no part', () => {
    expect(partsOf([chunk({ role: 'assistant', content: '' }), chunk({}, 'stop'), '[DONE]'])).toEqual([]);
  });

  test('text after a tool call is a part of its own, and the call ends before it', () => {
    const events = decodeChunks([
      chunk({ content: 'a' }),
      chunk(call(0, 'c1', 'f', '{}')),
      chunk({ content: 'b' }, 'tool_calls'),
      '[DONE]',
    ]);
    expect(events.map((event) => ('index' in event ? `${event.kind} ${event.index}` : event.kind))).toEqual([
      'start',
      'part_start 0',
      'part_delta 0',
      'part_end 0',
      'part_start 1',
      'part_delta 1',
      'part_end 1',
      'part_start 2',
      'part_delta 2',
      'part_end 2',
      'stop',
    ]);
  });

  test('a first chunk with an empty id waits for the real one', () => {
    const filter = [{ prompt_index: 0 }];
    const empty = { id: '', model: '', created: 0, object: '', choices: [], prompt_filter_results: filter };
    const events = decodeChunks([empty, chunk({ content: 'x' }, 'stop'), '[DONE]']);
    expect(events[0]).toEqual({
      kind: 'start',
      id: 'chatcmpl-1',
      model: 'm-1',
      created: 1700000000,
      extras: { 'openai-chat': { prompt_filter_results: filter } },
    });
  });

  test('choices may be an object', () => {
    const odd = { ...chunk({}), choices: {} };
    const single = { ...chunk({}), choices: { index: 0, delta: { content: 'x' }, finish_reason: 'stop' } };
    expect(partsOf([odd, single, '[DONE]'])).toEqual([{ kind: 'text', text: 'x' }]);
  });

  test('content may be an array of parts with thinking', () => {
    const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] });
    expect(
      partsOf([
        chunk({ content: [thinking('hm ')] }),
        chunk({ content: [thinking('yes'), { type: 'text', text: '4' }] }),
        chunk({ content: '2' }, 'stop'),
        '[DONE]',
      ]),
    ).toEqual([
      { kind: 'reasoning', text: 'hm yes' },
      { kind: 'text', text: '42' },
    ]);
  });

  test('an unknown content part is kept whole', () => {
    const reference = { type: 'reference', reference_ids: [1] };
    expect(partsOf([chunk({ content: [reference] }, 'stop'), '[DONE]'])).toEqual([
      { kind: 'native', protocol: 'openai-chat', type: 'reference', value: reference },
    ]);
  });

  test('two choices that interleave stay apart', () => {
    const of = (index: number, content: string, finish_reason: string | null = null) => ({
      ...chunk({}),
      choices: [{ index, delta: { content }, finish_reason }],
    });
    const reply = foldOf(
      decodeChunks([of(0, 'a'), of(1, 'x'), of(0, 'b', 'stop'), of(1, 'y', 'length'), '[DONE]']),
    );
    expect(
      reply.choices.map(({ parts, stop }) => [(parts[0] as { text: string }).text, stop?.reason]),
    ).toEqual([
      ['ab', 'end'],
      ['xy', 'length'],
    ]);
  });

  test('logprobs join the text they belong to', () => {
    const logprobs = { content: [{ token: 'a', logprob: -1, bytes: [97], top_logprobs: [] }], refusal: null };
    const with_ = chunk({ content: 'a' });
    (with_.choices as JsonObject[])[0]!.logprobs = logprobs;
    expect(partsOf([with_, chunk({}, 'stop'), '[DONE]'])).toEqual([
      { kind: 'text', text: 'a', logprobs: logprobs.content },
    ]);
  });

  test('citations arrive as annotations', () => {
    const annotation = {
      type: 'url_citation',
      url_citation: { start_index: 0, end_index: 1, url: 'https://a.example', title: 'A' },
    };
    expect(
      partsOf([chunk({ content: 'a' }), chunk({ annotations: [annotation] }, 'stop'), '[DONE]']),
    ).toEqual([
      {
        kind: 'text',
        text: 'a',
        citations: [
          {
            from: 'url',
            url: 'https://a.example',
            title: 'A',
            start: 0,
            end: 1,
            wire: { protocol: 'openai-chat', value: annotation },
          },
        ],
      },
    ]);
  });

  test('a list of sources beside the choices cites the first text, once', () => {
    const citations = ['https://a.example', 'https://b.example'];
    const parts = partsOf([
      chunk({ content: 'abc' }, undefined, { citations }),
      chunk({ reasoning: 'hm' }),
      chunk({ content: 'd' }, 'stop', { citations }),
      '[DONE]',
    ]);
    const urls = parts.map((part) =>
      part.kind === 'text' ? part.citations?.map(({ url, end }) => [url, end]) : 0,
    );
    expect(urls).toEqual([citations.map((url) => [url, 3]), 0, undefined]);
  });

  test('a spoken reply keeps its id, data, transcript and expiry', () => {
    expect(
      partsOf([
        chunk({ audio: { id: 'audio_1', transcript: 'Hel' } }),
        chunk({ audio: { data: 'AAAA', transcript: 'lo' } }),
        chunk({ audio: { data: 'BBBB' } }),
        chunk({ audio: { expires_at: 99 } }, 'stop'),
        '[DONE]',
      ]),
    ).toEqual([
      {
        kind: 'media',
        as: 'audio',
        id: 'audio_1',
        source: { by: 'bytes', data: 'AAAABBBB' },
        transcript: 'Hello',
        extras: { 'openai-chat': { expires_at: 99 } },
      },
    ]);
  });

  test('a whole message in one frame is read once, and not again when it restates the deltas', () => {
    const whole = {
      ...chunk({}),
      choices: [{ index: 0, message: { role: 'assistant', content: 'all' }, finish_reason: 'stop' }],
    };
    expect(partsOf([whole, '[DONE]'])).toEqual([{ kind: 'text', text: 'all' }]);
    expect(partsOf([chunk({ content: 'all' }), whole, '[DONE]'])).toEqual([{ kind: 'text', text: 'all' }]);
  });

  test('members that nobody knows travel beside the reply', () => {
    const events = decodeChunks([
      chunk({ content: 'a' }, undefined, { system_fingerprint: 'fp' }),
      chunk({ content: 'b', mood: 'glad' }, undefined, { system_fingerprint: 'fp' }),
      chunk({}, 'stop', { timings: { ms: 1 } }),
      '[DONE]',
    ]);
    expect(events[0]).toMatchObject({ extras: { 'openai-chat': { system_fingerprint: 'fp' } } });
    expect(events.filter((event) => event.kind === 'native').map((event) => event.value)).toEqual([
      { choice: 0, delta: { mood: 'glad' } },
      { timings: { ms: 1 } },
    ]);
  });
});

describe('tool calls', () => {
  const done = [chunk({}, 'tool_calls'), '[DONE]'];

  test('indexes may begin at one', () => {
    expect(
      callsOf([chunk(call(1, 'c1', 'f', '')), chunk(call(1, undefined, undefined, '{"a":1}')), ...done]),
    ).toEqual([['c1', 'f', '{"a":1}']]);
  });

  test('without an index, pieces belong to the last call and a new id begins another', () => {
    expect(
      callsOf([
        chunk(call(undefined, 'c1', 'f', '{"a"')),
        chunk(call(undefined, undefined, undefined, ':1}')),
        chunk(call(undefined, 'c2', 'g', '{}')),
        ...done,
      ]),
    ).toEqual([
      ['c1', 'f', '{"a":1}'],
      ['c2', 'g', '{}'],
    ]);
  });

  test('empty ids and names in later pieces change nothing', () => {
    expect(
      callsOf([
        chunk(call(0, 'c1', 'f', '')),
        chunk(call(0, '', '', '{"a":')),
        chunk(call(0, '', '', '1}')),
        ...done,
      ]),
    ).toEqual([['c1', 'f', '{"a":1}']]);
  });

  test('several calls in one delta stay apart and open until the end', () => {
    const entries = (delta: JsonObject) => delta.tool_calls as JsonObject[];
    const both = { tool_calls: [...entries(call(0, 'c1', 'f', '{')), ...entries(call(1, 'c2', 'g', '['))] };
    expect(
      callsOf([
        chunk(both),
        chunk(call(1, undefined, undefined, ']')),
        chunk(call(0, undefined, undefined, '}')),
        ...done,
      ]),
    ).toEqual([
      ['c1', 'f', '{}'],
      ['c2', 'g', '[]'],
    ]);
  });

  test('calls that all say index 0 are told apart by their ids', () => {
    expect(callsOf([chunk(call(0, 'c1', 'f', '{}')), chunk(call(0, 'c2', 'f', '{}')), ...done])).toEqual([
      ['c1', 'f', '{}'],
      ['c2', 'f', '{}'],
    ]);
  });

  test('a call without an id gets one', () => {
    expect(callsOf([chunk({ content: 'x' }), chunk(call(0, undefined, 'f', '{}')), ...done])).toEqual([
      ['call_chatcmpl-1_1', 'f', '{}'],
    ]);
  });

  test('a name and an id may come after the first arguments', () => {
    expect(callsOf([chunk(call(0, '', '', '{"a":')), chunk(call(0, 'c1', 'f', '1}')), ...done])).toEqual([
      ['c1', 'f', '{"a":1}'],
    ]);
  });

  test('arguments that come before the name wait for it', () => {
    expect(callsOf([chunk(call(0, 'c1', '', '{"a":')), chunk(call(0, '', 'f', '1}')), ...done])).toEqual([
      ['c1', 'f', '{"a":1}'],
    ]);
  });

  test('arguments may come as an object', () => {
    expect(
      callsOf([chunk({ tool_calls: [{ id: 'c1', function: { name: 'f', arguments: { a: 1 } } }] }), ...done]),
    ).toEqual([['c1', 'f', '{"a":1}']]);
  });

  test('a custom tool is called with text', () => {
    const [part] = partsOf([
      chunk({ tool_calls: [{ index: 0, id: 'c1', type: 'custom', custom: { name: 'sh', input: 'l' } }] }),
      chunk({ tool_calls: [{ index: 0, custom: { input: 's' } }] }),
      ...done,
    ]);
    expect(part).toMatchObject({
      kind: 'tool_call',
      family: 'custom',
      name: 'sh',
      input: 'ls',
      inputAs: 'text',
    });
  });

  test('a tool that went up under another name and kind comes back as the client knows it', () => {
    const names = new Map([['ns__patch', { name: 'patch', namespace: 'ns', custom: true }]]);
    const events = decodeChunks(
      [
        chunk(call(0, 'c1', 'ns__patch', '')),
        chunk(call(0, undefined, undefined, '{"input":"a\\')),
        chunk(call(0, undefined, undefined, 'nb"}')),
        ...done,
      ],
      { issuer: 'upstream', names },
    );
    expect(foldOf(events).choices[0]!.parts).toEqual([
      {
        kind: 'tool_call',
        callId: 'c1',
        family: 'custom',
        name: 'patch',
        namespace: 'ns',
        input: 'a\nb',
        inputAs: 'text',
        by: 'client',
      },
    ]);
  });

  test('the legacy function_call is a call like others', () => {
    const chunks = [
      chunk({ function_call: { name: 'f', arguments: '' } }),
      chunk({ function_call: { arguments: '{"a":1}' } }),
      chunk({}, 'function_call'),
      '[DONE]',
    ];
    expect(callsOf(chunks)).toEqual([['call_chatcmpl-1_0', 'f', '{"a":1}']]);
    expect(stopOf(chunks)).toEqual({ reason: 'tool_use', raw: 'function_call' });
  });

  test('what a server adds to a call is kept with it', () => {
    const extra_content = { google: { thought_signature: 'sig' } };
    const [part] = partsOf([
      chunk({
        tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{}' }, extra_content }],
      }),
      ...done,
    ]);
    expect(part!.extras).toEqual({ 'openai-chat': { extra_content } });
  });
});

describe('reasoning', () => {
  const text = (value: string, more: JsonObject = {}) => ({
    type: 'reasoning.text',
    text: value,
    index: 0,
    ...more,
  });

  for (const key of ['reasoning_content', 'reasoning', 'reasoning_text']) {
    test(`${key} is reasoning`, () => {
      expect(
        partsOf([chunk({ [key]: 'a' }), chunk({ [key]: 'b' }), chunk({ content: 'c' }, 'stop'), '[DONE]']),
      ).toEqual([
        { kind: 'reasoning', text: 'ab' },
        { kind: 'text', text: 'c' },
      ]);
    });
  }

  test('text in two members at once counts once, and the details become the seal', () => {
    const [part] = partsOf([
      chunk({ content: '', reasoning: 'a', reasoning_details: [text('a')] }),
      chunk({ content: '', reasoning: 'b', reasoning_details: [text('b')] }),
      chunk({ content: '', reasoning_details: [{ type: 'reasoning.text', signature: 'sig', index: 0 }] }),
      chunk({ content: 'c' }, 'stop'),
      '[DONE]',
    ]) as [ReasoningPart];
    expect(part.text).toBe('ab');
    expect(part.seal).toEqual({
      protocol: 'openai-chat',
      issuer: 'upstream',
      value: JSON.stringify([text('ab', { signature: 'sig' })]),
    });
  });

  test('details alone give the text too', () => {
    const [part] = partsOf([
      chunk({ reasoning_details: [text('a')] }),
      chunk({ content: 'c' }, 'stop'),
      '[DONE]',
    ]);
    expect(part).toMatchObject({ kind: 'reasoning', text: 'a' });
  });

  test('sealed reasoning without text is hidden and stands before the call it came with', () => {
    const encrypted = { type: 'reasoning.encrypted', data: 'xyz', id: 'c1', index: 0 };
    const parts = partsOf([
      chunk({ reasoning_details: [encrypted], ...call(0, 'c1', 'f', '{}') }),
      chunk({}, 'tool_calls'),
      '[DONE]',
    ]);
    expect(parts.map((part) => part.kind)).toEqual(['reasoning', 'tool_call']);
    expect(parts[0]).toMatchObject({ hidden: true, seal: { value: JSON.stringify([encrypted]) } });
  });

  test('reasoning_opaque seals the text beside it', () => {
    const [part] = partsOf([
      chunk({ reasoning_text: 'a' }),
      chunk({ reasoning_opaque: 'o' }),
      chunk({ content: 'c' }, 'stop'),
      '[DONE]',
    ]) as [ReasoningPart];
    expect(part).toMatchObject({ text: 'a', seal: { value: '{"reasoning_opaque":"o"}' } });
  });
});

describe('the end', () => {
  const a = chunk({ content: 'a' });

  test('a finish reason without [DONE] is a whole reply', () => {
    expect(stopOf([a, chunk({}, 'stop')])).toEqual({ reason: 'end', raw: 'stop' });
  });

  test('[DONE] without a finish reason is one, and a call in it is wanted', () => {
    expect(stopOf([a, '[DONE]'])).toEqual({ reason: 'end' });
    expect(stopOf([chunk(call(0, 'c1', 'f', '{}')), '[DONE]'])).toEqual({ reason: 'tool_use' });
  });

  test('neither of them is a cut', () => {
    const events = decodeChunks([a]);
    expect(errorOf(events)).toMatchObject({ kind: 'cut', scope: 'provider', status: 502, retryable: true });
    expect(events.some((event) => event.kind === 'stop')).toBe(false);
  });

  test('a body that breaks off within a frame is a cut', () => {
    expect(errorOf(decodeChunks([a, '{"id":"chatcmpl-1","cho']))?.kind).toBe('cut');
  });

  test('garbage between frames is a failure, not a gap', () => {
    expect(errorOf(decodeChunks([a, '{"id":', chunk({ content: 'b' }, 'stop'), '[DONE]']))?.kind).toBe(
      'upstream',
    );
  });

  test('one of two choices that never ends is a cut', () => {
    const second = { ...chunk({}), choices: [{ index: 1, delta: { content: 'x' }, finish_reason: null }] };
    expect(errorOf(decodeChunks([a, second, chunk({}, 'stop')]))?.kind).toBe('cut');
  });

  test('a finish reason that comes twice ends the reply once', () => {
    const events = decodeChunks([a, chunk({}, 'stop'), chunk({}, 'stop'), '[DONE]']);
    expect(events.filter((event) => event.kind === 'stop').length).toBe(1);
  });

  test('an error chunk ends it, also after the finish reason', () => {
    const error = { error: { message: 'Overloaded', type: 'server_error', code: 'overloaded' } };
    const events = decodeChunks([a, chunk({}, 'stop'), error, '[DONE]']);
    expect(events.at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'overloaded', message: 'Overloaded', status: 503, retryable: true },
    });
    expect(events.some((event) => event.kind === 'stop')).toBe(false);
  });

  test('a reply that ends in an error is no reply, whether the error is told or not', () => {
    expect(errorOf(decodeChunks([a, chunk({}, 'error'), '[DONE]']))).toMatchObject({
      kind: 'upstream',
      status: 502,
    });
    const told = chunk({}, 'error');
    (told.choices as JsonObject[])[0]!.error = { code: 429, message: 'slow down' };
    expect(errorOf(decodeChunks([a, told, '[DONE]']))).toMatchObject({
      kind: 'rate_limited',
      message: 'slow down',
    });
  });

  test('an error may come as an event of that name', () => {
    const decoder = openaiChat.streamDecoder(source);
    const out: TurnEvent[] = [];
    decoder.decode({ event: 'error', data: '{"message":"no","type":"invalid_request_error"}' }, out);
    expect(decoder.done).toBe(true);
    expect(errorOf(out)).toMatchObject({ kind: 'invalid_request', status: 400, message: 'no' });
  });

  test('error: null is no error', () => {
    expect(stopOf([chunk({ content: 'a' }, 'stop', { error: null }), '[DONE]'])).toEqual({
      reason: 'end',
      raw: 'stop',
    });
  });

  test('nothing follows the end', () => {
    const decoder = openaiChat.streamDecoder(source);
    const out: TurnEvent[] = [];
    for (const data of [chunk({ content: 'a' }, 'stop'), '[DONE]', chunk({ content: 'b' }), '[DONE]']) {
      decoder.decode({ event: undefined, data: typeof data === 'string' ? data : JSON.stringify(data) }, out);
    }
    decoder.end(out);
    expect(out.map((event) => event.kind)).toEqual(['start', 'part_start', 'part_delta', 'part_end', 'stop']);
  });

  test.each([
    ['length', 'length'],
    ['content_filter', 'filter'],
    ['tool_calls', 'end'],
    ['model_length', 'length'],
    ['surprise', 'other'],
  ])('%s without a call means %s', (raw, reason) => {
    expect(stopOf([chunk({ content: 'a' }, raw), '[DONE]'])).toEqual({ reason: reason as 'end', raw });
  });

  test('stop with a call means that the call is wanted, and with refusal text a refusal', () => {
    expect(stopOf([chunk(call(0, 'c', 'f', '{}'), 'stop'), '[DONE]'])?.reason).toBe('tool_use');
    expect(stopOf([chunk({ refusal: 'no' }, 'stop'), '[DONE]'])?.reason).toBe('refusal');
  });

  test('a filter verdict on the choice stays with its stop', () => {
    const filtered = chunk({ content: 'a' }, 'content_filter');
    (filtered.choices as JsonObject[])[0]!.content_filter_results = { hate: { filtered: true } };
    expect(decodeChunks([filtered, '[DONE]']).at(-1)).toMatchObject({
      extras: { 'openai-chat': { content_filter_results: { hate: { filtered: true } } } },
    });
  });
});

describe('usage', () => {
  const usageOf = (usage: JsonObject, more: JsonObject = {}) => {
    const { raw: _raw, ...counts } = foldOf(
      decodeChunks([chunk({ content: 'a' }), chunk({}, 'stop', { usage, ...more }), '[DONE]']),
    ).usage;
    return JSON.parse(JSON.stringify(counts));
  };

  test('the last figure wins', () => {
    const reply = foldOf(
      decodeChunks([
        chunk({ content: 'a' }, undefined, { usage: { prompt_tokens: 1, completion_tokens: 1 } }),
        chunk({ content: 'b' }, 'stop', { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
        '[DONE]',
      ]),
    );
    expect(reply.usage).toMatchObject({ fresh: 1, output: 2 });
  });

  test('prompt tokens include the cached ones, completion tokens the reasoning ones', () => {
    expect(
      usageOf({
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 20 },
      }),
    ).toEqual({ fresh: 30, cacheRead: 60, cacheWrite: 10, output: 30, reasoning: 20 });
  });

  test('reasoning beside the completion is known by the total, or by being more than it', () => {
    const counts = (reasoning_tokens: number, total_tokens?: number) =>
      usageOf({
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens,
        completion_tokens_details: { reasoning_tokens },
      });
    expect(counts(4, 15)).toEqual({ fresh: 10, output: 1, reasoning: 4 });
    expect(counts(4, 19)).toEqual({ fresh: 10, output: 5, reasoning: 4 });
    expect(counts(20)).toEqual({ fresh: 10, output: 5, reasoning: 20 });
  });

  test('servers put it in other places', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
    const reply = foldOf(
      decodeChunks([chunk({ content: 'a' }, 'stop', { x_groq: { id: 'r', usage } }), '[DONE]']),
    );
    expect(reply.usage).toMatchObject({ fresh: 3, output: 4 });
    const inChoice = chunk({ content: 'a' }, 'stop');
    (inChoice.choices as JsonObject[])[0]!.usage = usage;
    expect(foldOf(decodeChunks([inChoice, '[DONE]'])).usage).toMatchObject({ fresh: 3, output: 4 });
  });

  test('a reply that fails still tells what it cost', () => {
    const events = decodeChunks([
      chunk({ content: 'a' }, undefined, { usage: { prompt_tokens: 3, completion_tokens: 1 } }),
    ]);
    expect(events.map((event) => event.kind).slice(-2)).toEqual(['usage', 'error']);
  });
});
