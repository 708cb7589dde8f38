import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { packSeal } from '../../../src/protocols/seal.ts';
import { FailureError } from '../../../src/turn/failure.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, Tool } from '../../../src/turn/part.ts';
import type { Turn, TurnRequest } from '../../../src/turn/request.ts';
import { foreignRequest, target } from './support.ts';

const encode = (more: Partial<TurnRequest>, abilities = {}) =>
  anthropicMessages.encodeRequest(foreignRequest(more), { ...target, abilities });
const paths = (notes: readonly { path: string }[]) => notes.map((note) => note.path);
const said = (role: Turn['role'], ...parts: (Part | string)[]): Turn => ({
  role,
  parts: parts.map((part) => (typeof part === 'string' ? { kind: 'text', text: part } : part)),
});
const call = (callId: string, input = '{}', more: Partial<Part> = {}): Part =>
  ({
    kind: 'tool_call',
    callId,
    family: 'function',
    name: 'f',
    input,
    inputAs: 'json',
    by: 'client',
    ...more,
  }) as Part;
const result = (callId: string, output = 'done', outcome: 'ok' | 'error' = 'ok'): Part => ({
  kind: 'tool_result',
  callId,
  family: 'function',
  output: { as: 'text', text: output },
  outcome,
  by: 'client',
});
const tool: Tool = { family: 'function', name: 'f', schema: { type: 'object', properties: {} } };

describe('reading a request', () => {
  const minimal = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

  test.each([
    [{ ...minimal, model: undefined }, 'model', 'model: Field required'],
    [{ ...minimal, model: '' }, 'model', 'model: String should have at least 1 character'],
    [{ model: 'm' }, 'messages', 'messages: Field required'],
    [{ model: 'm', messages: 'hi' }, 'messages', 'messages: Input should be a valid list'],
    [{ model: 'm', messages: [] }, 'messages', 'messages: at least one message is required'],
    [
      { model: 'm', messages: [{ role: 'tool', content: 'x' }] },
      'messages.0.role',
      "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ],
    [
      { model: 'm', messages: [{ role: 'user' }] },
      'messages.0.content',
      'messages.0.content: Field required',
    ],
    [
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages.0.content.0.text',
      'messages.0.content.0.text: Field required',
    ],
    [{ ...minimal, temperature: '1' }, 'temperature', 'temperature: Input should be a valid number'],
    [{ ...minimal, tools: {} }, 'tools', 'tools: Input should be a valid list'],
    [{ ...minimal, stream: 'yes' }, 'stream', 'stream: Input should be a valid boolean'],
  ])('%j is refused at %s', (body, param, message) => {
    try {
      anthropicMessages.decodeRequest(body as JsonObject);
      expect.unreachable();
    } catch (error) {
      expect((error as FailureError).failure).toMatchObject({ status: 400, param, message });
    }
  });

  test('a thread is refused by name, since its history is not here', () => {
    expect(() => anthropicMessages.decodeRequest({ ...minimal, thread: { type: 'create' } })).toThrow(
      /^thread: /,
    );
  });

  test('every kind of block that a client may send is understood or kept whole', () => {
    const content = [
      {
        type: 'text',
        text: 'a',
        citations: [
          {
            type: 'char_location',
            cited_text: 'q',
            document_index: 0,
            document_title: 'T',
            start_char_index: 0,
            end_char_index: 1,
          },
        ],
        cache_control: { type: 'ephemeral', ttl: '1h' },
      },
      {
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: 'AA==' },
        cache_control: { type: 'ephemeral' },
      },
      {
        type: 'image',
        source: { type: 'url', url: 'https://a.example/x.png' },
        transformations: [{ type: 'crop' }],
      },
      { type: 'image', source: { type: 'file', file_id: 'file_1' } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'AA==' },
        title: 'T',
        context: 'C',
        citations: { enabled: true },
      },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' }, title: null },
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
      { type: 'document', source: { type: 'content', content: 'x' } },
      {
        type: 'document',
        source: { type: 'url', url: 'https://a.example/x.pdf' },
        citations: { enabled: false },
      },
      {
        type: 'search_result',
        source: 'https://a.example',
        title: 'T',
        content: [{ type: 'text', text: 'x' }],
        citations: { enabled: true },
      },
      { type: 'container_upload', file_id: 'file_2' },
      { type: 'thinking', thinking: 'hm', signature: 'sig' },
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'redacted_thinking', data: 'xxx' },
      {
        type: 'tool_use',
        id: 'toolu_1',
        name: 'f',
        input: { a: [1, { b: null }] },
        caller: { type: 'direct' },
      },
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } },
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_1',
        content: { type: 'web_search_tool_result_error', error_code: 'unavailable' },
      },
      { type: 'mcp_tool_use', id: 'mcptoolu_1', name: 'echo', server_name: 's', input: {} },
      {
        type: 'mcp_tool_result',
        tool_use_id: 'mcptoolu_1',
        is_error: false,
        content: [{ type: 'text', text: 'x' }],
      },
      {
        type: 'bash_code_execution_tool_result',
        tool_use_id: 'srvtoolu_2',
        content: { type: 'bash_code_execution_result', stdout: '', stderr: '', return_code: 0, content: [] },
      },
      {
        type: 'tool_result',
        tool_use_id: 'toolu_1',
        is_error: false,
        content: 'x',
        cache_control: { type: 'ephemeral' },
      },
      {
        type: 'tool_result',
        tool_use_id: 'toolu_2',
        is_error: true,
        content: [
          { type: 'text', text: 'x' },
          { type: 'tool_reference', tool_name: 'g' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
        ],
      },
      { type: 'tool_result', tool_use_id: 'toolu_3' },
      { type: 'compaction', content: 'sum', encrypted_content: 'e', cache_control: { type: 'ephemeral' } },
      { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } },
      {
        type: 'tool_addition',
        tool: { type: 'tool_definition', definition: { name: 'g', input_schema: { type: 'object' } } },
      },
      { type: 'mcp_tool_listing', mcp_server_name: 's', tools: [] },
      { type: 'hologram', rays: [1] },
    ];
    const body: JsonObject = {
      model: 'm',
      max_tokens: 5,
      system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '5m', scope: 'global' } }],
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: 'plain' },
        { role: 'system', content: [], output_config: { effort: 'low' } },
        { role: 'system', clear_at: 'never' },
        { role: 'user', content: [{ type: 'text', text: 'one bare block' }] },
        { role: 'user', content: [] },
      ],
      tools: [
        {
          type: 'custom',
          name: 'f',
          description: 'd',
          input_schema: { type: 'object' },
          strict: false,
          defer_loading: true,
          eager_input_streaming: true,
          input_examples: [{ a: 1 }],
          cache_control: { type: 'ephemeral' },
        },
        { name: 'g', input_schema: { type: 'object' }, cache_control: null },
        {
          type: 'web_search_20250305',
          name: 'web_search',
          max_uses: 3,
          cache_control: { type: 'ephemeral', ttl: '1h' },
        },
        { type: 'mcp_toolset', mcp_server_name: 's' },
      ],
      mcp_servers: [{ type: 'url', name: 's', url: 'https://mcp.example' }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      thinking: {
        type: 'enabled',
        budget_tokens: 1024,
        display: 'omitted',
        block_binding: { prefix_mismatch_behavior: 'error' },
      },
      output_config: {
        effort: 'high',
        format: { type: 'json_schema', schema: { type: 'object' } },
        task_budget: { type: 'tokens', total: 9 },
      },
      context_management: { edits: [] },
      container: 'c',
      metadata: { user_id: 'u' },
      service_tier: 'standard_only',
      stop_sequences: ['x'],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 4,
      cache_control: { type: 'ephemeral', ttl: '1h' },
      betas: ['b'],
      speed: null,
      stream: true,
    };
    const request = anthropicMessages.decodeRequest(structuredClone(body));
    expect(request.turns[0]?.parts.filter((part) => part.kind === 'native')).toHaveLength(1);
    const encoded = anthropicMessages.encodeRequest(request, target);
    expect(JSON.parse(JSON.stringify(encoded.body)) as unknown).toEqual(body);
    expect(encoded.notes).toEqual([]);
  });

  test('reasoning that another upstream sealed does not go to this one', () => {
    const signature = packSeal({ protocol: 'openai-responses', issuer: 'far', value: 'x' }, 'rs_1');
    const request = anthropicMessages.decodeRequest({
      model: 'm',
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature },
            { type: 'text', text: 'Hi' },
          ],
        },
      ],
    });
    const { body, notes } = anthropicMessages.encodeRequest(request, target);
    expect(body.messages).toEqual([{ role: 'assistant', content: [{ type: 'text', text: 'Hi' }] }]);
    expect(notes).toMatchObject([{ action: 'dropped', weight: 'note' }]);
  });
});

test('a limit beyond the model’s own is cut, and thinking with it', () => {
  const request = anthropicMessages.decodeRequest({
    model: 'm',
    max_tokens: 128_000,
    messages: [{ role: 'user', content: 'hi' }],
    thinking: { type: 'enabled', budget_tokens: 127_999, display: 'omitted' },
  });
  const { body, notes } = anthropicMessages.encodeRequest(request, {
    ...target,
    abilities: { outputTokensMax: 8192 },
  });
  expect(body).toMatchObject({ max_tokens: 8192, thinking: { budget_tokens: 8191, display: 'omitted' } });
  expect(paths(notes)).toEqual(['max_tokens', 'thinking.budget_tokens']);
});

describe('writing a request of another protocol', () => {
  test('leading system and developer turns are the system prompt, later ones a marked user text', () => {
    const { body, notes } = encode({
      instructions: [{ kind: 'text', text: 'A' }],
      turns: [said('system', 'B'), said('developer', 'C'), said('user', 'hi'), said('developer', 'D')],
    });
    expect(body.system).toEqual(['A', 'B', 'C'].map((text) => ({ type: 'text', text })));
    expect(body.messages).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'user', content: '<system-reminder>\nD\n</system-reminder>' },
    ]);
    expect(notes).toContainEqual(expect.objectContaining({ path: 'input[3]', action: 'emulated' }));
  });

  test('results follow their calls at once, in one message and before other text', () => {
    const { body, notes } = encode({
      tools: [tool],
      turns: [
        said('user', 'go'),
        said('assistant', call('a'), call('b')),
        said('user', result('a')),
        said('user', 'meanwhile', result('b', 'no', 'error')),
      ],
    });
    expect(body.messages).toEqual([
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'f', input: {} },
          { type: 'tool_use', id: 'b', name: 'f', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: 'done' },
          { type: 'tool_result', tool_use_id: 'b', content: 'no', is_error: true },
          { type: 'text', text: 'meanwhile' },
        ],
      },
    ]);
    expect(paths(notes)).toEqual(['max_tokens']);
  });

  test('a call without a result gets one, and a result without a call becomes text', () => {
    const { body, notes } = encode({
      turns: [said('user', 'go'), said('assistant', call('a')), said('user', result('z'), 'next')],
    });
    expect((body.messages as JsonObject[])[2]?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'a', content: 'The tool gave no result.', is_error: true },
      { type: 'text', text: 'Result of the tool call z:\ndone' },
      { type: 'text', text: 'next' },
    ]);
    expect(notes.filter((note) => note.action === 'repaired' && note.weight === 'degrade')).toHaveLength(2);
  });

  test('the messages of the next turn begin with those of this one', () => {
    const turns = [
      said('developer', 'sys'),
      said('user', 'go'),
      said('assistant', 'ok', call('a|1', '{"x":1}')),
      said('user', result('a|1')),
      said('assistant', 'fine'),
      said('user', 'more', 'and more'),
      said('assistant', 'so it is'),
      said('user', 'bye'),
    ];
    const bodies = [2, 4, 6, 8].map((count) => encode({ tools: [tool], turns: turns.slice(0, count) }).body);
    for (let i = 1; i < bodies.length; i++) {
      const before = bodies[i - 1]!.messages as JsonObject[];
      const after = bodies[i]!.messages as JsonObject[];
      expect(after.slice(0, before.length)).toEqual(before);
      expect(bodies[i]!.system).toEqual(bodies[0]!.system);
    }
  });

  test('call ids and tool names are made legal on both sides of a call, and can be undone', () => {
    const long: Tool = { family: 'custom', name: 'apply patch', format: { type: 'text' } };
    const { body, names } = encode({
      tools: [{ family: 'namespace', name: 'ns', tools: [tool] }, long],
      turns: [
        said('user', 'go'),
        said(
          'assistant',
          call('c|1', '{}', { namespace: 'ns' } as Partial<Part>),
          call('c2', 'raw', { family: 'custom', name: 'apply patch', inputAs: 'text' } as Partial<Part>),
        ),
        said('user', result('c|1'), result('c2')),
      ],
    });
    const messages = body.messages as { content: JsonObject[] }[];
    const [first, second] = messages[1]!.content;
    expect(first).toEqual({ type: 'tool_use', id: 'drg-c_7c1', name: 'ns__f', input: {} });
    expect(second?.input).toEqual({ input: 'raw' });
    expect(messages[2]!.content.map((block) => block.tool_use_id)).toEqual(['drg-c_7c1', 'c2']);
    expect(names?.get('ns__f')).toMatchObject({ name: 'f', namespace: 'ns' });
    expect(names?.get(second?.name as string)).toMatchObject({ name: 'apply patch', custom: true });
  });

  test('arguments that are not an object are kept under input, with a note', () => {
    const { body, notes } = encode({
      turns: [said('user', 'x'), said('assistant', call('a', '{"half": '), call('b', '[1]'), call('c', ''))],
    });
    const content = (body.messages as { content: JsonObject[] }[])[1]!.content;
    expect(content.map((block) => block.input)).toEqual([{ input: '{"half": ' }, { input: [1] }, {}]);
    expect(notes.filter((note) => note.path.startsWith('input[1]'))).toHaveLength(2);
  });

  test('reasoning goes up only with a seal that this upstream made', () => {
    const own = { protocol: 'anthropic-messages', issuer: 'here', value: 'sig' } as const;
    const { body, notes } = encode({
      turns: [
        said('user', 'x'),
        said(
          'assistant',
          { kind: 'reasoning', text: 'a', seal: own },
          { kind: 'reasoning', hidden: true, seal: { ...own, value: 'red' } },
          { kind: 'reasoning', text: 'b', seal: { ...own, issuer: 'elsewhere' } },
          { kind: 'reasoning', summary: ['c'] },
          'Hi',
        ),
      ],
    });
    expect((body.messages as JsonObject[])[1]?.content).toEqual([
      { type: 'thinking', thinking: 'a', signature: 'sig' },
      { type: 'redacted_thinking', data: 'red' },
      { type: 'text', text: 'Hi' },
    ]);
    expect(notes.filter((note) => note.path.startsWith('input[1]'))).toHaveLength(2);
  });

  describe('thinking', () => {
    const effort = (word: string, more: Partial<TurnRequest> = {}, abilities = {}) =>
      encode({ reasoning: { effort: word }, ...more }, abilities);

    test.each([
      ['low', 2048],
      ['medium', 8192],
      ['high', 16_384],
      ['xhigh', 32_000],
    ])('%s is a budget of %d', (word, budget) => {
      const { body } = effort(word);
      expect(body.thinking).toEqual({ type: 'enabled', budget_tokens: budget });
      expect(body.max_tokens as number).toBeGreaterThan(budget);
    });

    test.each(['none', 'minimal'])('%s is no thinking', (word) => {
      expect(effort(word).body.thinking).toBeUndefined();
    });

    test('the budget fits below a limit that the client or the model sets', () => {
      const asked = effort('high', { outputTokensMax: 4096 });
      expect(asked.body).toMatchObject({ max_tokens: 4096, thinking: { budget_tokens: 3072 } });
      expect(asked.notes).toContainEqual(
        expect.objectContaining({ path: 'reasoning.effort', action: 'clamped' }),
      );
      expect(effort('high', {}, { outputTokensMax: 8192 }).body).toMatchObject({
        max_tokens: 8192,
        thinking: { budget_tokens: 7168 },
      });
      expect(effort('high', { outputTokensMax: 300 }).body.thinking).toBeUndefined();
    });

    test('it is left out where the API refuses it', () => {
      const forced = effort('low', { tools: [tool], toolChoice: { mode: 'required' } });
      expect(forced.body.thinking).toBeUndefined();
      expect(paths(forced.notes)).toContain('reasoning.effort');
      const loop = effort('low', {
        tools: [tool],
        turns: [said('user', 'x'), said('assistant', call('a')), said('user', result('a'))],
      });
      expect(loop.body.thinking).toBeUndefined();
      const seal = { protocol: 'anthropic-messages', issuer: 'here', value: 's' } as const;
      const kept = effort('low', {
        tools: [tool],
        turns: [
          said('user', 'x'),
          said('assistant', { kind: 'reasoning', text: 't', seal }, call('a')),
          said('user', result('a')),
          said('assistant', call('b')),
          said('user', result('b')),
        ],
      });
      expect(kept.body.thinking).toBeDefined();
    });

    test('sampling that it forbids is dropped with a note', () => {
      const { body, notes } = effort('low', { sampling: { temperature: 0.2, topP: 0.5, topK: 3 } });
      expect(body).not.toContainAnyKeys(['temperature', 'top_p', 'top_k']);
      expect(paths(notes)).toEqual(expect.arrayContaining(['temperature', 'top_p', 'sampling.topK']));
    });
  });

  test('a missing limit is filled in, the model’s own where it is known', () => {
    expect(encode({})).toMatchObject({ body: { max_tokens: 8192 }, notes: [{ path: 'max_tokens' }] });
    expect(encode({}, { outputTokensMax: 64_000 })).toMatchObject({
      body: { max_tokens: 64_000 },
      notes: [],
    });
    expect(encode({ outputTokensMax: 9000 }, { outputTokensMax: 4096 })).toMatchObject({
      body: { max_tokens: 4096 },
      notes: [{ path: 'max_output_tokens', action: 'clamped' }],
    });
  });

  test('what the API has under another name is put there', () => {
    const { body } = encode({
      tools: [tool],
      toolChoice: { mode: 'one', name: 'f' },
      parallelTools: false,
      sampling: { stop: ['END', '\n'], topP: 1, temperature: 2 },
      meta: { tier: 'default', user: 'u' },
      output: { format: { type: 'schema', name: 'n', schema: { type: 'object' }, strict: true } },
      delivery: { stream: true },
    });
    expect(body).toMatchObject({
      tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
      stop_sequences: ['END'],
      temperature: 1,
      service_tier: 'standard_only',
      metadata: { user_id: 'u' },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      stream: true,
    });
    expect(body.top_p).toBeUndefined();
  });

  test('what the API has no place for is noted by its name', () => {
    const { notes } = encode({
      sampling: {
        seed: 1,
        frequencyPenalty: 1,
        presencePenalty: 1,
        logitBias: {},
        logprobs: true,
        choices: 2,
      },
      output: { format: { type: 'json' }, verbosity: 'low' },
      cache: { key: 'k' },
      meta: { tier: 'flex', labels: { a: 'b' } },
      extras: { 'openai-responses': { truncation: 'auto', whatever: 1 } },
      tools: [{ family: 'mcp', name: 'mcp', wire: { protocol: 'openai-responses', value: { type: 'mcp' } } }],
    });
    expect(paths(notes)).toEqual(
      expect.arrayContaining([
        'sampling.seed',
        'frequency_penalty',
        'presence_penalty',
        'sampling.logitBias',
        'include[message.output_text.logprobs]',
        'sampling.choices',
        'text.format.type',
        'text.verbosity',
        'prompt_cache_key',
        'service_tier',
        'metadata',
        'truncation',
        'whatever',
        'tools[0]',
      ]),
    );
    expect(notes.find((note) => note.path === 'tools[0]')?.weight).toBe('degrade');
  });

  test('web search is carried over with its filters and place', () => {
    const value = {
      type: 'web_search',
      filters: { allowed_domains: ['a.example'] },
      user_location: { type: 'approximate', city: 'Oslo' },
    };
    const { body } = encode({
      tools: [{ family: 'web_search', name: 'web_search', wire: { protocol: 'openai-responses', value } }],
    });
    expect(body.tools).toEqual([
      {
        type: 'web_search_20250305',
        name: 'web_search',
        allowed_domains: ['a.example'],
        user_location: { type: 'approximate', city: 'Oslo' },
      },
    ]);
  });

  test('a schema that is not one object is made one', () => {
    const schemas: JsonObject[] = [
      {},
      { properties: { a: { type: 'string' } } },
      {
        anyOf: [
          { type: 'object', properties: { a: {} } },
          { type: 'object', properties: { b: {} } },
        ],
      },
    ];
    const { body, notes } = encode({
      tools: schemas.map((schema, i) => ({ ...tool, name: `f${i}`, schema })),
    });
    expect((body.tools as JsonObject[]).map((one) => one.input_schema)).toEqual([
      { type: 'object', properties: {} },
      { type: 'object', properties: { a: { type: 'string' } } },
      { type: 'object', properties: { a: {}, b: {} } },
    ]);
    expect(notes.filter((note) => note.path.startsWith('tools[')).map((note) => note.weight)).toEqual([
      'note',
      'degrade',
    ]);
  });

  test('media goes up in the form that fits, or is noted', () => {
    const media = (as: 'image' | 'file' | 'audio', source: object, mime?: string): Part =>
      ({ kind: 'media', as, source, mime }) as Part;
    const { body, notes } = encode({
      turns: [
        said(
          'user',
          media('image', { by: 'bytes', data: 'AA==' }, 'image/png'),
          media('image', { by: 'url', url: 'data:image/gif;base64,BB==' }),
          media('file', { by: 'bytes', data: btoa('words') }, 'text/csv'),
          media('file', { by: 'bytes', data: 'JVBERi0=' }, 'application/pdf'),
          media('file', { by: 'file', id: 'file-1' }),
          media('audio', { by: 'bytes', data: 'AA==' }, 'audio/wav'),
        ),
      ],
    });
    expect((body.messages as JsonObject[])[0]?.content).toEqual([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
      { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'BB==' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } },
    ]);
    expect(notes.filter((note) => note.weight === 'refuse')).toHaveLength(2);
  });

  test('more than four cache marks are cut to the last four', () => {
    const marked = (text: string): Part => ({ kind: 'text', text, cache: {} });
    const { body, notes } = encode({
      turns: ['a', 'b', 'c', 'd', 'e'].map((text) => said('user', marked(text))),
    });
    const marks = (body.messages as { content: string | JsonObject[] }[]).map(
      ({ content }) => typeof content !== 'string' && content[0]?.cache_control !== undefined,
    );
    expect(marks).toEqual([false, true, true, true, true]);
    expect(paths(notes)).toContain('input[type=message].content[].prompt_cache_breakpoint');
  });

  test('blank texts are left out and a conversation opens with the user', () => {
    const { body } = encode({ turns: [said('assistant', 'Hello. ', '  ')] });
    expect(body.messages).toEqual([
      { role: 'user', content: '.' },
      { role: 'assistant', content: [{ type: 'text', text: 'Hello.' }] },
    ]);
  });
});
