import { describe, expect, test } from 'bun:test';
import { FailureError } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { ask, decodeRequest, there } from './support.ts';

const user = (...parts: JsonObject[]): JsonObject => ({ role: 'user', parts });
const model = (...parts: JsonObject[]): JsonObject => ({ role: 'model', parts });

/** The words and the field of a refusal. */
function refusal(body: JsonObject): [string, string | undefined] {
  try {
    decodeRequest(body);
  } catch (error) {
    if (error instanceof FailureError) return [error.failure.message, error.failure.param];
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a request', () => {
  test('takes model and stream from where the gateway puts them', () => {
    expect(decodeRequest({ model: 'g', stream: true, contents: [user({ text: 'hi' })] })).toMatchObject({
      protocol: 'google-gemini',
      model: 'g',
      delivery: { stream: true },
      turns: [{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }],
    });
  });

  test('may write every name as the protocol buffers have it', () => {
    const snake = {
      contents: [
        { role: 'user', parts: [{ inline_data: { mime_type: 'image/png', data: 'aGk=' } }] },
        {
          role: 'model',
          parts: [{ function_call: { name: 'f', args: { snake_arg: 1 } }, thought_signature: 'c2ln' }],
        },
        { role: 'function', parts: [{ function_response: { name: 'f', response: { out_put: 1 } } }] },
      ],
      system_instruction: { parts: { text: 'Be brief.' } },
      tools: [
        {
          function_declarations: [
            { name: 'f', parameters_json_schema: { type: 'object', properties: { snake_arg: {} } } },
          ],
        },
        { google_search: {} },
      ],
      tool_config: { function_calling_config: { mode: 'ANY', allowed_function_names: ['f'] } },
      generation_config: {
        max_output_tokens: 9,
        stop_sequences: ['x'],
        thinking_config: { thinking_budget: -1, include_thoughts: true },
      },
      safety_settings: [{ category: 'A', threshold: 'B' }],
    };
    expect(there(snake)).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        user({ inlineData: { mimeType: 'image/png', data: 'aGk=' } }),
        model({ functionCall: { name: 'f', args: { snake_arg: 1 } }, thoughtSignature: 'c2ln' }),
        user({ functionResponse: { name: 'f', response: { out_put: 1 } } }),
      ],
      tools: [
        {
          functionDeclarations: [
            { name: 'f', parametersJsonSchema: { type: 'object', properties: { snake_arg: {} } } },
          ],
        },
        { googleSearch: {} },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
      generationConfig: {
        maxOutputTokens: 9,
        stopSequences: ['x'],
        thinkingConfig: { thinkingBudget: -1, includeThoughts: true },
      },
      safetySettings: [{ category: 'A', threshold: 'B' }],
    });
  });

  test('keeps what nobody here knows', () => {
    const body = {
      contents: [
        {
          ...user({ text: 'a', partMetadata: { x: 1 } }, { newKind: { y: 2 }, thoughtSignature: 'c2ln' }),
          tag: 'z',
        },
      ],
      tools: [{ functionDeclarations: [{ name: 'f', behavior: 'BLOCKING' }], newTool: { z: 3 } }],
      toolConfig: { retrievalConfig: { languageCode: 'de' } },
      generationConfig: {
        speechConfig: { languageCode: 'de' },
        thinkingConfig: { thinkingLevel: 'low', newer: 1 },
      },
      cachedContent: 'cachedContents/x',
      labels: { team: 'a' },
      newest: [1],
    };
    const { tools, ...rest } = there(body);
    const { tools: _, contents: __, ...expected } = body;
    expect(rest).toEqual({
      ...expected,
      contents: [{ ...user({ text: 'a', partMetadata: { x: 1 } }, { newKind: { y: 2 } }), tag: 'z' }],
    });
    expect(tools).toEqual([
      { functionDeclarations: [{ name: 'f', behavior: 'BLOCKING' }] },
      { newTool: { z: 3 } },
    ]);
  });

  test.each<[string, JsonObject, string | undefined]>([
    ['no contents', {}, 'contents'],
    ['an empty list of contents', { contents: [] }, 'contents'],
    ['a role that is none', { contents: [{ role: 'assistant', parts: [] }] }, 'contents[0].role'],
    ['a part that is no object', { contents: [{ parts: ['a'] as never }] }, 'contents[0].parts[0]'],
    ['a text that is no string', { contents: [{ parts: [{ text: 1 }] }] }, 'contents[0].parts[0].text'],
    [
      'a temperature that is no number',
      { contents: [user({ text: 'a' })], generationConfig: { temperature: 'hot' } },
      'generation_config.temperature',
    ],
    [
      'stop sequences that are no strings',
      { contents: [user({ text: 'a' })], generationConfig: { stopSequences: [1] } },
      'generation_config.stop_sequences[0]',
    ],
    [
      'a function without a name',
      { contents: [user({ text: 'a' })], tools: [{ functionDeclarations: [{}] }] },
      'tools[0].function_declarations[0].name',
    ],
    ['an empty model', { model: '', contents: [user({ text: 'a' })] }, 'model'],
  ])('with %s is refused', (_, body, param) => {
    const [message, where] = refusal(body);
    expect(where).toBe(param!);
    expect(message).not.toBe('');
  });

  test('numbers may be written as strings', () => {
    expect(ask({ generationConfig: { topK: '40', maxOutputTokens: '7' } })).toMatchObject({
      sampling: { topK: 40 },
      outputTokensMax: 7,
    });
  });
});

describe('the history', () => {
  test('chunks of a streamed reply that a chat kept apart are one turn', () => {
    const { turns } = decodeRequest({
      contents: [
        user({ text: 'Hi' }),
        model({ text: 'Hmm', thought: true }),
        model({ text: 'Hel' }),
        model({ text: 'lo' }),
        model({ text: '' }),
        user({ text: 'Bye' }),
      ],
    });
    expect(turns.map(({ role, parts }) => [role, parts])).toEqual([
      ['user', [{ kind: 'text', text: 'Hi' }]],
      [
        'assistant',
        [
          { kind: 'reasoning', text: 'Hmm' },
          { kind: 'text', text: 'Hello' },
        ],
      ],
      ['user', [{ kind: 'text', text: 'Bye' }]],
    ]);
  });

  test('results answer their calls by id, else by name and order', () => {
    const { turns } = decodeRequest({
      contents: [
        user({ text: 'Go' }),
        model(
          { functionCall: { name: 'a' } },
          { functionCall: { name: 'b' } },
          { functionCall: { name: 'a' } },
          { functionCall: { id: 'x', name: 'a' } },
        ),
        user(
          { functionResponse: { name: 'b', response: {} } },
          { functionResponse: { id: 'x', name: 'a', response: {} } },
          { functionResponse: { name: 'a', response: {} } },
          { functionResponse: { name: 'a', response: {} } },
        ),
      ],
    });
    const ids = (at: number) => turns[at]!.parts.map((part) => 'callId' in part && part.callId);
    expect(ids(1)).toEqual(['call_1_0', 'call_1_1', 'call_1_2', 'x']);
    expect(ids(2)).toEqual(['call_1_1', 'x', 'call_1_0', 'call_1_2']);
  });

  test('ids that are made here do not change when the conversation goes on', () => {
    const contents = [
      user({ text: 'Go' }),
      model({ functionCall: { name: 'a' } }),
      user({ functionResponse: { name: 'a', response: {} } }),
    ];
    const before = decodeRequest({ contents });
    const after = decodeRequest({
      contents: [...contents, model({ text: 'Done.' }), user({ text: 'Thanks' })],
    });
    expect(after.turns.slice(0, 3)).toEqual(before.turns);
  });

  test.each<[string, JsonObject, JsonObject]>([
    ['the member output', { output: 'fine' }, { output: { as: 'text', text: 'fine' }, outcome: 'ok' }],
    [
      'an object under output',
      { output: { a: 1 } },
      { output: { as: 'json', value: { a: 1 } }, outcome: 'ok' },
    ],
    ['the member error', { error: 'gone' }, { output: { as: 'text', text: 'gone' }, outcome: 'error' }],
    [
      'the AI SDK’s form',
      { name: 'f', content: 'fine' },
      { output: { as: 'text', text: 'fine' }, outcome: 'ok' },
    ],
    [
      'an object of its own',
      { degrees: 7 },
      { output: { as: 'json', value: { degrees: 7 } }, outcome: 'ok' },
    ],
  ])('a result in %s is understood, and goes back as it was', (_, response, expected) => {
    const contents = [
      user({ text: 'Go' }),
      model({ functionCall: { name: 'f', args: {} } }),
      user({ functionResponse: { name: 'f', response } }),
    ];
    expect(decodeRequest({ contents }).turns[2]!.parts[0]).toMatchObject(expected);
    expect(there({ contents }).contents).toEqual(contents);
  });

  test('a result may hold a picture', () => {
    const parts = [{ inlineData: { mimeType: 'image/png', data: 'aGk=', displayName: 'a.png' } }];
    const contents = [
      user({ text: 'Go' }),
      model({ functionCall: { name: 'f', args: {} } }),
      user({ functionResponse: { name: 'f', response: { output: 'see' }, parts, scheduling: 'SILENT' } }),
    ];
    const [result] = decodeRequest({ contents }).turns[2]!.parts;
    expect(result?.kind === 'tool_result' && result.output).toEqual({
      as: 'parts',
      parts: [
        { kind: 'text', text: 'see' },
        {
          kind: 'media',
          as: 'image',
          mime: 'image/png',
          title: 'a.png',
          source: { by: 'bytes', data: 'aGk=' },
        },
      ],
    });
    expect(there({ contents }).contents).toEqual(contents);
  });

  test.each<[string, string, object]>([
    [
      'a page',
      'https://example.com/a.pdf',
      { as: 'document', source: { by: 'url', url: 'https://example.com/a.pdf' } },
    ],
    ['a film', 'https://www.youtube.com/watch?v=x', { as: 'video', source: { by: 'url' } }],
    ['an object of a bucket', 'gs://b/a.pdf', { as: 'document', source: { by: 'file', id: 'gs://b/a.pdf' } }],
  ])('%s that is linked is told from what only Google can open', (_, fileUri, expected) => {
    const contents = [
      user({ fileData: { fileUri, mimeType: 'application/pdf' }, videoMetadata: { fps: 1 } }),
    ];
    expect(decodeRequest({ contents }).turns[0]!.parts[0]).toMatchObject(expected);
    expect(there({ contents }).contents).toEqual(contents);
  });

  test.each<[string, JsonObject[]]>([
    [
      'on a call',
      [
        { text: 'a' },
        { functionCall: { name: 'f', args: {} }, thoughtSignature: 'c2ln' },
        { functionCall: { name: 'g', args: {} } },
      ],
    ],
    [
      'on a text before an unsigned call',
      [{ text: 'a', thoughtSignature: 'c2ln' }, { functionCall: { name: 'f', args: {} } }],
    ],
    ['on a text behind its beginning', [{ text: 'a' }, { text: '', thoughtSignature: 'c2ln' }]],
    ['on a thought', [{ text: 'a', thought: true, thoughtSignature: 'c2ln' }, { text: 'b' }]],
    [
      'on a text behind a thought',
      [
        { text: 'a', thought: true },
        { text: 'b', thoughtSignature: 'c2ln' },
      ],
    ],
    ['on a picture', [{ inlineData: { mimeType: 'image/png', data: 'aGk=' }, thoughtSignature: 'c2ln' }]],
  ])('a signature %s goes back onto the same part', (_, parts) => {
    const contents = [user({ text: 'Go' }), model(...parts), user({ text: 'On' })];
    expect(there({ contents }).contents).toEqual(contents);
  });
});

describe('settings', () => {
  test.each<[JsonObject, object]>([
    [{ thinkingBudget: 0 }, { mode: 'off' }],
    [{ thinkingBudget: -1 }, { mode: 'adaptive' }],
    [
      { thinkingBudget: 512, includeThoughts: true },
      { mode: 'on', budgetTokens: 512, show: 'auto' },
    ],
    [
      { thinkingLevel: 'HIGH', includeThoughts: false },
      { effort: 'high', show: 'omitted' },
    ],
    [{ thinkingLevel: 'low' }, { effort: 'low' }],
    [{ thinkingLevel: 'THINKING_LEVEL_UNSPECIFIED' }, {}],
  ])('thinkingConfig %p', (thinkingConfig, expected) => {
    expect(ask({ generationConfig: { thinkingConfig } }).reasoning).toEqual(expected);
    expect(
      there({ contents: [user({ text: 'a' })], generationConfig: { thinkingConfig } }).generationConfig,
    ).toEqual({ thinkingConfig });
  });

  test.each<[JsonObject, object]>([
    [{ mode: 'AUTO' }, { mode: 'auto' }],
    [{ mode: 'NONE' }, { mode: 'none' }],
    [{ mode: 'ANY' }, { mode: 'required' }],
    [
      { mode: 'ANY', allowedFunctionNames: ['f'] },
      { mode: 'one', name: 'f' },
    ],
    [
      { mode: 'ANY', allowedFunctionNames: ['f', 'g'] },
      { mode: 'required', allowed: ['f', 'g'] },
    ],
    [{ mode: 'VALIDATED' }, { mode: 'auto' }],
    [
      { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
      { mode: 'auto', allowed: ['f'] },
    ],
    [{ mode: 'NEWER' }, { mode: 'auto', wire: { protocol: 'google-gemini', value: { mode: 'NEWER' } } }],
  ])('functionCallingConfig %p', (functionCallingConfig, expected) => {
    const body = { contents: [user({ text: 'a' })], toolConfig: { functionCallingConfig } };
    expect(decodeRequest(body).toolChoice).toEqual(expected as never);
    expect(there(body).toolConfig).toEqual({ functionCallingConfig });
  });

  test.each<[JsonObject, object | undefined]>([
    [{ responseMimeType: 'application/json' }, { type: 'json' }],
    [{ responseMimeType: 'text/plain' }, { type: 'text' }],
    [{ responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING' } }, undefined],
    [
      { responseMimeType: 'application/json', responseSchema: { type: 'STRING' } },
      { type: 'schema', schema: { type: 'string' } },
    ],
    [
      { responseMimeType: 'application/json', responseJsonSchema: { type: 'string' } },
      { type: 'schema', schema: { type: 'string' } },
    ],
    [{ responseJsonSchema: { type: 'string' } }, { type: 'schema', schema: { type: 'string' } }],
  ])('the format %p', (generationConfig, expected) => {
    expect(ask({ generationConfig }).output?.format).toEqual(expected as never);
    expect(there({ contents: [user({ text: 'a' })], generationConfig }).generationConfig).toEqual(
      generationConfig,
    );
  });

  test('parameters in the API’s dialect are JSON Schema to others and go back as they were', () => {
    const parameters = { type: 'OBJECT', properties: { a: { type: 'STRING' } } };
    const tools = [{ functionDeclarations: [{ name: 'f', description: 'F', parameters }] }];
    expect(ask({ tools }).tools).toEqual([
      {
        family: 'function',
        name: 'f',
        description: 'F',
        schema: { type: 'object', properties: { a: { type: 'string' } } },
      },
    ]);
    expect(there({ contents: [user({ text: 'a' })], tools }).tools).toEqual(tools);
  });

  test('hosted tools are told by what they do', () => {
    const tools = [
      { googleSearch: {}, urlContext: {} },
      { codeExecution: {} },
      { googleMaps: { enableWidget: true } },
    ];
    expect(ask({ tools }).tools.map(({ family, name }) => [family, name])).toEqual([
      ['web_search', 'google_search'],
      ['web_fetch', 'url_context'],
      ['code', 'code_execution'],
      ['other', 'google_maps'],
    ]);
  });
});
