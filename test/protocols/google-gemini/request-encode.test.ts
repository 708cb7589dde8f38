import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { EncodeTarget } from '../../../src/protocols/protocol.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, ToolCallPart, ToolResultPart } from '../../../src/turn/part.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { foreignRequest, target } from './support.ts';

const written = (more: Partial<TurnRequest>, to: Partial<EncodeTarget> = {}) => {
  const { body, notes, names } = googleGemini.encodeRequest(foreignRequest(more), { ...target, ...to });
  return { body, contents: body.contents as JsonObject[], notes, names };
};
const text = (value: string): Part => ({ kind: 'text', text: value });
const said = (...parts: Part[]) => ({ role: 'user' as const, parts });
const answered = (...parts: Part[]) => ({ role: 'assistant' as const, parts });
const call = (callId: string, more: Partial<ToolCallPart> = {}): ToolCallPart => ({
  kind: 'tool_call',
  callId,
  family: 'function',
  name: 'f',
  input: '{}',
  inputAs: 'json',
  by: 'client',
  ...more,
});
const result = (
  callId: string,
  output: ToolResultPart['output'],
  more: Partial<ToolResultPart> = {},
): ToolResultPart => ({
  kind: 'tool_result',
  callId,
  family: 'function',
  output,
  outcome: 'ok',
  by: 'client',
  ...more,
});
const image: Part = { kind: 'media', as: 'image', mime: 'image/png', source: { by: 'bytes', data: 'aGk=' } };
const functionCall = (id: string, args: JsonObject = {}, name = 'f') => ({
  functionCall: { id, name, args },
});
const functionResponse = (id: string, response: JsonObject, name = 'f') => ({
  functionResponse: { id, name, response },
});

describe('whole requests', () => {
  test('of a Messages client', () => {
    const request = anthropicMessages.decodeRequest({
      model: 'm',
      max_tokens: 100,
      system: 'Be brief.',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Read it.' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Sure.' },
            { type: 'tool_use', id: 'toolu_1', name: 'read', input: { path: 'a' } },
          ],
        },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'no file', is_error: true }],
        },
      ],
      tools: [
        {
          name: 'read',
          description: 'Reads',
          input_schema: { type: 'object', properties: { path: { type: 'string' } } },
        },
      ],
      tool_choice: { type: 'any' },
      stop_sequences: ['END'],
      top_k: 5,
    });
    const { body, notes } = googleGemini.encodeRequest(request, target);
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        {
          role: 'user',
          parts: [{ text: 'Read it.' }, { inlineData: { mimeType: 'image/png', data: 'aGk=' } }],
        },
        { role: 'model', parts: [{ text: 'Sure.' }, functionCall('toolu_1', { path: 'a' }, 'read')] },
        { role: 'user', parts: [functionResponse('toolu_1', { error: 'no file' }, 'read')] },
      ],
      tools: [
        {
          functionDeclarations: [
            {
              name: 'read',
              description: 'Reads',
              parametersJsonSchema: { type: 'object', properties: { path: { type: 'string' } } },
            },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      generationConfig: { topK: 5, stopSequences: ['END'], maxOutputTokens: 100 },
    });
    expect(notes).toEqual([]);
  });

  test('of a Chat client', () => {
    const request = openaiChat.decodeRequest({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: '{"b":2}' },
      ],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: { type: 'object', properties: { c: { const: 1 } } }, strict: true },
      },
      temperature: 0.5,
      n: 2,
      logprobs: true,
      top_logprobs: 3,
      service_tier: 'flex',
    });
    const { body, notes } = googleGemini.encodeRequest(request, target);
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }] },
        { role: 'model', parts: [functionCall('call_1', { a: 1 })] },
        { role: 'user', parts: [functionResponse('call_1', { output: '{"b":2}' })] },
      ],
      generationConfig: {
        temperature: 0.5,
        responseLogprobs: true,
        logprobs: 3,
        candidateCount: 2,
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object', properties: { c: { type: 'number', enum: [1] } } },
      },
      serviceTier: 'flex',
    });
    expect(notes.map(({ path }) => path)).toEqual(['response_format.json_schema.name']);
  });

  test('of a Responses client, its tools of free text and its namespaces flattened', () => {
    const request = openaiResponses.decodeRequest({
      model: 'm',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: 'Patch it.' },
        { type: 'custom_tool_call', call_id: 'c1', name: 'apply_patch', input: '*** Begin' },
        { type: 'custom_tool_call_output', call_id: 'c1', output: 'Done' },
      ],
      tools: [
        { type: 'custom', name: 'apply_patch', description: 'Patches' },
        {
          type: 'namespace',
          name: 'mcp',
          tools: [{ type: 'function', name: 'read', parameters: { type: 'object', properties: {} } }],
        },
      ],
      reasoning: { effort: 'low' },
    });
    const { body, names } = googleGemini.encodeRequest(request, target);
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Patch it.' }] },
      { role: 'model', parts: [functionCall('c1', { input: '*** Begin' }, 'apply_patch')] },
      { role: 'user', parts: [functionResponse('c1', { output: 'Done' }, 'apply_patch')] },
    ]);
    const [{ functionDeclarations }] = body.tools as [{ functionDeclarations: JsonObject[] }];
    expect(
      functionDeclarations.map(({ name, parametersJsonSchema }) => [
        name,
        parametersJsonSchema !== undefined,
      ]),
    ).toEqual([
      ['apply_patch', true],
      ['mcp__read', false],
    ]);
    expect([...names!.values()]).toEqual([
      { name: 'apply_patch', namespace: undefined, custom: true },
      { name: 'read', namespace: 'mcp', custom: undefined },
    ]);
    expect(body.generationConfig).toEqual({
      thinkingConfig: { thinkingBudget: 2048, includeThoughts: true },
    });
  });

  test('neither name the model nor say whether to stream', () => {
    const { body } = written({ delivery: { stream: true } });
    expect(Object.keys(body)).toEqual(['contents']);
  });
});

describe('the conversation', () => {
  test('contents of one role are put together', () => {
    expect(
      written({ turns: [said(text('a')), said(text('b')), answered(text('c')), answered(text('d'))] })
        .contents,
    ).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c' }, { text: 'd' }] },
    ]);
  });

  test('leading system turns are the instruction, later ones a marked text', () => {
    const { body, contents, notes } = written({
      turns: [
        { role: 'system', parts: [text('One.')] },
        { role: 'developer', parts: [text('Two.')] },
        said(text('Hi')),
        { role: 'system', parts: [text('Three.')] },
      ],
    });
    expect(body.systemInstruction).toEqual({ parts: [{ text: 'One.' }, { text: 'Two.' }] });
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'Hi' }, { text: '<system-reminder>\nThree.\n</system-reminder>' }] },
    ]);
    expect(notes).toMatchObject([{ action: 'emulated', weight: 'note' }]);
  });

  test('all results of a turn stand in one content behind it, in the order of the calls', () => {
    const { contents } = written({
      turns: [
        said(text('Go')),
        answered(call('1', { name: 'a' }), call('2', { name: 'b' })),
        said(result('2', { as: 'text', text: 'two' })),
        said(result('1', { as: 'json', value: { n: 1 } }), text('go on')),
      ],
    });
    expect(contents[2]!.parts).toEqual([
      functionResponse('1', { n: 1 }, 'a'),
      functionResponse('2', { output: 'two' }, 'b'),
      { text: 'go on' },
    ]);
  });

  test('calls without results and results without calls are mended, and said to be', () => {
    const { contents, notes } = written({
      turns: [
        said(text('Go')),
        answered(call('1')),
        said(result('9', { as: 'text', text: 'late' })),
        answered(call('2')),
      ],
    });
    expect(contents.map(({ parts }) => parts)).toEqual([
      [{ text: 'Go' }],
      [functionCall('1')],
      [
        functionResponse('1', { error: 'The tool gave no result.' }),
        { text: 'Result of the tool call 9:\n{"output":"late"}' },
      ],
      [functionCall('2')],
      [functionResponse('2', { error: 'The tool gave no result.' })],
    ]);
    expect(notes).toHaveLength(3);
    expect(notes.every(({ action, weight }) => action === 'repaired' && weight === 'degrade')).toBe(true);
  });

  test('a conversation begins with the user', () => {
    expect(written({ turns: [answered(text('Hello'))] }).contents[0]).toEqual({
      role: 'user',
      parts: [{ text: '.' }],
    });
    expect(written({ turns: [], instructions: [text('x')] }).contents).toEqual([
      { role: 'user', parts: [{ text: '.' }] },
    ]);
  });

  test('a turn begins with all that the turn before it sent', () => {
    const turns = [
      said(text('Go')),
      answered({ kind: 'reasoning', text: 'Hm.' }, call('1')),
      said(result('1', { as: 'text', text: 'x' })),
    ];
    const before = written({ turns }, { model: 'gemini-3-pro' }).contents;
    const after = written(
      { turns: [...turns, answered(text('Done')), said(text('Thanks'))] },
      { model: 'gemini-3-pro' },
    ).contents;
    expect(after.slice(0, before.length)).toEqual(before);
  });

  test.each<[string, string, JsonObject]>([
    ['no arguments', '', {}],
    ['arguments that are no object', '[1]', { input: [1] }],
    ['arguments that break off', '{"a":', { input: '{"a":' }],
  ])('a call with %s has an object', (_, input, args) => {
    expect(written({ turns: [said(text('Go')), answered(call('1', { input }))] }).contents[1]!.parts).toEqual(
      [functionCall('1', args)],
    );
  });

  test.each<[string, Part, JsonObject[], string[]]>([
    [
      'a link to a picture',
      { kind: 'media', as: 'image', source: { by: 'url', url: 'https://e.example/a.jpg?x=1' } },
      [{ fileData: { fileUri: 'https://e.example/a.jpg?x=1', mimeType: 'image/jpeg' } }],
      ['emulated note'],
    ],
    [
      'a picture in a data URL',
      { kind: 'media', as: 'image', source: { by: 'url', url: 'data:image/gif;base64,aGk=' } },
      [{ inlineData: { mimeType: 'image/gif', data: 'aGk=' } }],
      [],
    ],
    [
      'a picture without a type',
      { kind: 'media', as: 'image', source: { by: 'bytes', data: 'aGk=' } },
      [{ inlineData: { mimeType: 'image/png', data: 'aGk=' } }],
      [],
    ],
    [
      'sound',
      { kind: 'media', as: 'audio', mime: 'audio/wav', source: { by: 'bytes', data: 'aGk=' } },
      [{ inlineData: { mimeType: 'audio/wav', data: 'aGk=' } }],
      [],
    ],
    [
      'a file with a name',
      { kind: 'media', as: 'file', title: 'a.csv', source: { by: 'bytes', data: 'aGk=' } },
      [{ text: 'a.csv' }, { inlineData: { mimeType: 'text/csv', data: 'aGk=' } }],
      ['emulated note'],
    ],
    [
      'a document of text',
      { kind: 'media', as: 'document', source: { by: 'text', text: 'words' } },
      [{ text: 'words' }],
      ['emulated note'],
    ],
    [
      'a file that another upstream keeps',
      { kind: 'media', as: 'file', source: { by: 'file', id: 'file_1' } },
      [],
      ['dropped refuse'],
    ],
    ['a refusal', { kind: 'refusal', text: 'No.' }, [{ text: 'No.' }], []],
  ])('%s', (_, part, expected, losses) => {
    const { contents, notes } = written({ turns: [said(text('a'), part)] });
    expect(contents[0]!.parts).toEqual([{ text: 'a' }, ...expected]);
    expect(notes.map(({ action, weight }) => `${action} ${weight}`)).toEqual(losses);
  });

  test('what the model cannot read is told in words', () => {
    const { contents, notes } = written(
      { turns: [said(text('a'), image)] },
      { abilities: { inputs: new Set(['text']) } },
    );
    expect(contents[0]!.parts).toEqual([{ text: 'a' }, { text: '[an image that this model cannot read]' }]);
    expect(notes).toMatchObject([{ action: 'dropped', weight: 'degrade' }]);
  });

  test('a picture in a result is inside it for newer models, and behind it for others', () => {
    const turns = [
      said(text('Go')),
      answered(call('1')),
      said(result('1', { as: 'parts', parts: [text('see'), image] })),
    ];
    const inlineData = { inlineData: { mimeType: 'image/png', data: 'aGk=' } };
    expect(written({ turns }, { model: 'gemini-3-flash' }).contents[2]!.parts).toEqual([
      { functionResponse: { id: '1', name: 'f', response: { output: 'see' }, parts: [inlineData] } },
    ]);
    const older = written({ turns });
    expect(older.contents[2]!.parts).toEqual([functionResponse('1', { output: 'see' }), inlineData]);
    expect(older.notes).toMatchObject([{ action: 'emulated' }]);
  });
});

describe('reasoning in the history', () => {
  const own = (value: string, issuer = 'here') => ({ protocol: 'google-gemini' as const, issuer, value });

  test('goes up as thoughts, without a seal that is somebody else’s', () => {
    const seal = { protocol: 'anthropic-messages' as const, issuer: 'claude', value: 'x' };
    const { contents, notes } = written({
      turns: [said(text('a')), answered({ kind: 'reasoning', text: 'Hm.', seal }, text('b'))],
    });
    expect(contents[1]!.parts).toEqual([{ text: 'Hm.', thought: true }, { text: 'b' }]);
    expect(notes).toMatchObject([{ action: 'dropped', weight: 'note' }]);
  });

  test('a signature goes only to the provider that made it', () => {
    const turns = (issuer: string) => [
      said(text('a')),
      answered({ kind: 'reasoning', hidden: true, seal: own('S', issuer) } as Part, call('1')),
    ];
    expect(written({ turns: turns('here') }).contents[1]!.parts).toEqual([
      { ...functionCall('1'), thoughtSignature: 'S' },
    ]);
    expect(written({ turns: turns('there') }).contents[1]!.parts).toEqual([functionCall('1')]);
  });

  test.each([
    ['gemini-3-pro-preview', true],
    ['models/gemini-4-argon', true],
    ['gemini-flash-latest', true],
    ['gemini-2.5-pro', false],
    ['gemma-3-27b-it', false],
  ])(
    'for %s the first call of a step that nobody signed carries the vendor’s word: %p',
    (model, expected) => {
      const turns = [
        said(text('a')),
        answered(call('1'), call('2')),
        said(result('1', { as: 'text', text: 'x' }), result('2', { as: 'text', text: 'y' })),
        answered(call('3')),
      ];
      const { contents, notes } = written({ turns }, { model });
      const signed = contents
        .flatMap(({ parts }) =>
          (parts as JsonObject[]).map(({ functionCall, thoughtSignature }) => [
            (functionCall as JsonObject | undefined)?.id,
            thoughtSignature,
          ]),
        )
        .filter(([, signature]) => signature !== undefined);
      const word = 'skip_thought_signature_validator';
      expect(signed).toEqual(
        expected
          ? [
              ['1', word],
              ['3', word],
            ]
          : [],
      );
      expect(notes.some(({ why }) => why.includes('a word instead of a signature'))).toBe(expected);
    },
  );

  test('a model that does not reason needs no signature', () => {
    const turns = [said(text('a')), answered(call('1'))];
    const { contents } = written({ turns }, { model: 'tuned', abilities: { reasoning: { by: [] } } });
    expect(contents[1]!.parts).toEqual([functionCall('1')]);
  });
});

describe('thinking', () => {
  const thinking = (reasoning: TurnRequest['reasoning'], abilities: EncodeTarget['abilities'] = {}) => {
    const { body, notes } = written({ reasoning }, { abilities });
    return {
      config: (body.generationConfig as JsonObject | undefined)?.thinkingConfig,
      losses: notes.map(({ action, weight }) => `${action} ${weight}`),
    };
  };
  const shown = { includeThoughts: true };

  test.each<[string, TurnRequest['reasoning'], JsonObject | undefined]>([
    ['nothing', undefined, undefined],
    ['an effort', { effort: 'high' }, { thinkingBudget: 16_384, ...shown }],
    ['the least effort', { effort: 'minimal' }, { thinkingBudget: 512, ...shown }],
    ['the most', { effort: 'max' }, { thinkingBudget: 24_576, ...shown }],
    ['a budget', { mode: 'on', budgetTokens: 2000 }, { thinkingBudget: 2000, ...shown }],
    ['a choice of its own', { mode: 'adaptive' }, { thinkingBudget: -1, ...shown }],
    ['none', { mode: 'off' }, { thinkingBudget: 0 }],
    ['no effort', { effort: 'none' }, { thinkingBudget: 0 }],
    ['hidden thoughts', { effort: 'low', show: 'omitted' }, { thinkingBudget: 2048 }],
  ])('a model that nobody knows is told %s as a number', (_, reasoning, expected) => {
    expect(thinking(reasoning).config).toEqual(expected!);
  });

  const levels = { reasoning: { by: ['effort'], efforts: ['low', 'high'], off: false } } as const;

  test.each<[TurnRequest['reasoning'], JsonObject, string[]]>([
    [{ effort: 'high' }, { thinkingLevel: 'HIGH', ...shown }, []],
    [{ effort: 'max' }, { thinkingLevel: 'HIGH', ...shown }, ['clamped note']],
    [{ mode: 'on', budgetTokens: 1000 }, { thinkingLevel: 'LOW', ...shown }, ['emulated note']],
    [{ mode: 'off' }, { thinkingLevel: 'LOW', ...shown }, ['clamped degrade']],
  ])('a model with levels is told %p as one', (reasoning, expected, losses) => {
    expect(thinking(reasoning, levels)).toEqual({ config: expected, losses });
  });

  test('a budget is brought within the model’s bounds', () => {
    const abilities = {
      reasoning: { by: ['budget'], budgetTokensMin: 128, budgetTokensMax: 32_768 },
    } as const;
    expect(thinking({ mode: 'on', budgetTokens: 50_000 }, abilities).config).toEqual({
      thinkingBudget: 32_768,
      ...shown,
    });
  });

  test('a model that does not reason is told nothing', () => {
    expect(thinking({ effort: 'low' }, { reasoning: { by: [] } })).toEqual({
      config: undefined,
      losses: ['dropped degrade'],
    });
  });
});

describe('settings', () => {
  test.each<[string, Partial<TurnRequest>, JsonObject, string[]]>([
    ['a high temperature', { sampling: { temperature: 3 } }, { temperature: 2 }, ['clamped degrade']],
    [
      'six stop sequences',
      { sampling: { stop: ['1', '2', '3', '4', '5', '6'] } },
      { stopSequences: ['1', '2', '3', '4', '5'] },
      ['clamped degrade'],
    ],
    ['an empty stop sequence', { sampling: { stop: [''] } }, {}, []],
    ['a long seed', { sampling: { seed: 2 ** 40 } }, {}, ['dropped degrade']],
    [
      'odds of tokens',
      { sampling: { topLogprobs: 30 } },
      { responseLogprobs: true, logprobs: 20 },
      ['clamped degrade'],
    ],
    ['a bias', { sampling: { logitBias: { 1: 2 } } }, {}, ['dropped degrade']],
    ['JSON', { output: { format: { type: 'json' } } }, { responseMimeType: 'application/json' }, []],
    ['text', { output: { format: { type: 'text' } } }, {}, []],
    [
      'pictures',
      { output: { modalities: ['text', 'image'] } },
      { responseModalities: ['TEXT', 'IMAGE'] },
      [],
    ],
    ['text alone', { output: { modalities: ['text'] } }, {}, []],
    ['an earlier reply', { state: { previousId: 'r' } }, {}, ['dropped refuse']],
    ['a user', { meta: { user: 'u' } }, {}, ['dropped note']],
  ])('%s', (_, more, config, losses) => {
    const { body, notes } = written(more);
    expect(body.generationConfig ?? {}).toEqual(config);
    expect(notes.map(({ action, weight }) => `${action} ${weight}`)).toEqual(losses);
  });

  test('the model’s abilities hold', () => {
    const { body, notes } = written(
      {
        sampling: { temperature: 0.3, topP: 0.5, topK: 4 },
        outputTokensMax: 100_000,
        output: { format: { type: 'schema', schema: { type: 'object' } } },
      },
      { abilities: { fixedSampling: true, outputTokensMax: 8192, outputSchema: false } },
    );
    expect(body.generationConfig).toEqual({ maxOutputTokens: 8192, responseMimeType: 'application/json' });
    expect(notes.map(({ weight }) => weight)).toEqual(['degrade', 'degrade', 'degrade', 'note', 'degrade']);
    expect(JSON.stringify(body.systemInstruction)).toContain('valid against this JSON schema');
  });
});

describe('tools', () => {
  const f = {
    family: 'function' as const,
    name: 'f',
    schema: { type: 'object', properties: { a: { type: 'string' } } },
  };
  const search = {
    family: 'web_search' as const,
    name: 'web_search',
    wire: {
      protocol: 'anthropic-messages' as const,
      value: { type: 'web_search_20250305', name: 'web_search', max_uses: 3 },
    },
  };
  const config = (more: Partial<TurnRequest>) => written({ tools: [f], ...more }).body.toolConfig;

  test('that both vendors host are asked for, with notes on what cannot be set', () => {
    const code = {
      family: 'code' as const,
      name: 'code_execution',
      wire: { protocol: 'anthropic-messages' as const, value: { type: 'code_execution_20250825' } },
    };
    const shell = {
      family: 'shell' as const,
      name: 'bash',
      wire: { protocol: 'anthropic-messages' as const, value: { type: 'bash_20250124' } },
    };
    const { body, notes } = written({ tools: [search, code, shell] });
    expect(body.tools).toEqual([{ googleSearch: {} }, { codeExecution: {} }]);
    expect(body.toolConfig).toBeUndefined();
    expect(notes.map(({ path, weight }) => [path, weight])).toEqual([
      ['tools[0].max_uses', 'degrade'],
      ['tools[2]', 'degrade'],
    ]);
  });

  test('of both kinds beside one another may be told of', () => {
    const { body } = written({ tools: [f, search] });
    expect(body.tools).toHaveLength(2);
    expect(body.toolConfig).toEqual({ includeServerSideToolInvocations: true });
  });

  test.each<[TurnRequest['toolChoice'], JsonObject | undefined]>([
    [{ mode: 'auto' }, { mode: 'AUTO' }],
    [{ mode: 'none' }, { mode: 'NONE' }],
    [{ mode: 'required' }, { mode: 'ANY' }],
    [
      { mode: 'one', name: 'f' },
      { mode: 'ANY', allowedFunctionNames: ['f'] },
    ],
    [
      { mode: 'auto', allowed: ['f'] },
      { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
    ],
    [
      { mode: 'required', allowed: ['f'] },
      { mode: 'ANY', allowedFunctionNames: ['f'] },
    ],
    [{ mode: 'one', name: 'none' }, undefined],
  ])('the choice %p', (toolChoice, expected) => {
    expect(config({ toolChoice })).toEqual(expected && { functionCallingConfig: expected });
  });

  test('one call at a time cannot be asked for', () => {
    expect(written({ tools: [f], parallelTools: false }).notes).toMatchObject([
      { action: 'dropped', weight: 'degrade' },
    ]);
  });

  test('a name that begins with a digit gets a legal one, in the history too, and is told back', () => {
    const name = '9lives';
    const { body, names } = written({
      tools: [{ ...f, name }],
      turns: [said(text('Go')), answered(call('1', { name }))],
      toolChoice: { mode: 'one', name },
    });
    const [{ functionDeclarations }] = body.tools as [{ functionDeclarations: JsonObject[] }];
    const wire = functionDeclarations[0]!.name as string;
    expect(wire).toMatch(/^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/);
    expect(names).toEqual(new Map([[wire, { name, namespace: undefined }]]));
    expect(JSON.stringify(body.contents)).toContain(`"name":"${wire}"`);
    expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [wire] } });
  });

  test('long names are cut and told back', () => {
    const name = 'a'.repeat(80);
    const { body, names } = written({
      tools: [{ ...f, name }],
      turns: [said(text('Go')), answered(call('1', { name }))],
    });
    const [{ functionDeclarations }] = body.tools as [{ functionDeclarations: JsonObject[] }];
    const wire = functionDeclarations[0]!.name as string;
    expect(wire).toHaveLength(64);
    expect(names?.get(wire)?.name).toBe(name);
    expect(JSON.stringify(body.contents)).toContain(`"name":"${wire}"`);
  });
});
