import { describe, expect, test } from 'bun:test';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, Seal } from '../../../src/turn/part.ts';
import { asked, chunksOf, context, encodeEvents, foldOf } from './support.ts';

const start: TurnEvent = { kind: 'start', id: 'msg_1', model: 'claude', created: 5 };
const stop = (reason: 'end' | 'tool_use' | 'refusal' | 'pause' | 'filter' = 'end'): TurnEvent => ({
  kind: 'stop',
  choice: 0,
  stop: { reason },
});
const begin = (index: number, part: Part): TurnEvent => ({ kind: 'part_start', choice: 0, index, part });
const add = (index: number, delta: Extract<TurnEvent, { kind: 'part_delta' }>['delta']): TurnEvent => ({
  kind: 'part_delta',
  choice: 0,
  index,
  delta,
});
const finish = (index: number, part?: Part): TurnEvent => ({ kind: 'part_end', choice: 0, index, part });
const text = (value: string): Part => ({ kind: 'text', text: value });
const calling = (callId: string, name: string, more: Partial<Part> = {}): Part =>
  ({
    kind: 'tool_call',
    callId,
    family: 'function',
    name,
    input: '',
    inputAs: 'json',
    by: 'client',
    ...more,
  }) as Part;

const deltasOf = (events: TurnEvent[], at = context()): JsonObject[] =>
  (chunksOf(encodeEvents(events, at)).filter((chunk) => typeof chunk !== 'string') as JsonObject[]).map(
    (chunk) => (chunk.choices as JsonObject[])[0]!.delta as JsonObject,
  );

/** What the official SDK makes of a stream. */
async function accumulated(events: TurnEvent[]): Promise<JsonObject> {
  const lines = chunksOf(encodeEvents(events, context({ usage: true })))
    .filter((chunk) => typeof chunk !== 'string')
    .map((chunk) => JSON.stringify(chunk) + '\n');
  const stream = new ReadableStream({
    start(controller) {
      for (const line of lines) controller.enqueue(new TextEncoder().encode(line));
      controller.close();
    },
  });
  const final = await ChatCompletionStream.fromReadableStream(stream).finalChatCompletion();
  return JSON.parse(JSON.stringify(final)) as JsonObject;
}
const messageOf = (completion: JsonObject): JsonObject =>
  (completion.choices as JsonObject[])[0]!.message as JsonObject;

describe('the frames of a reply', () => {
  const events = [start, begin(0, text('')), add(0, { field: 'text', value: 'Hi' }), finish(0), stop()];

  test('one id, date and model; role first, then text, finish, [DONE]', () => {
    const same = { id: 'chatcmpl-msg_1', object: 'chat.completion.chunk', created: 5, model: 'claude' };
    const of = (delta: JsonObject, finish_reason: string | null = null) => ({
      ...same,
      choices: [{ index: 0, delta, finish_reason }],
    });
    expect(chunksOf(encodeEvents(events))).toEqual([
      of({ role: 'assistant' }),
      of({ content: 'Hi' }),
      of({}, 'stop'),
      '[DONE]',
    ]);
  });

  test('usage comes last, without choices, when the client asked for it and only then', () => {
    const usage: TurnEvent = {
      kind: 'usage',
      usage: { fresh: 3, cacheRead: 4, cacheWriteHour: 5, output: 6, reasoning: 7 },
    };
    const counted = [...events.slice(0, -1), usage, stop()];
    expect(encodeEvents(counted)).not.toContain('usage');
    const chunks = chunksOf(encodeEvents(counted, context({ usage: true }))) as JsonObject[];
    expect(chunks.at(-2)).toMatchObject({
      choices: [],
      usage: {
        prompt_tokens: 12,
        completion_tokens: 13,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 5 },
        completion_tokens_details: { reasoning_tokens: 7 },
      },
    });
    expect(chunks.slice(0, -2).every((chunk) => chunk.usage === null)).toBe(true);
  });

  test('an error ends the stream without [DONE]', () => {
    const failure = {
      kind: 'cut',
      scope: 'provider',
      status: 502,
      message: 'gone',
      retryable: true,
    } as const;
    const encoded = encodeEvents([...events.slice(0, 3), { kind: 'error', failure }]);
    expect(encoded).not.toContain('[DONE]');
    expect(chunksOf(encoded).at(-1)).toEqual({
      error: { message: 'gone', type: 'server_error', param: null, code: 'upstream_cut' },
    });
    expect(openaiChat.failureFrames(failure, { requestId: 'r', lastData: undefined })).toBe(
      encoded.slice(encoded.lastIndexOf('data: ')),
    );
  });

  test('a stream that never stopped is not closed as if it had', () => {
    expect(encodeEvents(events.slice(0, 3))).not.toContain('[DONE]');
  });

  test('a keepalive is a comment', () => {
    expect(openaiChat.streamEncoder(context()).encode({ kind: 'keepalive' })).toBe(': keep-alive\n\n');
  });

  test('text that is told only at the end of its part still goes out', () => {
    expect(deltasOf([start, begin(0, text('')), finish(0, text('late')), stop()])).toEqual([
      { role: 'assistant' },
      { content: 'late' },
      {},
    ]);
    expect(
      deltasOf([start, finish(0, calling('c', 'f', { input: '{"a":1}' } as Partial<Part>)), stop()]).slice(
        1,
        3,
      ),
    ).toEqual([
      { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] },
    ]);
  });

  test.each([
    ['end', 'stop'],
    ['tool_use', 'tool_calls'],
    ['filter', 'content_filter'],
    ['refusal', 'content_filter'],
    ['pause', 'stop'],
  ] as const)('%s ends as %s', (reason, word) => {
    const encoder = openaiChat.streamEncoder(context());
    const last = encoder.encode(start) + encoder.encode(stop(reason));
    expect(last).toContain(`"finish_reason":"${word}"`);
    expect(encoder.notes.length).toBe(reason === 'pause' ? 1 : 0);
  });

  test('a refusal in words ends with stop', () => {
    const encoded = encodeEvents([
      start,
      begin(0, { kind: 'refusal', text: 'no' }),
      finish(0),
      stop('refusal'),
    ]);
    expect(encoded).toContain('"delta":{"refusal":"no"}');
    expect(encoded).toContain('"finish_reason":"stop"');
  });
});

describe('tool calls', () => {
  test('parallel calls are numbered in order and keep their pieces apart', async () => {
    const completion = await accumulated([
      start,
      begin(0, calling('c1', 'f')),
      begin(1, calling('c2', 'g')),
      add(1, { field: 'input', value: '{"b":' }),
      add(0, { field: 'input', value: '{"a":1}' }),
      add(1, { field: 'input', value: '2}' }),
      finish(0),
      finish(1),
      stop('tool_use'),
    ]);
    expect(messageOf(completion)).toMatchObject({
      content: null,
      tool_calls: [
        { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
        { id: 'c2', type: 'function', function: { name: 'g', arguments: '{"b":2}' } },
      ],
    });
  });

  test('a call without arguments has {}', () => {
    expect(deltasOf([start, begin(0, calling('c', 'f')), finish(0), stop('tool_use')])[2]).toEqual({
      tool_calls: [{ index: 0, function: { arguments: '{}' } }],
    });
  });

  test('a custom tool gets its text', async () => {
    const custom = calling('c', 'sh', { family: 'custom', inputAs: 'text' } as Partial<Part>);
    const completion = await accumulated([
      start,
      begin(0, custom),
      add(0, { field: 'input', value: 'ls' }),
      finish(0),
      stop('tool_use'),
    ]);
    expect(messageOf(completion).tool_calls).toEqual([
      { id: 'c', type: 'custom', custom: { name: 'sh', input: 'ls' } },
    ]);
  });

  test('a client of the legacy functions gets a function_call', () => {
    const at = context({ body: { functions: [{ name: 'f' }] } });
    const events = [
      start,
      begin(0, calling('c', 'f')),
      add(0, { field: 'input', value: '{}' }),
      finish(0),
      stop('tool_use'),
    ];
    expect(deltasOf(events, at)).toEqual([
      { role: 'assistant' },
      { function_call: { name: 'f', arguments: '' } },
      { function_call: { arguments: '{}' } },
      {},
    ]);
    expect(encodeEvents(events, at)).toContain('"finish_reason":"function_call"');
    const { body } = openaiChat.encodeResult(foldOf(events), at);
    expect((body.choices as JsonObject[])[0]).toMatchObject({
      message: { function_call: { name: 'f', arguments: '{}' } },
      finish_reason: 'function_call',
    });
  });

  test('steps of hosted tools are noted and never become text', () => {
    const encoder = openaiChat.streamEncoder(context());
    const hosted = calling('ws', 'web_search', {
      family: 'web_search',
      by: 'server',
      input: '{"query":"x"}',
    } as Partial<Part>);
    const encoded = [start, begin(0, hosted), finish(0), begin(1, text('a')), finish(1), stop()]
      .map((event) => encoder.encode(event))
      .join('');
    expect(encoded).not.toContain('query');
    expect(encoder.notes).toMatchObject([{ path: 'tool_call', action: 'dropped' }]);
  });
});

describe('citations', () => {
  test('go out once, whole, and count from the beginning of the message', async () => {
    const cite = (url: string, more: object = {}): TurnEvent =>
      add(1, {
        field: 'citation',
        value: { from: 'url', url, title: 'T', wire: { protocol: 'anthropic-messages', value: {} }, ...more },
      });
    const completion = await accumulated([
      start,
      begin(0, text('Hello ')),
      finish(0),
      begin(1, text('')),
      cite('https://a.example'),
      add(1, { field: 'text', value: 'world' }),
      cite('https://b.example', { start: 1, end: 3 }),
      finish(1),
      stop(),
    ]);
    expect(messageOf(completion)).toMatchObject({
      content: 'Hello world',
      annotations: [
        {
          type: 'url_citation',
          url_citation: { url: 'https://a.example', title: 'T', start_index: 6, end_index: 11 },
        },
        {
          type: 'url_citation',
          url_citation: { url: 'https://b.example', title: 'T', start_index: 7, end_index: 9 },
        },
      ],
    });
  });

  test('of a document are noted', () => {
    const encoder = openaiChat.streamEncoder(context());
    const citation = { from: 'document', wire: { protocol: 'anthropic-messages', value: {} } } as const;
    for (const event of [
      start,
      begin(0, { kind: 'text', text: 'a', citations: [citation] }),
      finish(0),
      stop(),
    ]) {
      expect(encoder.encode(event)).not.toContain('annotations');
    }
    expect(encoder.notes).toMatchObject([{ path: 'citations', action: 'dropped' }]);
  });
});

describe('reasoning', () => {
  const seal: Seal = { protocol: 'anthropic-messages', issuer: 'claude', value: 'EpYD+/=' };

  test('text goes out as reasoning_content, summaries one below the other', () => {
    const deltas = deltasOf([
      start,
      begin(0, { kind: 'reasoning', summary: [] }),
      add(0, { field: 'summary', section: 0, value: 'a' }),
      add(0, { field: 'summary', section: 0, value: 'b' }),
      add(0, { field: 'summary', section: 1, value: 'c' }),
      add(0, { field: 'summary', section: 1, value: 'd' }),
      finish(0),
      stop(),
    ]);
    expect(deltas.map((delta) => delta.reasoning_content ?? '').join('')).toBe('ab\n\ncd');
  });

  test.each([
    ['thinking', [{ kind: 'reasoning', text: 'I think.' }]],
    ['summaries', [{ kind: 'reasoning', id: 'rs_1', summary: ['one', 'two'] }]],
    ['withheld thinking', [{ kind: 'reasoning', hidden: true }]],
    [
      'two thoughts',
      [
        { kind: 'reasoning', text: 'first' },
        { kind: 'reasoning', text: 'second' },
      ],
    ],
  ] as [string, Part[]][])(
    'sealed %s come back whole from a message that the SDK put together',
    async (_, parts) => {
      const events: TurnEvent[] = [start];
      parts.forEach((part, i) => {
        events.push(begin(i, { ...part }));
        events.push(add(i, { field: 'seal', value: { ...seal, value: `${seal.value}${i}` } }));
        events.push(finish(i));
      });
      events.push(begin(parts.length, calling('c', 'f')), finish(parts.length), stop('tool_use'));
      const sealed = parts.map((part, i) => ({ ...part, seal: { ...seal, value: `${seal.value}${i}` } }));

      const streamed = messageOf(await accumulated(events));
      const whole = messageOf(openaiChat.encodeResult(foldOf(events), context()).body);
      expect(streamed.reasoning_details).toEqual(whole.reasoning_details);
      for (const message of [streamed, whole]) {
        const { turns } = asked([{ role: 'user', content: 'x' }, message]);
        const back = turns[1]!.parts.filter((part) => part.kind === 'reasoning');
        expect(JSON.parse(JSON.stringify(back))).toEqual(sealed as never);
      }
    },
  );

  test('the seal travels in one delta, directly before the end, and shows no text twice', () => {
    const deltas = deltasOf([
      start,
      begin(0, { kind: 'reasoning', text: 'hm' }),
      add(0, { field: 'seal', value: seal }),
      finish(0),
      begin(1, text('a')),
      finish(1),
      stop(),
    ]);
    expect(deltas.map((delta) => Object.keys(delta).join())).toEqual([
      'role',
      'reasoning_content',
      'content',
      'reasoning_details',
      '',
    ]);
    const [entry] = deltas[3]!.reasoning_details as JsonObject[];
    expect(entry!.type).toBe('reasoning.encrypted');
    expect(entry!.text).toBeUndefined();
  });
});

describe('media in a reply', () => {
  test('speech streams in the API form', async () => {
    const completion = await accumulated([
      start,
      begin(0, { kind: 'media', as: 'audio', id: 'audio_1', source: { by: 'bytes', data: '' } }),
      add(0, { field: 'text', value: 'Hi' }),
      add(0, { field: 'data', value: 'AAAA' }),
      finish(0),
      stop(),
    ]);
    expect(messageOf(completion).audio).toEqual({ id: 'audio_1', transcript: 'Hi', data: 'AAAA' });
  });

  test('a picture goes out beside the content, with a note', () => {
    const encoder = openaiChat.streamEncoder(context());
    const part: Part = {
      kind: 'media',
      as: 'image',
      mime: 'image/png',
      source: { by: 'bytes', data: 'AAAA' },
    };
    const encoded = [start, begin(0, part), finish(0), stop()].map((event) => encoder.encode(event)).join('');
    expect(encoded).toContain(
      '"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]',
    );
    expect(encoder.notes).toMatchObject([{ path: 'media', action: 'emulated' }]);
  });
});
