import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, type Content, type FunctionCall, type Part } from '@google/genai';
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { blocksOfPayloads, type SseBlock } from '../support/corpus.ts';
import { startBench, surfaceNames, type SurfaceName } from './setup.ts';

const bench = startBench();
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

const openai = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused', maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: bench.url, apiKey: 'unused', maxRetries: 0 });
const { models: gemini } = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: bench.url } });

/** Opaque values of odd lengths and characters; arguments whose spelling must survive. */
const signature = 'EqQBCgIYAhIM+/=é';
const callArguments = '{"city": "Oslo",  "days":3}';
const toolName = 'get_weather';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city'],
};

/** A reply that thinks, says something and calls the tool twice, as each upstream streams it. */
const replies: Record<SurfaceName, { blocks: SseBlock[]; seals: string[]; callIds: string[] }> = {
  messages: {
    seals: [signature, 'redacted+/data=='],
    callIds: ['toolu_01', 'toolu_02'],
    blocks: blocksOfPayloads(
      [
        {
          type: 'message_start',
          message: {
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: 'm-1',
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 5, output_tokens: 1 },
          },
        },
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'thinking', thinking: '', signature: '' },
        },
        { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Oslo it is.' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature } },
        { type: 'content_block_stop', index: 0 },
        {
          type: 'content_block_start',
          index: 1,
          content_block: { type: 'redacted_thinking', data: 'redacted+/data==' },
        },
        { type: 'content_block_stop', index: 1 },
        { type: 'content_block_start', index: 2, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 2, delta: { type: 'text_delta', text: 'I will look.' } },
        { type: 'content_block_stop', index: 2 },
        ...[3, 4].flatMap((index) => [
          {
            type: 'content_block_start',
            index,
            content_block: { type: 'tool_use', id: `toolu_0${index - 2}`, name: toolName, input: {} },
          },
          {
            type: 'content_block_delta',
            index,
            delta: { type: 'input_json_delta', partial_json: callArguments.slice(0, 9) },
          },
          {
            type: 'content_block_delta',
            index,
            delta: { type: 'input_json_delta', partial_json: callArguments.slice(9) },
          },
          { type: 'content_block_stop', index },
        ]),
        {
          type: 'message_delta',
          delta: { stop_reason: 'tool_use', stop_sequence: null },
          usage: { output_tokens: 40 },
        },
        { type: 'message_stop' },
      ].map((event) => JSON.stringify(event)),
      'anthropic-messages',
    ),
  },
  responses: {
    seals: [signature],
    callIds: ['call_AbC1', 'call_AbC2'],
    blocks: responsesBlocks(),
  },
  chat: {
    seals: [signature],
    callIds: ['call_AbC1', 'call_AbC2'],
    blocks: blocksOfPayloads(
      [
        chunk({ role: 'assistant', content: '' }),
        chunk({
          reasoning: 'Oslo it is.',
          reasoning_details: [
            { type: 'reasoning.text', text: 'Oslo it is.', format: 'anthropic-claude-v1', index: 0 },
          ],
        }),
        chunk({
          reasoning: '',
          reasoning_details: [{ type: 'reasoning.text', signature, format: 'anthropic-claude-v1', index: 0 }],
        }),
        chunk({ content: 'I will look.' }),
        ...[0, 1].flatMap((index) => [
          chunk({
            tool_calls: [
              {
                index,
                id: `call_AbC${index + 1}`,
                type: 'function',
                function: { name: toolName, arguments: '' },
              },
            ],
          }),
          chunk({ tool_calls: [{ index, function: { arguments: callArguments } }] }),
        ]),
        chunk({}, 'tool_calls'),
        '[DONE]',
      ],
      'openai-chat',
    ),
  },
  gemini: {
    seals: [signature],
    callIds: ['call-1', 'call-2'],
    blocks: blocksOfPayloads(
      [
        candidate([{ text: 'Oslo it is.', thought: true }]),
        candidate([{ text: 'I will look.' }]),
        candidate([
          { functionCall: geminiCall('call-1'), thoughtSignature: signature },
          { functionCall: geminiCall('call-2') },
        ]),
        candidate([{ text: '' }], { finishReason: 'STOP' }),
      ],
      'google-gemini',
    ),
  },
};

function geminiCall(id: string): FunctionCall {
  return { id, name: toolName, args: JSON.parse(callArguments) as Record<string, unknown> };
}

function candidate(parts: Part[], more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
    usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 },
    modelVersion: 'm-1',
    responseId: 'reply-1',
  });
}

function chunk(delta: unknown, finish: string | null = null): string {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm-1',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
}

function responsesBlocks(): SseBlock[] {
  const text = { type: 'output_text', text: 'I will look.', annotations: [], logprobs: [] };
  const items = [
    {
      id: 'rs_1',
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'Oslo it is.' }],
      encrypted_content: signature,
    },
    { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [text] },
    ...[1, 2].map((n) => ({
      id: `fc_${n}`,
      type: 'function_call',
      call_id: `call_AbC${n}`,
      name: toolName,
      arguments: callArguments,
      status: 'completed',
    })),
  ];
  const response = (status: string, output: unknown[]) => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status,
    model: 'm-1',
    output,
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    usage: null,
  });
  const events: Record<string, unknown>[] = [
    { type: 'response.created', response: response('in_progress', []) },
  ];
  items.forEach((item, output_index) => {
    const empty = {
      ...item,
      ...(item.type === 'message' ? { content: [] } : {}),
      ...(item.type === 'function_call' ? { arguments: '' } : {}),
      ...(item.type === 'reasoning' ? { summary: [] } : {}),
    };
    events.push({ type: 'response.output_item.added', output_index, item: empty });
    if (item.type === 'reasoning') {
      const at = { item_id: item.id, output_index, summary_index: 0 };
      events.push(
        { type: 'response.reasoning_summary_part.added', ...at, part: { type: 'summary_text', text: '' } },
        { type: 'response.reasoning_summary_text.delta', ...at, delta: 'Oslo it is.' },
        { type: 'response.reasoning_summary_text.done', ...at, text: 'Oslo it is.' },
        {
          type: 'response.reasoning_summary_part.done',
          ...at,
          part: { type: 'summary_text', text: 'Oslo it is.' },
        },
      );
    } else if (item.type === 'message') {
      const at = { item_id: item.id, output_index, content_index: 0 };
      events.push(
        { type: 'response.content_part.added', ...at, part: { ...text, text: '' } },
        { type: 'response.output_text.delta', ...at, delta: 'I will look.', logprobs: [] },
        { type: 'response.output_text.done', ...at, text: 'I will look.', logprobs: [] },
        { type: 'response.content_part.done', ...at, part: text },
      );
    } else {
      const at = { item_id: item.id, output_index };
      events.push(
        { type: 'response.function_call_arguments.delta', ...at, delta: callArguments },
        { type: 'response.function_call_arguments.done', ...at, arguments: callArguments },
      );
    }
    events.push({ type: 'response.output_item.done', output_index, item });
  });
  events.push({ type: 'response.completed', response: response('completed', items) });
  return blocksOfPayloads(
    events.map((event, sequence_number) => JSON.stringify({ ...event, sequence_number })),
    'openai-responses',
  );
}

/** Two turns as an SDK's user writes them: the reply object goes back as it came, with results for its calls. */
const conversations: Record<SurfaceName, (model: string, stream: boolean) => Promise<string[]>> = {
  async chat(model, stream) {
    const tools = [{ type: 'function' as const, function: { name: toolName, parameters: schema } }];
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Weather in Oslo?' },
    ];
    const reply = stream
      ? await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion()
      : await openai.chat.completions.create({ model, messages, tools });
    const { message } = reply.choices[0]!;
    const calls = message.tool_calls ?? [];
    const results = calls.map((call) => ({ role: 'tool' as const, tool_call_id: call.id, content: 'sunny' }));
    await openai.chat.completions
      .create({ model, messages: [...messages, message, ...results], tools })
      .catch(() => {});
    return calls.map((call) => call.id);
  },
  async responses(model, stream) {
    const tools = [{ type: 'function' as const, name: toolName, parameters: schema, strict: false }];
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'Weather in Oslo?' }];
    const request = {
      model,
      tools,
      instructions: 'Be brief.',
      store: false,
      include: ['reasoning.encrypted_content' as const],
    };
    const reply = stream
      ? await openai.responses.stream({ ...request, input }).finalResponse()
      : await openai.responses.create({ ...request, input });
    const output = reply.output as OpenAI.Responses.ResponseOutputItem[];
    const calls = output.filter(
      (item): item is OpenAI.Responses.ResponseFunctionToolCall => item.type === 'function_call',
    );
    const results = calls.map((call) => ({
      type: 'function_call_output' as const,
      call_id: call.call_id,
      output: 'sunny',
    }));
    const next = [...input, ...(reply.output as OpenAI.Responses.ResponseInput), ...results];
    await openai.responses.create({ ...request, input: next }).catch(() => {});
    return calls.map((call) => call.call_id);
  },
  async messages(model, stream) {
    const request = {
      model,
      max_tokens: 4096,
      system: 'Be brief.',
      tools: [{ name: toolName, input_schema: schema as Anthropic.Tool.InputSchema }],
    };
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Weather in Oslo?' }];
    const reply = stream
      ? await anthropic.messages.stream({ ...request, messages }).finalMessage()
      : await anthropic.messages.create({ ...request, messages });
    const calls = reply.content.filter((block) => block.type === 'tool_use');
    const results = calls.map((call) => ({
      type: 'tool_result' as const,
      tool_use_id: call.id,
      content: 'sunny',
    }));
    await anthropic.messages
      .create({
        ...request,
        messages: [
          ...messages,
          { role: 'assistant', content: reply.content as Anthropic.ContentBlockParam[] },
          { role: 'user', content: results },
        ],
      })
      .catch(() => {});
    return calls.map((call) => call.id);
  },
  async gemini(model, stream) {
    const functionDeclarations = [{ name: toolName, parametersJsonSchema: schema }];
    const config = { systemInstruction: 'Be brief.', tools: [{ functionDeclarations }] };
    const contents: Content[] = [{ role: 'user', parts: [{ text: 'Weather in Oslo?' }] }];
    const parts: Part[] = [];
    if (stream) {
      for await (const { candidates } of await gemini.generateContentStream({ model, contents, config })) {
        parts.push(...(candidates?.[0]?.content?.parts ?? []));
      }
    } else {
      const { candidates } = await gemini.generateContent({ model, contents, config });
      parts.push(...(candidates?.[0]?.content?.parts ?? []));
    }
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    const results = calls.map(({ id, name }) => ({
      functionResponse: { id, name, response: { output: 'sunny' } },
    }));
    const next = [...contents, { role: 'model', parts }, { role: 'user', parts: results }];
    await gemini.generateContent({ model, contents: next, config }).catch(() => {});
    return calls.map(({ id }) => id ?? '');
  },
};

const lists: Record<SurfaceName, string> = {
  chat: 'messages',
  responses: 'input',
  messages: 'messages',
  gemini: 'contents',
};

/** The conversation list of an upstream request, and everything else that stands before it in the prompt. */
function prompt(upstream: SurfaceName, body: Record<string, unknown>): { list: unknown[]; head: unknown } {
  const list = body[lists[upstream]];
  const head = [body.system, body.instructions, body.systemInstruction, body.tools, body.model];
  return { list: list as unknown[], head };
}

/** Every string in a value, with the member it stands under. */
function strings(value: unknown, key = ''): [string, string][] {
  if (typeof value === 'string') return [[key, value]];
  if (Array.isArray(value)) return value.flatMap((each) => strings(each, key));
  if (value && typeof value === 'object')
    return Object.entries(value).flatMap(([name, each]) => strings(each, name));
  return [];
}

const under = (value: unknown, ...keys: string[]): string[] =>
  strings(value)
    .filter(([key]) => keys.includes(key))
    .map(([, text]) => text);

const cells = surfaceNames.flatMap((surface) =>
  surfaceNames.flatMap((upstream) => [true, false].map((stream) => [surface, upstream, stream] as const)),
);

describe.each(cells)('two turns, %s client and %s upstream, streamed %p', (surface, upstream, stream) => {
  test('opaque values, ids and arguments return as they came, behind the same beginning', async () => {
    const { blocks, seals, callIds } = replies[upstream];
    bench.upstream.enqueue({ kind: 'stream', blocks });
    const clientIds = await conversations[surface](`${upstream}/m`, stream);
    expect(clientIds).toHaveLength(2);
    expect(new Set(clientIds).size).toBe(2);

    const [first, second] = bench.upstream.requests.map(({ json }) => prompt(upstream, json!));
    expect(second!.head).toEqual(first!.head);
    expect(second!.list.slice(0, first!.list.length)).toEqual(first!.list);
    const added = second!.list.slice(first!.list.length);

    const opaque = under(added, 'signature', 'data', 'encrypted_content', 'thoughtSignature');
    for (const seal of seals) expect(opaque).toContain(seal);
    // The OpenAI SDK keeps only the last value of a delta member it does not know, gateway or none.
    const keepsText = !(stream && surface === 'chat' && upstream === 'chat');
    if (keepsText) expect(under(added, 'thinking', 'text', 'reasoning').join(' ')).toContain('Oslo it is.');

    if (upstream === 'messages') {
      expect(under(added, 'id')).toEqual(callIds);
      expect(under(added, 'tool_use_id')).toEqual(callIds);
      const inputs = (added as { content: { type: string; input?: unknown }[] }[])
        .flatMap(({ content }) => (Array.isArray(content) ? content : []))
        .filter(({ type }) => type === 'tool_use')
        .map(({ input }) => input);
      expect(inputs).toEqual([JSON.parse(callArguments), JSON.parse(callArguments)]);
    } else if (upstream === 'gemini') {
      expect([...new Set(under(added, 'id'))]).toEqual(callIds);
      const calls = (added as Content[]).flatMap(({ parts }) =>
        (parts ?? []).flatMap(({ functionCall }) => functionCall ?? []),
      );
      expect(calls.map(({ args }) => args)).toEqual([JSON.parse(callArguments), JSON.parse(callArguments)]);
    } else {
      const parsed = surface === 'messages' || surface === 'gemini';
      const spelled = parsed ? JSON.stringify(JSON.parse(callArguments)) : callArguments;
      expect(under(added, 'arguments')).toEqual([spelled, spelled]);
      expect([...new Set(under(added, 'call_id', 'tool_call_id'))]).toEqual(callIds);
    }
  });
});
