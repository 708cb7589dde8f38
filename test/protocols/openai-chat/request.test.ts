import { describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { EncodeTarget } from '../../../src/protocols/protocol.ts';
import { packSeal } from '../../../src/protocols/seal.ts';
import { FailureError } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, Tool } from '../../../src/turn/part.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { asked, decode, modern, plain } from './support.ts';

const image = 'data:image/png;base64,AAAA';
const encode = (request: TurnRequest, target: EncodeTarget = modern) =>
  openaiChat.encodeRequest(request, target);
const messagesOf = (request: TurnRequest, target?: EncodeTarget) =>
  encode(request, target).body.messages as JsonObject[];
const paths = (request: TurnRequest, target?: EncodeTarget) =>
  encode(request, target).notes.map(({ path, action, weight }) => `${action} ${path} ${weight}`);

/** A request of a client that speaks another protocol. */
const foreign = (more: Partial<TurnRequest>): TurnRequest => ({
  protocol: 'anthropic-messages',
  model: 'm',
  instructions: [],
  turns: [],
  tools: [],
  sampling: {},
  delivery: { stream: false },
  meta: {},
  extras: {},
  ...more,
});

const refusalOf = (body: JsonObject): { message: string; param?: string; status: number } => {
  try {
    decode(body);
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('the request was accepted');
};

describe('reading a request', () => {
  test('each message is a turn, and a tool message is a result in a user turn', () => {
    const { turns, instructions } = asked([
      { role: 'system', content: 'Be short.' },
      { role: 'developer', content: [{ type: 'text', text: 'Really.' }] },
      { role: 'user', content: 'Hi', name: 'ann' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'done' },
    ]);
    expect(instructions).toEqual([]);
    expect(turns).toMatchObject([
      { role: 'system', parts: [{ kind: 'text', text: 'Be short.' }] },
      { role: 'developer', parts: [{ kind: 'text', text: 'Really.' }] },
      { role: 'user', name: 'ann', parts: [{ kind: 'text', text: 'Hi' }] },
      {
        role: 'assistant',
        parts: [
          { kind: 'tool_call', callId: 'c1', name: 'f', input: '{"a":1}', inputAs: 'json', by: 'client' },
        ],
      },
      {
        role: 'user',
        parts: [{ kind: 'tool_result', callId: 'c1', output: { as: 'text', text: 'done' }, outcome: 'ok' }],
      },
    ]);
  });

  test('pictures, sounds and files are media', () => {
    const pdf = { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' };
    const { turns } = asked([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'low' } },
          { type: 'image_url', image_url: { url: image } },
          { type: 'input_audio', input_audio: { data: 'UklG', format: 'mp3' } },
          { type: 'file', file: pdf },
          { type: 'file', file: { file_id: 'file-1' } },
          { type: 'video_url', video_url: { url: 'https://a.example/c.mp4' } },
        ],
      },
    ]);
    expect(turns[0]!.parts).toMatchObject([
      { kind: 'media', as: 'image', source: { by: 'url', url: 'https://a.example/b.png' }, detail: 'low' },
      { kind: 'media', as: 'image', source: { by: 'bytes', data: 'AAAA' }, mime: 'image/png' },
      { kind: 'media', as: 'audio', source: { by: 'bytes', data: 'UklG' }, mime: 'audio/mpeg' },
      {
        kind: 'media',
        as: 'document',
        source: { by: 'bytes', data: 'JVBE' },
        mime: 'application/pdf',
        title: 'a.pdf',
      },
      { kind: 'media', as: 'file', source: { by: 'file', id: 'file-1' } },
      { kind: 'native', protocol: 'openai-chat', type: 'video_url' },
    ]);
  });

  test('legacy functions become tools, their calls and results find together', () => {
    const request = asked(
      [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'done' },
      ],
      { functions: [{ name: 'f', parameters: { type: 'object' } }], function_call: { name: 'f' } },
    );
    expect(request).toMatchObject({
      tools: [{ family: 'function', name: 'f', schema: { type: 'object' } }],
      toolChoice: { mode: 'one', name: 'f' },
      parallelTools: false,
    });
    const [, assistant, result] = messagesOf(request) as [JsonObject, JsonObject, JsonObject];
    expect(result.tool_call_id).toBe((assistant.tool_calls as JsonObject[])[0]!.id);
    expect(result.role).toBe('tool');
  });

  test.each([
    ['auto', { mode: 'auto' }],
    ['none', { mode: 'none' }],
    ['required', { mode: 'required' }],
    [
      { type: 'function', function: { name: 'f' } },
      { mode: 'one', name: 'f', family: 'function' },
    ],
    [
      { type: 'custom', custom: { name: 'c' } },
      { mode: 'one', name: 'c', family: 'custom' },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] },
      },
      { mode: 'required', allowed: ['f'] },
    ],
  ])('tool_choice %j is read and written', (choice, meaning) => {
    const tools = [
      { type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } },
      {
        type: 'custom',
        custom: { name: 'c', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
      },
    ];
    const request = asked([{ role: 'user', content: 'Hi' }], { tools, tool_choice: choice } as JsonObject);
    expect(request.toolChoice).toMatchObject(meaning);
    const { body } = encode(request);
    expect(body.tool_choice).toEqual(choice);
    expect(body.tools).toEqual(tools);
  });

  test('a choice among tools follows their names upstream', () => {
    const name = 'x'.repeat(80);
    const request = asked([{ role: 'user', content: 'Hi' }], {
      tools: [{ type: 'function', function: { name } }],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name } }] },
      },
    });
    const { body } = encode(request);
    const [tool] = body.tools as { function: { name: string } }[];
    expect(tool!.function.name.length).toBe(64);
    expect(body.tool_choice).toMatchObject({
      allowed_tools: { tools: [{ function: { name: tool!.function.name } }] },
    });
  });

  test('a grammar is flat in the turn, as other protocols write it', () => {
    const { tools } = asked([{ role: 'user', content: 'Hi' }], {
      tools: [
        {
          type: 'custom',
          custom: { name: 'c', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
        },
      ],
    });
    expect(tools[0]!.format).toEqual({ type: 'grammar', syntax: 'lark', definition: 'x' });
  });

  test('sampling, limits, output and meta have their places', () => {
    const request = asked([{ role: 'user', content: 'Hi' }], {
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      frequency_penalty: 1,
      presence_penalty: -1,
      logit_bias: { '50256': -100 },
      logprobs: true,
      top_logprobs: 2,
      n: 2,
      stop: 'END',
      max_completion_tokens: 10,
      reasoning_effort: 'low',
      verbosity: 'high',
      modalities: ['text', 'audio'],
      audio: { voice: 'alloy', format: 'wav' },
      prediction: { type: 'content', content: 'x' },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: { type: 'object' }, strict: true },
      },
      prompt_cache_key: 'k',
      prompt_cache_retention: '24h',
      store: true,
      metadata: { a: 'b' },
      service_tier: 'flex',
      user: 'u',
      safety_identifier: 's',
      web_search_options: { search_context_size: 'low' },
      stream: true,
      stream_options: { include_usage: false, include_obfuscation: false },
    });
    expect(request).toMatchObject({
      sampling: {
        temperature: 0.5,
        topP: 0.9,
        seed: 7,
        frequencyPenalty: 1,
        presencePenalty: -1,
        logitBias: { '50256': -100 },
        logprobs: true,
        topLogprobs: 2,
        choices: 2,
        stop: ['END'],
      },
      outputTokensMax: 10,
      reasoning: { effort: 'low' },
      output: {
        verbosity: 'high',
        modalities: ['text', 'audio'],
        format: { type: 'schema', name: 'n', schema: { type: 'object' }, strict: true },
        extras: { 'openai-chat': { audio: { voice: 'alloy', format: 'wav' } } },
      },
      cache: { key: 'k', retention: '24h' },
      state: { store: true },
      meta: { tier: 'flex', user: 'u', safetyId: 's', labels: { a: 'b' } },
      delivery: { stream: true, includeUsage: false },
      tools: [
        {
          family: 'web_search',
          wire: { protocol: 'openai-chat', value: { search_context_size: 'low' } },
        },
      ],
      extras: { 'openai-chat': { stream_options: { include_obfuscation: false } } },
    });
    expect(encode(request).notes).toEqual([]);
    expect(encode(request).body).toMatchObject({
      web_search_options: { search_context_size: 'low' },
      prediction: { type: 'content', content: 'x' },
      stream_options: { include_usage: true, include_obfuscation: false },
      max_completion_tokens: 10,
    });
  });

  test.each([
    [{ messages: [{ role: 'user', content: 'x' }] }, 'model', 'you must provide a model parameter'],
    [{ model: 'm' }, 'messages', "Missing required parameter: 'messages'."],
    [{ model: 'm', messages: [] }, 'messages', "Invalid 'messages': empty array."],
    [
      { model: 'm', messages: [{ role: 'user', content: 'x' }], temperature: '1' },
      'temperature',
      "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    ],
    [
      { model: 'm', messages: [{ role: 'king', content: 'x' }] },
      'messages[0].role',
      "Invalid value: 'king'.",
    ],
    [{ model: 'm', messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', 'Invalid type'],
    [
      { model: 'm', messages: [{ role: 'tool', content: 'x' }] },
      'messages[0].tool_call_id',
      'Missing required',
    ],
  ])('%j is refused with its field named', (body, param, message) => {
    const refused = refusalOf(body as JsonObject);
    expect(refused).toMatchObject({ status: 400, param });
    expect(refused.message).toStartWith(message);
  });

  test('unknown members and null ones are no fault', () => {
    const request = asked([{ role: 'user', content: 'x', mood: 'glad' }], {
      temperature: null,
      surprise: { a: 1 },
    });
    expect(encode(request).body).toMatchObject({
      messages: [{ role: 'user', content: 'x', mood: 'glad' }],
      surprise: { a: 1 },
    });
    expect('temperature' in encode(request).body).toBe(false);
  });
});

describe('writing for an upstream', () => {
  test('instructions become one system message', () => {
    const instructions: Part[] = [{ kind: 'text', text: 'Be short.' }];
    const turns = [{ role: 'user' as const, parts: [{ kind: 'text' as const, text: 'Hi' }] }];
    expect(messagesOf(foreign({ instructions, turns }))).toEqual([
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Hi' },
    ]);
    const two = foreign({ instructions: [...instructions, { kind: 'text', text: 'Really.' }], turns });
    expect(messagesOf(two)[0]!.content).toEqual([
      { type: 'text', text: 'Be short.' },
      { type: 'text', text: 'Really.' },
    ]);
  });

  test('older servers get max_tokens and system messages', () => {
    const request = asked([{ role: 'developer', content: 'x' }], { max_completion_tokens: 5 });
    expect(encode(request, plain).body).toMatchObject({ messages: [{ role: 'system' }], max_tokens: 5 });
    expect(encode(request, modern).body).toMatchObject({
      messages: [{ role: 'developer' }],
      max_completion_tokens: 5,
    });
  });

  test('results come first, their pictures after the last of them, then what the user said', () => {
    const call = (callId: string): Part => ({
      kind: 'tool_call',
      callId,
      family: 'function',
      name: 'look',
      input: '{}',
      inputAs: 'json',
      by: 'client',
    });
    const request = foreign({
      turns: [
        { role: 'assistant', parts: [call('a'), call('b')] },
        {
          role: 'user',
          parts: [
            {
              kind: 'tool_result',
              callId: 'a',
              family: 'function',
              output: {
                as: 'parts',
                parts: [
                  { kind: 'text', text: 'see' },
                  { kind: 'media', as: 'image', source: { by: 'bytes', data: 'AAAA' }, mime: 'image/png' },
                ],
              },
              outcome: 'ok',
              by: 'client',
            },
            { kind: 'text', text: 'and?' },
            {
              kind: 'tool_result',
              callId: 'b',
              family: 'function',
              output: { as: 'json', value: { x: 1 } },
              outcome: 'error',
              by: 'client',
            },
          ],
        },
      ],
    });
    expect(messagesOf(request).slice(1)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'see' },
      { role: 'tool', tool_call_id: 'b', content: '{"x":1}' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: image } }] },
      { role: 'user', content: 'and?' },
    ]);
    expect(paths(request)).toEqual([
      'emulated messages[1].content[0].content[1] note',
      'dropped messages[1].content[2].is_error degrade',
    ]);
  });

  test('a free-text tool goes up as a function where no other kind exists, and so do its calls', () => {
    const tool: Tool = { family: 'custom', name: 'apply', description: 'd' };
    const request = foreign({
      tools: [tool, { family: 'namespace', name: 'ns', tools: [{ family: 'function', name: 'f' }] }],
      toolChoice: { mode: 'one', name: 'f' },
      turns: [
        {
          role: 'assistant',
          parts: [
            {
              kind: 'tool_call',
              callId: 'c',
              family: 'custom',
              name: 'apply',
              input: 'x\n',
              inputAs: 'text',
              by: 'client',
            },
          ],
        },
      ],
    });
    const { body, names } = encode(request, plain);
    expect(body.tools).toMatchObject([
      { type: 'function', function: { name: 'apply', parameters: { required: ['input'] } } },
      { type: 'function', function: { name: 'ns__f' } },
    ]);
    expect(body.tool_choice).toEqual({ type: 'function', function: { name: 'ns__f' } });
    expect((body.messages as JsonObject[])[0]!.tool_calls).toEqual([
      { id: 'c', type: 'function', function: { name: 'apply', arguments: '{"input":"x\\n"}' } },
    ]);
    expect(names?.get('apply')).toMatchObject({ name: 'apply', custom: true });
    expect(names?.get('ns__f')).toMatchObject({ name: 'f', namespace: 'ns' });
    expect(encode(request, modern).body.tools).toMatchObject([
      { type: 'custom', custom: { name: 'apply' } },
      {},
    ]);
  });

  test('what chat has no word for is noted, not sent', () => {
    const request = foreign({
      sampling: { topK: 5, stop: ['1', '2', '3', '4', '5'] },
      reasoning: { mode: 'on', budgetTokens: 8000, show: 'summarized' },
      tools: [
        {
          family: 'web_search',
          name: 'web_search',
          wire: {
            protocol: 'anthropic-messages',
            value: { type: 'web_search_20250305', name: 'web_search' },
          },
        },
      ],
      toolChoice: { mode: 'one', name: 'web_search', family: 'web_search' },
      state: { previousId: 'resp_1' },
      meta: { tier: 'standard_only', labels: { a: 'b' }, user: 'x'.repeat(65) },
      cache: { mark: {} },
      extras: {
        'anthropic-messages': { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
      },
    });
    const { body } = encode(request);
    expect(body).toEqual({
      model: 'm',
      messages: [],
      stop: ['1', '2', '3', '4'],
      reasoning_effort: 'medium',
      service_tier: 'default',
    });
    expect(paths(request).sort()).toEqual([
      'clamped stop_sequences degrade',
      'dropped cache_control note',
      'dropped context_management.edits[0] note',
      'dropped meta.labels note',
      'dropped metadata.user_id note',
      'dropped state.previousId refuse',
      'dropped thinking.display note',
      'dropped tool_choice degrade',
      'dropped tools[0] degrade',
      'dropped top_k degrade',
      'emulated thinking.budget_tokens note',
    ]);
  });

  test('a document of text goes up as text, one behind a foreign file id does not', () => {
    const request = foreign({
      turns: [
        {
          role: 'user',
          parts: [
            {
              kind: 'media',
              as: 'document',
              source: { by: 'text', text: 'body' },
              title: 'Doc',
              mime: 'text/plain',
            },
            { kind: 'media', as: 'document', source: { by: 'file', id: 'file_1' } },
          ],
        },
      ],
    });
    expect(messagesOf(request)).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Doc' },
          { type: 'text', text: 'body' },
        ],
      },
    ]);
    expect(paths(request)).toEqual([
      'emulated messages[0].content[0] degrade',
      'dropped messages[0].content[1].source.file_id refuse',
    ]);
  });

  test('call ids that are too long are shortened alike in call and result', () => {
    const callId = `call_${'x'.repeat(500)}`;
    const request = foreign({
      turns: [
        {
          role: 'assistant',
          parts: [
            {
              kind: 'tool_call',
              callId,
              family: 'function',
              name: 'f',
              input: '',
              inputAs: 'json',
              by: 'client',
            },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              kind: 'tool_result',
              callId,
              family: 'function',
              output: { as: 'text', text: '' },
              outcome: 'ok',
              by: 'client',
            },
          ],
        },
      ],
    });
    const [assistant, result] = messagesOf(request) as [JsonObject, JsonObject];
    const [sent] = assistant.tool_calls as [JsonObject];
    expect((sent.id as string).length).toBe(40);
    expect(result.tool_call_id).toBe(sent.id);
    expect(sent.function).toEqual({ name: 'f', arguments: '{}' });
    expect(messagesOf(request, plain)[1]!.tool_call_id).toBe(callId);
  });
});

describe('reasoning in the history', () => {
  const details = [{ type: 'reasoning.text', text: 'hm', signature: 's', index: 0 }];

  test('goes back to the upstream that sealed it, as it came', () => {
    const request = asked([{ role: 'assistant', content: 'x', reasoning_details: details }]);
    expect(request.turns[0]!.parts[0]).toMatchObject({ kind: 'reasoning', text: 'hm' });
    expect(messagesOf(request)).toEqual([{ role: 'assistant', content: 'x', reasoning_details: details }]);
  });

  test('opaque reasoning goes back with its text', () => {
    const message = { role: 'assistant', content: 'x', reasoning_text: 'hm', reasoning_opaque: 'o' };
    expect(messagesOf(asked([message]))).toEqual([message]);
  });

  test('plain text goes only where it is read', () => {
    const request = asked([{ role: 'assistant', content: 'x', reasoning_content: 'hm' }]);
    const able: EncodeTarget = { ...plain, abilities: { reasoningContent: true } };
    expect(messagesOf(request, able)[0]).toEqual({
      role: 'assistant',
      content: 'x',
      reasoning_content: 'hm',
    });
    expect(messagesOf(request, plain)[0]).toEqual({ role: 'assistant', content: 'x' });
    expect(paths(request, plain)).toEqual(['dropped messages[0].reasoning_content note']);
  });

  test("another provider's seal is left out with a note", () => {
    const request = foreign({
      turns: [
        {
          role: 'assistant',
          parts: [
            {
              kind: 'reasoning',
              text: 'hm',
              seal: { protocol: 'openai-chat', issuer: 'other', value: '[]' },
            },
            { kind: 'text', text: 'x' },
          ],
        },
      ],
    });
    expect(messagesOf(request)).toEqual([{ role: 'assistant', content: 'x' }]);
    expect(encode(request).notes.map(({ why }) => why)).toEqual([
      'sealed reasoning goes back only to the provider that made it',
      'reasoning in the history goes only to servers that read `reasoning_content`',
    ]);
  });

  test('a packed seal in the history is read as what it was', () => {
    const seal = { protocol: 'anthropic-messages', issuer: 'claude', value: 'sig' } as const;
    const request = asked([
      {
        role: 'assistant',
        content: 'x',
        reasoning_details: [{ type: 'reasoning.encrypted', data: packSeal(seal), index: 0 }],
      },
    ]);
    expect(request.turns[0]!.parts[0]).toMatchObject({ kind: 'reasoning', hidden: true, seal });
  });
});
