import { describe, expect, test } from 'bun:test';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import { unpackReasoning } from '../../../src/protocols/google-gemini/signature.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part } from '../../../src/turn/part.ts';
import { chunksOf, context, encodeStream, fold, partsOf } from './support.ts';

const start: TurnEvent = { kind: 'start', id: 'r1', model: 'm1' };
const ended: TurnEvent = { kind: 'stop', choice: 0, stop: { reason: 'end' } };

/** The events of parts that come whole. */
const whole = (...parts: Part[]): TurnEvent[] =>
  parts.flatMap((part, index): TurnEvent[] => [
    { kind: 'part_start', choice: 0, index, part },
    { kind: 'part_end', choice: 0, index },
  ]);
const call = (input: string, more: Partial<Part> = {}): Part =>
  ({
    kind: 'tool_call',
    callId: 'c1',
    family: 'function',
    name: 'f',
    input,
    inputAs: 'json',
    by: 'client',
    ...more,
  }) as Part;

const written = (...events: TurnEvent[]): JsonObject[] => chunksOf(encodeStream([start, ...events]));
const notesOf = (...events: TurnEvent[]) => {
  const encoder = googleGemini.streamEncoder(context);
  for (const event of [start, ...events]) encoder.encode(event);
  return encoder.notes;
};

describe('a stream', () => {
  test('has a whole response in each event and nothing else', () => {
    const text = encodeStream([
      start,
      { kind: 'usage', usage: { fresh: 3, output: 2 } },
      { kind: 'keepalive' },
      { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: '' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'Hel' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'lo "you"' } },
      { kind: 'part_end', choice: 0, index: 0 },
      ended,
    ]);
    expect(text.split('\n\n').filter((line) => line !== '' && !line.startsWith('data: {'))).toEqual([]);
    const head = { modelVersion: 'm1', responseId: 'r1' };
    const content = (part: JsonObject) => ({ role: 'model', parts: [part] });
    expect(chunksOf(text)).toEqual([
      { candidates: [{ content: content({ text: 'Hel' }), index: 0 }], ...head },
      { candidates: [{ content: content({ text: 'lo "you"' }), index: 0 }], ...head },
      {
        candidates: [{ content: content({ text: '' }), finishReason: 'STOP', index: 0 }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
        ...head,
      },
    ]);
  });

  test('a delta leaves at once', () => {
    const encoder = googleGemini.streamEncoder(context);
    encoder.encode(start);
    expect(
      encoder.encode({ kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: '' } }),
    ).toBe('');
    expect(
      encoder.encode({ kind: 'part_delta', choice: 0, index: 0, delta: { field: 'text', value: 'a' } }),
    ).toContain('"text":"a"');
  });

  test('tells a failure in the API’s own shape and nothing after it', () => {
    const failure = {
      kind: 'overloaded',
      scope: 'provider',
      status: 503,
      message: 'too busy',
      retryable: true,
    } as const;
    const chunks = written(...whole({ kind: 'text', text: 'a' }), { kind: 'error', failure });
    expect(chunks.at(-1)).toEqual({ error: { code: 503, message: 'too busy', status: 'UNAVAILABLE' } });
    expect(chunks).toHaveLength(2);
  });

  test('choices are candidates, each with its own end', () => {
    const chunks = written(
      { kind: 'part_start', choice: 1, index: 0, part: { kind: 'text', text: 'b' } },
      { kind: 'part_start', choice: 0, index: 0, part: { kind: 'text', text: 'a' } },
      ended,
      { kind: 'stop', choice: 1, stop: { reason: 'length' } },
    );
    expect(chunks.map(({ candidates }) => (candidates as JsonObject[])[0]!.index)).toEqual([1, 0, 0, 1]);
  });
});

describe('parts', () => {
  test('a call goes out whole, however its arguments came', () => {
    const parts = partsOf(
      written(
        { kind: 'part_start', choice: 0, index: 0, part: call('') },
        { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'input', value: '{"a":' } },
        { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'input', value: '1}' } },
        { kind: 'part_end', choice: 0, index: 0 },
        { kind: 'stop', choice: 0, stop: { reason: 'tool_use' } },
      ),
    );
    expect(parts).toEqual([{ functionCall: { id: 'c1', name: 'f', args: { a: 1 } } }, { text: '' }]);
  });

  test('calls that come side by side are two parts', () => {
    const parts = partsOf(
      written(
        { kind: 'part_start', choice: 0, index: 0, part: call('') },
        { kind: 'part_start', choice: 0, index: 1, part: call('', { callId: 'c2' } as never) },
        { kind: 'part_delta', choice: 0, index: 1, delta: { field: 'input', value: '{"b":2}' } },
        { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'input', value: '{"a":1}' } },
        { kind: 'part_end', choice: 0, index: 0 },
        { kind: 'part_end', choice: 0, index: 1 },
        ended,
      ),
    );
    expect(parts.slice(0, 2)).toEqual([
      { functionCall: { id: 'c1', name: 'f', args: { a: 1 } } },
      { functionCall: { id: 'c2', name: 'f', args: { b: 2 } } },
    ]);
  });

  test.each([
    ['', {}],
    ['{"a":', {}],
    ['[1]', { input: [1] }],
  ])('arguments %p become the object %p', (input, args) => {
    expect(partsOf(written(...whole(call(input)), ended))[0]).toEqual({
      functionCall: { id: 'c1', name: 'f', args },
    });
  });

  test('thoughts are marked, and the sections of a summary are set apart', () => {
    const parts = partsOf(
      written(
        { kind: 'part_start', choice: 0, index: 0, part: { kind: 'reasoning', summary: [] } },
        { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'summary', section: 0, value: 'One.' } },
        { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'summary', section: 1, value: 'Two.' } },
        { kind: 'part_end', choice: 0, index: 0 },
        ended,
      ),
    );
    expect(parts).toEqual([
      { text: 'One.', thought: true },
      { text: '\n\nTwo.', thought: true },
      { text: '' },
    ]);
  });

  test('images and code that was run have their own parts', () => {
    const parts = partsOf(
      written(
        ...whole(
          { kind: 'media', as: 'image', mime: 'image/webp', source: { by: 'bytes', data: 'aGk=' } },
          call('{"code":"1+1"}', { family: 'code', by: 'server', name: 'code_execution' } as never),
          {
            kind: 'tool_result',
            callId: 'c1',
            family: 'code',
            by: 'server',
            outcome: 'ok',
            output: { as: 'json', value: { stdout: '2\n', stderr: '' } },
          },
        ),
        ended,
      ),
    );
    expect(parts.slice(0, 3)).toEqual([
      { inlineData: { mimeType: 'image/webp', data: 'aGk=' } },
      { executableCode: { language: 'PYTHON', code: '1+1' } },
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '2\n' } },
    ]);
  });

  test('a search that another vendor ran is left out with a note', () => {
    const events = [
      ...whole(call('{}', { family: 'web_search', by: 'server', name: 'web_search' } as never), {
        kind: 'text',
        text: 'a',
      }),
      ended,
    ];
    expect(partsOf(written(...events))).toEqual([{ text: 'a' }, { text: '' }]);
    expect(notesOf(...events)).toMatchObject([{ path: 'hosted', action: 'dropped' }]);
  });

  test('words of a refusal are text, and the reply ends as held back', () => {
    const chunks = written(...whole({ kind: 'refusal', text: 'I cannot.' }), {
      kind: 'stop',
      choice: 0,
      stop: { reason: 'refusal' },
    });
    expect(partsOf(chunks)[0]).toEqual({ text: 'I cannot.' });
    expect(chunks.at(-1)).toMatchObject({ candidates: [{ finishReason: 'SAFETY' }] });
  });
});

describe('signatures', () => {
  const own = (value: string) => ({ protocol: 'google-gemini' as const, value });
  const foreign = { protocol: 'anthropic-messages' as const, issuer: 'claude', value: 'c2ln' };

  test.each([
    [
      'that stands before a call goes onto it',
      [{ kind: 'reasoning', text: 'Hm.', seal: own('S1') }, call('{}')],
      [
        { text: 'Hm.', thought: true },
        { functionCall: { id: 'c1', name: 'f', args: {} }, thoughtSignature: 'S1' },
      ],
    ],
    [
      'that stands before a text goes onto it',
      [
        { kind: 'reasoning', hidden: true, seal: own('!S1') },
        { kind: 'text', text: 'a' },
      ],
      [{ text: 'a', thoughtSignature: 'S1' }],
    ],
    [
      'behind a text stands on an empty one',
      [
        { kind: 'text', text: 'a' },
        { kind: 'reasoning', hidden: true, seal: own('^S1') },
      ],
      [{ text: 'a' }, { text: '', thoughtSignature: 'S1' }],
    ],
    [
      'of a thought stands on it',
      [
        { kind: 'reasoning', text: 'Hm.', seal: own('.S1') },
        { kind: 'text', text: 'a' },
      ],
      [{ text: 'Hm.', thought: true }, { text: '', thought: true, thoughtSignature: 'S1' }, { text: 'a' }],
    ],
    [
      'that nothing follows stands on an empty text',
      [{ kind: 'reasoning', text: 'Hm.', seal: own('S1') }],
      [
        { text: 'Hm.', thought: true },
        { text: '', thoughtSignature: 'S1' },
      ],
    ],
  ] as [string, Part[], JsonObject[]][])('one of this protocol %s', (_, parts, wire) => {
    const back = partsOf(written(...whole(...parts), ended)).slice(0, -1);
    expect(back).toEqual(wire);
    const { body } = googleGemini.encodeResult(fold([start, ...whole(...parts), ended]), context);
    expect(partsOf([body])).toEqual(wire);
  });

  test('sealed reasoning of another protocol rides on the first part that is no thought', () => {
    const [thought, text] = partsOf(
      written(
        ...whole({ kind: 'reasoning', text: 'Hm.', seal: foreign, id: 'x' }, { kind: 'text', text: 'a' }),
        ended,
      ),
    );
    expect(thought).toEqual({ text: 'Hm.', thought: true });
    expect(text?.text).toBe('a');
    expect(unpackReasoning(text?.thoughtSignature as string)).toEqual([
      { kind: 'reasoning', id: 'x', text: 'Hm.', seal: foreign },
    ]);
  });

  test('what is packed is base64, and lives through being decoded and written again', () => {
    const [part] = partsOf(
      written(...whole({ kind: 'reasoning', summary: ['Größe?'], seal: foreign }, call('{}')), ended),
    ).slice(1);
    const signature = part!.thoughtSignature as string;
    expect(signature).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    const again = Buffer.from(signature, 'base64').toString('base64url');
    expect(unpackReasoning(again)).toEqual([{ kind: 'reasoning', summary: ['Größe?'], seal: foreign }]);
  });
});

describe('the finish', () => {
  test.each([
    ['end', 'STOP'],
    ['tool_use', 'STOP'],
    ['length', 'MAX_TOKENS'],
    ['stop_sequence', 'STOP'],
    ['pause', 'OTHER'],
    ['compaction', 'OTHER'],
    ['context_full', 'MAX_TOKENS'],
    ['refusal', 'SAFETY'],
    ['filter', 'SAFETY'],
    ['bad_call', 'MALFORMED_FUNCTION_CALL'],
    ['cancelled', 'OTHER'],
    ['other', 'OTHER'],
  ] as const)('%s is %s', (reason, word) => {
    const chunks = written(...whole({ kind: 'text', text: 'a' }), {
      kind: 'stop',
      choice: 0,
      stop: { reason, raw: 'theirs' },
    });
    expect(chunks.at(-1)).toMatchObject({ candidates: [{ finishReason: word }] });
  });

  test('an upstream of this protocol keeps its own word', () => {
    const stop = { reason: 'filter', raw: 'RECITATION' } as const;
    expect(
      written(...whole({ kind: 'text', text: 'a' }), { kind: 'stop', choice: 0, stop }).at(-1),
    ).toMatchObject({
      candidates: [{ finishReason: 'RECITATION' }],
    });
  });

  test('a refused prompt has no candidate', () => {
    const promptFeedback = { blockReason: 'SAFETY' };
    const [chunk] = written({
      kind: 'stop',
      choice: 0,
      stop: { reason: 'filter', raw: 'SAFETY' },
      extras: { 'google-gemini': { promptFeedback } },
    });
    expect(chunk).toEqual({ promptFeedback, modelVersion: 'm1', responseId: 'r1' });
  });
});

test('what another protocol cited is grounding, with its places in bytes', () => {
  const wire = { protocol: 'openai-chat' as const, value: {} };
  const citations = [
    { from: 'url' as const, url: 'https://a.example', title: 'A', start: 0, end: 5, wire },
    { from: 'url' as const, url: 'https://a.example', title: 'A', start: 6, end: 10, wire },
    { from: 'file' as const, fileId: 'f', title: 'a.pdf', wire },
  ];
  const events: TurnEvent[] = [...whole({ kind: 'text', text: 'Größe: 3 m.', citations }), ended];
  const [candidate] = written(...events).at(-1)!.candidates as JsonObject[];
  expect(candidate!.groundingMetadata).toEqual({
    groundingChunks: [
      { web: { uri: 'https://a.example', title: 'A' } },
      { retrievedContext: { uri: 'f', title: 'a.pdf' } },
    ],
    groundingSupports: [
      { segment: { endIndex: 7, text: 'Größe' }, groundingChunkIndices: [0] },
      { segment: { startIndex: 8, endIndex: 12, text: ' 3 m' }, groundingChunkIndices: [0] },
      { segment: { endIndex: 13, text: 'Größe: 3 m.' }, groundingChunkIndices: [1] },
    ],
  });
});

describe('what another vendor hosts', () => {
  const step = (family: string, input: string, callId = 'h1') =>
    call(input, { family, by: 'server', name: family, callId } as never);
  const outcome = (family: string, value: JsonObject, more: Partial<Part> = {}): Part =>
    ({
      kind: 'tool_result',
      callId: 'h1',
      family,
      by: 'server',
      outcome: 'ok',
      output: { as: 'json', value },
      ...more,
    }) as Part;
  const last = (...parts: Part[]): JsonObject =>
    (written(...whole(...parts, { kind: 'text', text: 'a' }), ended).at(-1)!.candidates as JsonObject[])[0]!;

  test('a search is told by its queries', () => {
    expect(
      last(
        step('web_search', '{"query":"q1"}'),
        step('web_search', '{"type":"search","queries":["q1","q2"]}'),
      ),
    ).toMatchObject({
      groundingMetadata: { webSearchQueries: ['q1', 'q2'] },
    });
  });

  test('a page that was read is told by its address and whether it could be', () => {
    const failed = outcome('web_fetch', {}, { outcome: 'error' } as never);
    expect(
      last(
        step('web_fetch', '{"url":"https://a.example"}', 'h0'),
        step('web_fetch', '{"url":"https://b.example"}'),
        failed,
      ),
    ).toMatchObject({
      urlContextMetadata: {
        urlMetadata: [
          { retrievedUrl: 'https://a.example', urlRetrievalStatus: 'URL_RETRIEVAL_STATUS_SUCCESS' },
          { retrievedUrl: 'https://b.example', urlRetrievalStatus: 'URL_RETRIEVAL_STATUS_ERROR' },
        ],
      },
    });
  });

  test('an image that was drawn is one', () => {
    const image = outcome('image', { result: 'aGk=', output_format: 'webp' });
    expect(partsOf(written(...whole(step('image', '{}'), image), ended))[0]).toEqual({
      inlineData: { mimeType: 'image/webp', data: 'aGk=' },
    });
  });
});
