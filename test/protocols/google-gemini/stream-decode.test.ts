import { describe, expect, test } from 'bun:test';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, ToolCallPart } from '../../../src/turn/part.ts';
import { corpusAvailable, streamFixtures } from '../../support/corpus.ts';
import { chunk, decodeStream, fold, framesOf, framesOfChunks, replyOf, source } from './support.ts';

const partsOf = (chunks: readonly unknown[]): Part[] => replyOf(chunks).choices[0]!.parts;
const stop: JsonObject = { finishReason: 'STOP' };
const seal = (value: string) => ({ protocol: 'google-gemini' as const, issuer: 'here', value });
const inputs = (parts: readonly Part[]): unknown[] =>
  parts
    .filter((part): part is ToolCallPart => part.kind === 'tool_call')
    .map(({ input }) => JSON.parse(input) as unknown);

const recorded = (name: string) => {
  const fixture = streamFixtures('google-gemini').find((one) => one.name === `gemini-generate/${name}`)!;
  return fold(decodeStream(framesOf(fixture.blocks.map(({ text }) => `${text}\n\n`).join('')))).choices[0]!;
};

describe('text and thoughts', () => {
  test('text that comes in pieces is one part, and so are thoughts', () => {
    expect(
      partsOf([
        chunk([{ text: 'Let me', thought: true }]),
        chunk([{ text: ' see.', thought: true }]),
        chunk([{ text: 'Hel' }]),
        chunk([{ text: 'lo' }], stop),
      ]),
    ).toEqual([
      { kind: 'reasoning', text: 'Let me see.' },
      { kind: 'text', text: 'Hello' },
    ]);
  });

  test('names in their original spelling are read too', () => {
    const reply = replyOf([
      {
        candidates: [
          { content: { parts: [{ text: 'a', thought_signature: 'c2ln' }] }, finish_reason: 'STOP' },
        ],
        usage_metadata: { prompt_token_count: 3, total_token_count: 4, candidates_token_count: 1 },
        model_version: 'g',
        response_id: 'r',
      },
    ]);
    expect(reply).toMatchObject({ id: 'r', model: 'g', usage: { fresh: 3, output: 1 } });
    expect(reply.choices[0]!.parts).toEqual([
      { kind: 'reasoning', hidden: true, seal: seal('!c2ln') },
      { kind: 'text', text: 'a' },
    ]);
  });

  test('candidates are choices', () => {
    const reply = replyOf([
      {
        candidates: [
          { content: { parts: [{ text: 'a' }] }, index: 0 },
          { content: { parts: [{ text: 'b' }] }, index: 1 },
        ],
      },
      {
        candidates: [
          { finishReason: 'STOP', index: 1 },
          { finishReason: 'MAX_TOKENS', index: 0 },
        ],
      },
    ]);
    expect(reply.choices.map(({ parts, stop }) => [parts, stop?.reason])).toEqual([
      [[{ kind: 'text', text: 'a' }], 'length'],
      [[{ kind: 'text', text: 'b' }], 'end'],
    ]);
  });

  test('images, files and code that was run keep their place', () => {
    const parts = partsOf([
      chunk(
        [
          { text: 'Look:' },
          { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
          { executableCode: { language: 'PYTHON', code: 'print(1)' } },
          { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1\n' } },
          {
            fileData: {
              fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x',
              mimeType: 'video/mp4',
            },
          },
          { newKind: { a: 1 } },
        ],
        stop,
      ),
    ]);
    expect(parts).toEqual([
      { kind: 'text', text: 'Look:' },
      { kind: 'media', as: 'image', source: { by: 'bytes', data: 'aGk=' }, mime: 'image/png' },
      expect.objectContaining({ kind: 'tool_call', by: 'server', family: 'code', callId: 'call_r1_0' }),
      expect.objectContaining({
        kind: 'tool_result',
        by: 'server',
        output: { as: 'text', text: '1\n' },
        callId: 'call_r1_0',
      }),
      expect.objectContaining({
        kind: 'media',
        as: 'video',
        source: { by: 'file', id: expect.any(String) as string },
      }),
      { kind: 'native', protocol: 'google-gemini', type: 'newKind', value: { newKind: { a: 1 } } },
    ]);
  });
});

describe('signatures', () => {
  test('one on a call seals the thought before it', () => {
    const parts = partsOf([
      chunk([{ text: 'I need it.', thought: true }]),
      chunk([{ functionCall: { id: 'c1', name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' }], stop),
    ]);
    expect(parts).toEqual([
      { kind: 'reasoning', text: 'I need it.', seal: seal('c2ln') },
      {
        kind: 'tool_call',
        callId: 'c1',
        family: 'function',
        name: 'f',
        input: '{"a":1}',
        inputAs: 'json',
        by: 'client',
      },
    ]);
  });

  test('one on a call without thoughts stands before it as hidden reasoning', () => {
    const parts = partsOf([
      chunk(
        [
          { functionCall: { name: 'f', args: {} }, thoughtSignature: 'c2ln' },
          { functionCall: { name: 'g', args: {} } },
        ],
        stop,
      ),
    ]);
    expect(parts.map(({ kind }) => kind)).toEqual(['reasoning', 'tool_call', 'tool_call']);
    expect(parts[0]).toEqual({ kind: 'reasoning', hidden: true, seal: seal('c2ln') });
  });

  test.each([
    [
      'at the beginning of a text',
      [{ text: 'a', thoughtSignature: 'c2ln' }, { text: 'b' }],
      ['reasoning', 'text'],
      '!c2ln',
    ],
    [
      'in the midst of a text',
      [{ text: 'a' }, { text: 'b', thoughtSignature: 'c2ln' }],
      ['text', 'reasoning'],
      '^c2ln',
    ],
    [
      'on an empty text at the end',
      [{ text: 'a' }, { text: '', thoughtSignature: 'c2ln' }],
      ['text', 'reasoning'],
      '~c2ln',
    ],
    ['on an empty text alone', [{ text: '', thoughtSignature: 'c2ln' }], ['reasoning'], '~c2ln'],
    [
      'on the thought itself',
      [{ text: 'a', thought: true, thoughtSignature: 'c2ln' }, { text: 'b' }],
      ['reasoning', 'text'],
      '.c2ln',
    ],
  ])('one %s is told apart', (_, wire, kinds, value) => {
    const parts = partsOf([...wire.map((part) => chunk([part])), chunk([], stop)]);
    expect(parts.map(({ kind }) => kind as string)).toEqual(kinds);
    expect(parts.find(({ kind }) => kind === 'reasoning')?.seal).toEqual(seal(value));
  });
});

describe('calls', () => {
  test('a call without an id gets one, the same in every reading', () => {
    const chunks = [
      chunk([{ functionCall: { name: 'f' } }, { functionCall: { name: 'f', args: { a: null } } }], stop),
    ];
    const calls = partsOf(chunks) as ToolCallPart[];
    expect(calls.map(({ callId, input }) => [callId, input])).toEqual([
      ['call_r1_0', '{}'],
      ['call_r1_1', '{"a":null}'],
    ]);
    expect(partsOf(chunks)).toEqual(calls);
  });

  test('a reply that calls a tool wants it run, though it ends with STOP', () => {
    const reply = replyOf([chunk([{ functionCall: { name: 'f' } }], stop)]);
    expect(reply.choices[0]!.stop).toEqual({ reason: 'tool_use', raw: 'STOP' });
  });

  test('tools that went up under other names come back as the client knows them', () => {
    const names = new Map([
      ['mcp__read', { name: 'read', namespace: 'mcp' }],
      ['patch', { name: 'patch', custom: true }],
    ]);
    const [read, patch] = replyOf(
      [
        chunk(
          [
            { functionCall: { name: 'mcp__read', args: {} } },
            { functionCall: { name: 'patch', args: { input: 'a\n"b"' } } },
          ],
          stop,
        ),
      ],
      { ...source, names },
    ).choices[0]!.parts as ToolCallPart[];
    expect(read).toMatchObject({ name: 'read', namespace: 'mcp', inputAs: 'json' });
    expect(patch).toMatchObject({ name: 'patch', family: 'custom', inputAs: 'text', input: 'a\n"b"' });
  });

  test('arguments in pieces make the object they describe', () => {
    const piece = (partialArgs: unknown[], willContinue = true) =>
      chunk([{ functionCall: { partialArgs, ...(willContinue && { willContinue }) } }]);
    const parts = partsOf([
      chunk([{ functionCall: { id: 'c', name: 'f', willContinue: true }, thoughtSignature: 'c2ln' }]),
      piece([{ jsonPath: '$.list[1].name', stringValue: 'Ad', willContinue: true }]),
      piece([{ jsonPath: '$.list[1].name', stringValue: 'a', willContinue: true }]),
      piece([{ jsonPath: '$.list[1].name', stringValue: '' }]),
      piece([
        { jsonPath: '$.list[0]', nullValue: 'NULL_VALUE' },
        { jsonPath: "$['a b']", boolValue: false },
      ]),
      piece([{ jsonPath: '$.n', numberValue: 0.5 }], false),
      chunk([{ functionCall: { name: 'g', willContinue: true } }]),
      chunk([{ functionCall: {} }]),
      chunk([{ text: '' }], stop),
    ]);
    expect(inputs(parts)).toEqual([{ list: [null, { name: 'Ada' }], 'a b': false, n: 0.5 }, {}]);
    expect(parts.map(({ kind }) => kind)).toEqual(['reasoning', 'tool_call', 'tool_call']);
  });

  test('a path that leads into a prototype or a huge gap is left alone', () => {
    const parts = partsOf([
      chunk([{ functionCall: { name: 'f', willContinue: true } }]),
      chunk([
        {
          functionCall: {
            partialArgs: [
              { jsonPath: '$.__proto__.polluted', boolValue: true },
              { jsonPath: '$.list[999999999]', boolValue: true },
              { jsonPath: '$.constructor.x', numberValue: 1 },
            ],
          },
        },
      ]),
      chunk([{ text: '' }], stop),
    ]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(inputs(parts)).toEqual([{ list: [], constructor: { x: 1 } }]);
  });

  test.skipIf(!corpusAvailable)('recorded arguments in pieces are whole', () => {
    expect(inputs(recorded('tool-args-partial--gemini').parts)).toEqual([
      { location: 'Boston' },
      { location: 'San Francisco' },
    ]);
    expect(inputs(recorded('tool-args-partial-array-no-terminal--gemini').parts)).toEqual([
      {
        operations: [
          { action: 'add', description: 'Fresh red apple', itemid: 'apple_001', price: 0.5 },
          { action: 'add', description: 'Ripe yellow banana', itemid: 'banana_001', price: 0.3 },
        ],
      },
    ]);
    expect(inputs(recorded('tool-no-args--gemini').parts)).toEqual([
      {},
      { id: 'A' },
      { id: 'B' },
      { id: 'C' },
    ]);
    const [recipe] = inputs(recorded('tool-args-partial-nested--gemini').parts) as [
      { recipe: { steps: string[] } },
    ];
    expect(recipe.recipe.steps).toHaveLength(10);
    expect(recipe.recipe.steps[1]).toBe(
      'Cook lasagna noodles according to package directions, drain and set aside.',
    );
  });
});

describe('the end', () => {
  test('a finish reason on every chunk ends nothing before the end', () => {
    const events = decodeStream(framesOfChunks([chunk([{ text: 'a' }], stop), chunk([{ text: 'b' }], stop)]));
    expect(events.filter(({ kind }) => kind === 'stop')).toHaveLength(1);
    expect(events.at(-1)?.kind).toBe('stop');
    expect(fold(events).choices[0]!.parts).toEqual([{ kind: 'text', text: 'ab' }]);
  });

  test('the last word counts', () => {
    const { choices } = replyOf([
      chunk([{ text: 'a' }], stop),
      { candidates: [{ finishReason: 'RECITATION', index: 0 }] },
    ]);
    expect(choices[0]!.stop).toEqual({ reason: 'filter', raw: 'RECITATION' });
  });

  test.each([
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'filter'],
    ['IMAGE_SAFETY', 'filter'],
    ['MALFORMED_FUNCTION_CALL', 'bad_call'],
    ['UNEXPECTED_TOOL_CALL', 'bad_call'],
    ['OTHER', 'other'],
    ['A_NEW_WORD', 'other'],
  ])('%s is read as %s', (word, reason) => {
    const { choices } = replyOf([chunk([{ text: 'a' }], { finishReason: word, finishMessage: 'so it is' })]);
    expect(choices[0]!.stop).toEqual({ reason, raw: word } as never);
    expect(choices[0]!.extras).toEqual({ 'google-gemini': { finishMessage: 'so it is' } });
  });

  test('a prompt that is refused has no candidate and ends as filtered', () => {
    const { choices } = replyOf([{ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }]);
    expect(choices).toEqual([
      {
        parts: [],
        stop: { reason: 'filter', raw: 'PROHIBITED_CONTENT' },
        extras: { 'google-gemini': { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } } },
      },
    ]);
  });

  test.each([
    ['no finish reason', [chunk([{ text: 'a' }])]],
    ['nothing at all', []],
    [
      'no finish reason of the second candidate',
      [{ candidates: [{ finishReason: 'STOP', index: 0 }, { index: 1 }] }],
    ],
  ])('a stream with %s was cut', (_, chunks) => {
    const events = decodeStream(framesOfChunks(chunks));
    expect(events.at(-1)).toMatchObject({ kind: 'error', failure: { kind: 'cut', retryable: true } });
  });

  test('a chunk that is broken off was cut; one amid others is the upstream’s fault', () => {
    const whole = framesOfChunks([chunk([{ text: 'a' }], stop)]);
    const broken = { event: undefined, data: '{"candidates":[{"con' };
    expect(decodeStream([...whole, broken]).at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'cut' },
    });
    expect(decodeStream([broken, ...whole]).at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'upstream' },
    });
  });

  test('an error in the midst is the last event, and what was counted is told before it', () => {
    const error = { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' };
    const events = decodeStream(
      framesOfChunks([
        { ...chunk([{ text: 'a' }]), usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } },
        { error },
        chunk([{ text: 'b' }], stop),
      ]),
    );
    expect(events.slice(-2)).toEqual([
      expect.objectContaining({ kind: 'usage' }),
      expect.objectContaining({
        kind: 'error',
        failure: expect.objectContaining({
          kind: 'overloaded',
          status: 503,
          message: error.message,
        }) as unknown,
      }),
    ]);
  });
});

describe('usage', () => {
  const usageOf = (usageMetadata: JsonObject) => {
    const { raw: _, ...usage } = replyOf([{ ...chunk([{ text: 'a' }], stop), usageMetadata }]).usage;
    return usage;
  };

  test('each token is in one count', () => {
    expect(
      usageOf({
        promptTokenCount: 100,
        cachedContentTokenCount: 60,
        toolUsePromptTokenCount: 7,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 30,
        totalTokenCount: 157,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 90 },
          { modality: 'AUDIO', tokenCount: 10 },
        ],
      }),
    ).toEqual({ fresh: 47, cacheRead: 60, output: 20, reasoning: 30, audioIn: 10 });
  });

  test('thoughts that are counted among the candidates are taken out', () => {
    expect(
      usageOf({
        promptTokenCount: 10,
        candidatesTokenCount: 50,
        thoughtsTokenCount: 30,
        totalTokenCount: 60,
      }),
    ).toEqual({
      fresh: 10,
      output: 20,
      reasoning: 30,
    });
  });

  test.each([
    [{ serviceTier: 'flex' }, 'flex'],
    [{ serviceTier: 'standard' }, undefined],
    [{ trafficType: 'PROVISIONED_THROUGHPUT' }, 'provisioned_throughput'],
    [{ trafficType: 'ON_DEMAND' }, undefined],
  ])('how the turn was served is told where it was not the ordinary way: %p', (said, tier) => {
    expect(usageOf({ promptTokenCount: 1, totalTokenCount: 1, ...said })).toEqual({
      fresh: 1,
      output: 0,
      ...(tier !== undefined && { tier }),
    });
  });

  test('a reply of no text has no output', () => {
    expect(usageOf({ promptTokenCount: 10, totalTokenCount: 10 })).toEqual({ fresh: 10, output: 0 });
  });

  test('counts are stated anew in every chunk; the last ones hold', () => {
    const at = (candidatesTokenCount: number) => ({
      promptTokenCount: 1,
      candidatesTokenCount,
      totalTokenCount: 1 + candidatesTokenCount,
    });
    const events = decodeStream(
      framesOfChunks(
        [1, 2, 3].map((n) => ({ ...chunk([{ text: 'a' }], n === 3 ? stop : {}), usageMetadata: at(n) })),
      ),
    );
    expect(events.filter(({ kind }) => kind === 'usage')).toHaveLength(2);
    expect(fold(events).usage.output).toBe(3);
  });
});

describe('sources', () => {
  test('a cited stretch is found by its bytes', () => {
    const reply = replyOf([
      chunk([{ text: 'Größe: 3 m. Ende.' }], {
        ...stop,
        groundingMetadata: {
          webSearchQueries: ['q'],
          groundingChunks: [
            { web: { uri: 'https://a.example', title: 'A' } },
            { web: { uri: 'https://b.example' } },
          ],
          groundingSupports: [
            { segment: { startIndex: 0, endIndex: 13, text: 'Größe: 3 m.' }, groundingChunkIndices: [0] },
          ],
        },
      }),
    ]);
    const [text] = reply.choices[0]!.parts;
    expect(text?.kind === 'text' && text.citations).toMatchObject([
      { from: 'url', url: 'https://a.example', title: 'A', start: 0, end: 11, quote: 'Größe: 3 m.' },
      { from: 'url', url: 'https://b.example' },
    ]);
    expect(reply.choices[0]!.extras?.['google-gemini']).toHaveProperty('groundingMetadata.webSearchQueries', [
      'q',
    ]);
  });

  test('lists of sources go on from chunk to chunk', () => {
    const grounding = (uri: string, text: string, index: number): JsonObject => ({
      groundingMetadata: {
        groundingChunks: [{ web: { uri } }],
        groundingSupports: [{ segment: { text }, groundingChunkIndices: [index] }],
      },
    });
    const [text] = replyOf([
      chunk([{ text: 'One. ' }], grounding('https://1.example', 'One.', 0)),
      chunk([{ text: 'Two.' }], { ...stop, ...grounding('https://2.example', 'Two.', 1) }),
    ]).choices[0]!.parts;
    expect(text?.kind === 'text' && text.citations?.map(({ url, start, end }) => [url, start, end])).toEqual([
      ['https://1.example', 0, 4],
      ['https://2.example', 5, 9],
    ]);
  });

  test('recited texts are cited under either name of their list', () => {
    for (const list of ['citations', 'citationSources']) {
      const [text] = replyOf([
        chunk([{ text: 'To be or not' }], {
          ...stop,
          citationMetadata: {
            [list]: [{ startIndex: 0, endIndex: 5, uri: 'https://h.example' }, { title: 'Hamlet' }],
          },
        }),
      ]).choices[0]!.parts;
      expect(text?.kind === 'text' && text.citations).toMatchObject([
        { from: 'url', url: 'https://h.example', start: 0, end: 5 },
        { from: 'document', title: 'Hamlet' },
      ]);
    }
  });
});

test('token odds come in the shape that the turn has for them', () => {
  const [text] = replyOf([
    chunk([{ text: 'Hi' }], {
      ...stop,
      logprobsResult: {
        chosenCandidates: [{ token: 'Hi', logProbability: -0.5 }],
        topCandidates: [
          {
            candidates: [
              { token: 'Hi', logProbability: -0.5 },
              { token: 'Yo', logProbability: -2 },
            ],
          },
        ],
      },
    }),
  ]).choices[0]!.parts;
  expect(text?.kind === 'text' && text.logprobs).toEqual([
    {
      token: 'Hi',
      logprob: -0.5,
      bytes: [72, 105],
      top_logprobs: [
        { token: 'Hi', logprob: -0.5, bytes: [72, 105] },
        { token: 'Yo', logprob: -2, bytes: [89, 111] },
      ],
    },
  ]);
});

test('a whole response without candidates or verdict still ends', () => {
  const reply = fold(
    googleGemini.decodeResult({ usageMetadata: { promptTokenCount: 1, totalTokenCount: 1 } }, source),
  );
  expect(reply.choices).toEqual([{ parts: [], stop: { reason: 'end' } }]);
});
