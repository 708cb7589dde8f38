import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { allTools } from '../../../src/protocols/repairs/tool-names.ts';
import { FailureError } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, Tool } from '../../../src/turn/part.ts';
import type { TurnRequest } from '../../../src/turn/request.ts';
import { plain, requestOf, target } from './support.ts';

const decode = (more: JsonObject): TurnRequest =>
  openaiResponses.decodeRequest({ model: 'm', input: 'hi', ...more });
const encode = (more: Partial<TurnRequest>, from: TurnRequest['protocol'] = 'openai-chat') => {
  const encoded = openaiResponses.encodeRequest({ ...requestOf(more), protocol: from }, target);
  return { ...encoded, body: plain(encoded.body), paths: encoded.notes.map((note) => note.path) };
};
const refusal = (body: JsonObject) => {
  try {
    openaiResponses.decodeRequest(body);
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
  }
  return undefined;
};
const message = (role: string, text: string): JsonObject => ({
  type: 'message',
  role,
  content: [{ type: 'input_text', text }],
});

describe('reading a Responses request', () => {
  test('input as a string is one user turn', () => {
    expect(decode({}).turns).toEqual([{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }]);
  });

  test("the model's items join to one turn, results of the client to another", () => {
    const { turns } = decode({
      input: [
        message('developer', 'rules'),
        message('user', 'go'),
        { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'sealed' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'custom_tool_call', call_id: 'c2', name: 'patch', input: 'text' },
        { type: 'function_call_output', call_id: 'c1', output: 'one' },
        { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'two' }] },
        { role: 'assistant', content: [{ type: 'output_text', text: 'done' }] },
        message('user', 'a'),
        message('user', 'b'),
      ],
    });
    expect(turns.map((turn) => [turn.role, turn.parts.map((part) => part.kind).join()])).toEqual([
      ['developer', 'text'],
      ['user', 'text'],
      ['assistant', 'reasoning,tool_call,tool_call'],
      ['user', 'tool_result,tool_result'],
      ['assistant', 'text'],
      ['user', 'text'],
      ['user', 'text'],
    ]);
    expect(turns[2]?.parts).toMatchObject([
      { id: 'rs_1', hidden: true, seal: { protocol: 'openai-responses', value: 'sealed' } },
      { family: 'function', inputAs: 'json' },
      { family: 'custom', inputAs: 'text', input: 'text' },
    ]);
    expect(turns[3]?.parts).toMatchObject([
      { callId: 'c1', output: { as: 'text', text: 'one' } },
      { callId: 'c2', output: { as: 'parts', parts: [{ kind: 'text', text: 'two' }] } },
    ]);
  });

  test('every kind of content is understood, unknown ones are kept', () => {
    const content: JsonObject[] = [
      { type: 'input_text', text: 't' },
      { type: 'input_image', image_url: 'data:image/png;base64,aW1n', detail: 'high' },
      { type: 'input_image', image_url: 'https://a.example/i.png' },
      { type: 'input_image', file_id: 'file_1' },
      { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,cGRm' },
      { type: 'input_file', file_url: 'https://a.example/a.pdf' },
      { type: 'input_audio', input_audio: { data: 'c291bmQ=', format: 'mp3' } },
      { type: 'input_smell', value: 1 },
    ];
    const [turn] = decode({ input: [{ role: 'user', content }] }).turns;
    expect(turn?.parts).toMatchObject([
      { kind: 'text', text: 't' },
      {
        kind: 'media',
        as: 'image',
        source: { by: 'bytes', data: 'aW1n' },
        mime: 'image/png',
        detail: 'high',
      },
      { kind: 'media', as: 'image', source: { by: 'url', url: 'https://a.example/i.png' } },
      { kind: 'media', as: 'image', source: { by: 'file', id: 'file_1' } },
      { kind: 'media', as: 'document', source: { data: 'cGRm' }, mime: 'application/pdf', title: 'a.pdf' },
      { kind: 'media', as: 'document', source: { by: 'url' } },
      { kind: 'media', as: 'audio', source: { data: 'c291bmQ=' }, mime: 'audio/mpeg' },
      { kind: 'native', type: 'content:input_smell' },
    ]);
  });

  test('tools that join by an item are offered, in namespaces and as free text', () => {
    const request = decode({
      input: [
        {
          type: 'additional_tools',
          role: 'developer',
          tools: [
            {
              type: 'namespace',
              name: 'functions',
              description: '',
              tools: [
                {
                  type: 'custom',
                  name: 'exec',
                  format: { type: 'grammar', syntax: 'lark', definition: 'x' },
                },
              ],
            },
          ],
        },
        message('user', 'go'),
      ],
    });
    expect(request.turns[0]).toMatchObject({ role: 'developer', parts: [{ kind: 'tool_change' }] });
    expect(allTools(request)).toMatchObject([
      {
        family: 'namespace',
        name: 'functions',
        tools: [{ family: 'custom', name: 'exec', format: { syntax: 'lark' } }],
      },
    ]);
  });

  test("agents' mail in plain words can be read by any model, ciphertext is kept shut", () => {
    const mail = (encrypted_content: string): JsonObject => ({
      type: 'agent_message',
      author: '/root',
      recipient: '/root/a',
      content: [
        { type: 'input_text', text: 'Task: ' },
        { type: 'encrypted_content', encrypted_content },
      ],
    });
    const parts = (value: string) => decode({ input: [mail(value)] }).turns[0]?.parts;
    expect(parts('look around')).toMatchObject([{ text: 'Task: ' }, { kind: 'text', text: 'look around' }]);
    expect(parts('gAAAAABq')).toMatchObject([{ text: 'Task: ' }, { kind: 'native' }]);
  });

  test('tool_choice in all its forms', () => {
    const choice = (tool_choice: JsonObject | string) => decode({ tool_choice }).toolChoice;
    expect(choice('required')).toEqual({ mode: 'required' });
    expect(choice({ type: 'function', name: 'f' })).toEqual({ mode: 'one', name: 'f' });
    expect(choice({ type: 'custom', name: 'p' })).toEqual({ mode: 'one', name: 'p', family: 'custom' });
    expect(choice({ type: 'mcp', server_label: 's' })).toMatchObject({
      mode: 'one',
      name: 's',
      family: 'mcp',
    });
    expect(choice({ type: 'web_search_preview' })).toMatchObject({ mode: 'one', family: 'web_search' });
    const allowed = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] };
    expect(choice(allowed)).toMatchObject({ mode: 'required', allowed: ['f'], wire: { value: allowed } });
  });

  test('what no upstream could make sense of is refused by name', () => {
    expect(refusal({ input: 'x' })).toMatchObject({
      param: 'model',
      status: 400,
      code: 'missing_required_parameter',
    });
    expect(refusal({ model: '', input: 'x' })).toMatchObject({ param: 'model' });
    expect(refusal({ model: 'm' })).toMatchObject({ code: 'missing_required_parameter' });
    expect(refusal({ model: 'm', input: 3 })).toMatchObject({
      param: 'input',
      message: "Invalid type for 'input': expected one of a string or array, but got a number instead.",
    });
    expect(refusal({ model: 'm', input: ['x'] })).toMatchObject({ param: 'input[0]' });
    expect(refusal({ model: 'm', input: 'x', temperature: 'hot' })).toMatchObject({
      param: 'temperature',
      message: "Invalid type for 'temperature': expected a decimal, but got a string instead.",
    });
    expect(refusal({ model: 'm', input: 'x', tools: {} })).toMatchObject({ param: 'tools' });
    expect(refusal({ model: 'm', previous_response_id: 'resp_1' })).toBeUndefined();
    expect(refusal({ model: 'm', input: 'x', temperature: null, tools: null, strange: 1 })).toBeUndefined();
  });
});

describe('writing a request of another protocol for a Responses upstream', () => {
  test('the history is in items, and nothing is kept upstream', () => {
    const { body, notes } = encode({
      instructions: [
        { kind: 'text', text: 'One.' },
        { kind: 'text', text: 'Two.' },
      ],
      turns: [
        { role: 'developer', parts: [{ kind: 'text', text: 'rules' }] },
        {
          role: 'user',
          parts: [
            { kind: 'text', text: 'look' },
            { kind: 'media', as: 'image', source: { by: 'bytes', data: 'aW1n' }, mime: 'image/png' },
          ],
        },
        {
          role: 'assistant',
          parts: [
            { kind: 'text', text: 'I call.' },
            {
              kind: 'tool_call',
              callId: 'c1',
              family: 'function',
              name: 'f',
              input: '',
              inputAs: 'json',
              by: 'client',
            },
            {
              kind: 'tool_call',
              callId: 'c2',
              family: 'custom',
              name: 'p',
              input: 'x',
              inputAs: 'text',
              by: 'client',
            },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              kind: 'tool_result',
              callId: 'c1',
              family: 'function',
              output: { as: 'text', text: '1' },
              outcome: 'ok',
              by: 'client',
            },
            {
              kind: 'tool_result',
              callId: 'c2',
              family: 'function',
              output: { as: 'text', text: '2' },
              outcome: 'ok',
              by: 'client',
            },
            { kind: 'text', text: 'go on' },
          ],
        },
      ],
    });
    expect(body).toEqual({
      model: 'm',
      instructions: 'One.\n\nTwo.',
      input: [
        message('developer', 'rules'),
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'look' },
            { type: 'input_image', image_url: 'data:image/png;base64,aW1n', detail: 'auto' },
          ],
        },
        { type: 'message', role: 'assistant', content: 'I call.' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'custom_tool_call', call_id: 'c2', name: 'p', input: 'x' },
        { type: 'function_call_output', call_id: 'c1', output: '1' },
        { type: 'custom_tool_call_output', call_id: 'c2', output: '2' },
        message('user', 'go on'),
      ],
      store: false,
      stream: true,
    });
    expect(notes).toEqual([]);
  });

  test('functions are not strict unless they said so, and long names find their way back', () => {
    const long = 'mcp__a_server_with_a_long_name__a_tool_with_a_name_that_is_longer_than_sixty_four';
    const tools: Tool[] = [
      { family: 'function', name: 'f' },
      { family: 'function', name: long, schema: { type: 'object' }, strict: true },
      { family: 'custom', name: 'p', format: { type: 'text' } },
    ];
    const { body, names } = encode({ tools, toolChoice: { mode: 'one', name: long } }, 'anthropic-messages');
    const [first, second, third] = body.tools as JsonObject[];
    expect(first).toEqual({
      type: 'function',
      name: 'f',
      parameters: { type: 'object', properties: {} },
      strict: false,
    });
    expect(second).toMatchObject({ strict: true, parameters: { type: 'object' } });
    expect(third).toEqual({ type: 'custom', name: 'p', format: { type: 'text' } });
    const wireName = second?.name as string;
    expect(wireName.length).toBeLessThanOrEqual(64);
    expect(names?.get(wireName)?.name).toBe(long);
    expect(body.tool_choice).toEqual({ type: 'function', name: wireName });
  });

  test('reasoning goes back to the provider that made it, and to no other', () => {
    const reasoning = (issuer: string, protocol = 'openai-responses' as const): Part => ({
      kind: 'reasoning',
      id: 'rs_1',
      summary: ['S'],
      seal: { protocol, issuer, value: 'sealed' },
    });
    const turns = (part: Part): Partial<TurnRequest> => ({ turns: [{ role: 'assistant', parts: [part] }] });
    const fits = encode(turns(reasoning('upstream')), 'anthropic-messages');
    expect(fits.body).toMatchObject({
      input: [
        {
          type: 'reasoning',
          id: 'rs_1',
          summary: [{ type: 'summary_text', text: 'S' }],
          encrypted_content: 'sealed',
        },
      ],
      include: ['reasoning.encrypted_content'],
    });
    expect(encode(turns(reasoning('another')))).toMatchObject({
      body: { input: [] },
      paths: ['messages[0].reasoning_details', 'messages[0].reasoning_content'],
    });
    const thinking: Part = {
      kind: 'reasoning',
      text: 'T',
      seal: { protocol: 'anthropic-messages', issuer: 'upstream', value: 'sig' },
    };
    expect(encode(turns(thinking))).toMatchObject({
      body: { input: [] },
      paths: ['messages[0].reasoning_details', 'messages[0].reasoning_content'],
    });
  });

  test('a wish for reasoning asks for its summary and its seal', () => {
    const { body, paths } = encode({ reasoning: { mode: 'on', budgetTokens: 10_000 } }, 'anthropic-messages');
    expect(body).toMatchObject({
      reasoning: { effort: 'medium', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
    });
    expect(paths).toEqual(['thinking.budget_tokens']);
    expect(encode({ reasoning: { effort: 'low' } }).body.reasoning).toEqual({ effort: 'low' });
  });

  test('what the protocol lacks is noted, never dropped in silence', () => {
    const { paths, notes, body } = encode({
      sampling: { temperature: 1, topK: 5, seed: 1, stop: ['x'], choices: 2, logprobs: true },
      outputTokensMax: 1,
      meta: { user: 'u'.repeat(70), labels: { a: 'b' } },
      extras: { 'anthropic-messages': { container: 'c' } },
      tools: [{ family: 'computer', name: 'computer', wire: { protocol: 'anthropic-messages', value: {} } }],
    });
    expect(paths.toSorted()).toEqual(
      ['tools[0]', 'max_completion_tokens', 'top_k', 'seed', 'stop', 'n', 'user', 'container'].toSorted(),
    );
    expect(notes.find((note) => note.path === 'tools[0]')?.weight).toBe('degrade');
    expect(body).toMatchObject({
      temperature: 1,
      max_output_tokens: 16,
      metadata: { a: 'b' },
      include: ['message.output_text.logprobs'],
    });
  });

  test('web search crosses over with its domains and place', () => {
    const value = {
      type: 'web_search_20250305',
      name: 'web_search',
      allowed_domains: ['a.example'],
      max_uses: 3,
      user_location: { type: 'approximate', city: 'Paris' },
    };
    const tool: Tool = {
      family: 'web_search',
      name: 'web_search',
      wire: { protocol: 'anthropic-messages', value },
    };
    const { body, paths } = encode({ tools: [tool] }, 'anthropic-messages');
    expect(body.tools).toEqual([
      {
        type: 'web_search',
        filters: { allowed_domains: ['a.example'] },
        user_location: { type: 'approximate', city: 'Paris' },
      },
    ]);
    expect(paths).toEqual(['tools[0].max_uses']);
  });

  test('the next turn of a conversation begins with the last one', () => {
    const turns: TurnRequest['turns'] = [];
    let before: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      turns.push({ role: 'user', parts: [{ kind: 'text', text: `question ${i}` }] });
      const input = encode({ turns: structuredClone(turns) }, 'anthropic-messages').body.input as unknown[];
      expect(input.slice(0, before.length)).toEqual(before);
      before = input;
      const callId = `toolu_${i}`;
      turns.push({
        role: 'assistant',
        parts: [
          { kind: 'text', text: `answer ${i}` },
          {
            kind: 'tool_call',
            callId,
            family: 'function',
            name: 'f',
            input: '{}',
            inputAs: 'json',
            by: 'client',
          },
        ],
      });
      turns.push({
        role: 'user',
        parts: [
          {
            kind: 'tool_result',
            callId,
            family: 'function',
            output: { as: 'text', text: 'r' },
            outcome: 'ok',
            by: 'client',
          },
        ],
      });
    }
    expect(before).toHaveLength(13);
  });
});

describe('a Responses request on its way to a Responses upstream', () => {
  const again = (more: JsonObject) => {
    const encoded = openaiResponses.encodeRequest(decode(more), target);
    return { body: plain(encoded.body), paths: encoded.notes.map((note) => note.path) };
  };

  test('keeps what only this protocol knows', () => {
    const more: JsonObject = {
      input: [
        { type: 'compaction_trigger' },
        { type: 'item_reference', id: 'rs_1' },
        { type: 'strange', a: 1 },
      ],
      include: ['reasoning.encrypted_content'],
      truncation: 'auto',
      client_metadata: { session_id: 's' },
      background: true,
      prompt: { id: 'pmpt_1' },
      text: { verbosity: 'low', format: { type: 'grammar', syntax: 'lark' } },
      reasoning: { effort: 'low', context: 'all_turns' },
      tools: [
        { type: 'tool_search', execution: 'client' },
        { type: 'web_search', external_web_access: false },
      ],
    };
    expect(again(more)).toEqual({ body: { model: 'm', ...more }, paths: [] });
  });

  test("leaves out another maker's reasoning, which only packed in the client's history", () => {
    const { body, paths } = again({
      input: [
        {
          type: 'reasoning',
          id: 'rs_x',
          summary: [],
          encrypted_content: 'drg1:anthropic-messages:claude::c2ln',
        },
        message('user', 'go'),
      ],
    });
    expect(body.input).toEqual([message('user', 'go')]);
    expect(paths).toEqual(['input[0].encrypted_content']);
  });
});
