/** The vendors' own libraries through the gateway, as programs use them: several turns, tools, streams, reasoning. */
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { hello } from '../../gateway/setup.ts';
import { sealed, signature } from './instance/history.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
let anthropic: Anthropic;
let openai: OpenAI;
beforeAll(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
  anthropic = new Anthropic({ baseURL: running.url, apiKey: 'any', maxRetries: 0 });
  openai = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
beforeEach(() => {
  simulated.proxy.passed.length = 0;
  simulated.proxy.replies.length = 0;
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

const claude = 'duo/claude-sonnet-5';
const models = [claude, 'duo/gpt-5.4-2026-03-05', 'duo/gpt-5.6-sol', 'duo/gitlab-duo'];
/** GPT models that are asked by Responses seal what they have thought; by Chat Completions they say nothing of it. */
const sealing = [claude, 'duo/gpt-5.6-sol', 'duo/gitlab-duo'];
const user = { role: 'user', content: 'hi' } as const;
const outputs = ['README.md', '/home'];
const schema = { type: 'object' as const, properties: { cmd: { type: 'string' } } };
const sent = (turn: number): string => JSON.stringify(simulated.proxy.passed[turn]!.body);

/** What the vendor must find in the second turn: both calls, both results in order, and its own seal unchanged. */
function expectWholeHistory(model: string): void {
  expect(simulated.proxy.passed).toHaveLength(2);
  const second = sent(1);
  for (const word of ['ls', 'pwd', ...outputs]) expect(second).toContain(word);
  expect(second.indexOf(outputs[0]!)).toBeLessThan(second.indexOf(outputs[1]!));
  if (model.includes('claude') || model.endsWith('gitlab-duo')) expect(second).toContain(signature);
  else if (sealing.includes(model)) expect(second).toContain(sealed);
}

describe.each(models)('the Anthropic library on %s', (model) => {
  const ask = {
    model,
    max_tokens: 4096,
    messages: [user],
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
  };
  const tools = [{ name: 'Bash', input_schema: schema }];

  test.each([false, true])('talks, with its usage; streaming: %p', async (stream) => {
    const reply = stream
      ? await anthropic.messages.stream(ask).finalMessage()
      : await anthropic.messages.create(ask);
    expect(reply.content).toMatchObject([{ type: 'text', text: 'Hello world' }]);
    expect(reply.usage).toMatchObject({ input_tokens: 5, output_tokens: 2 });
    expect(reply.stop_reason).toBe('end_turn');
  });

  test.each([false, true])(
    'calls two tools at once and goes on with what it has thought; streaming: %p',
    async (stream) => {
      const turn = (messages: Anthropic.MessageParam[]): Promise<Anthropic.Message> =>
        stream
          ? anthropic.messages.stream({ ...ask, messages, tools }).finalMessage()
          : anthropic.messages.create({ ...ask, messages, tools });
      const first = await turn([user]);
      expect(first.stop_reason).toBe('tool_use');
      expect(first.usage).toMatchObject({ input_tokens: 5, output_tokens: 2 });
      const uses = first.content.filter((block) => block.type === 'tool_use');
      expect(uses.map(({ name, input }) => [name, input])).toEqual([
        ['Bash', { cmd: 'ls' }],
        ['Bash', { cmd: 'pwd' }],
      ]);
      const thought = first.content.find((block) => block.type === 'thinking');
      if (sealing.includes(model)) expect(thought).toMatchObject({ thinking: 'A listing.' });
      if (sealing.includes(model)) expect(thought?.signature).toBeTruthy();
      const results = uses.map(({ id }, i) => ({
        type: 'tool_result' as const,
        tool_use_id: id,
        content: outputs[i],
      }));
      const last = await turn([
        user,
        { role: 'assistant', content: first.content },
        { role: 'user', content: results },
      ]);
      expect(last.content).toMatchObject([{ type: 'text', text: 'Hello world' }]);
      expectWholeHistory(model);
    },
  );
});

describe.each(models)('the OpenAI library on %s by Chat Completions', (model) => {
  const tools = [{ type: 'function' as const, function: { name: 'Bash', parameters: schema } }];
  type Message = OpenAI.ChatCompletionMessageParam;

  async function turn(messages: Message[], stream: boolean, more = {}): Promise<OpenAI.ChatCompletion> {
    const ask = { model, messages, ...more };
    if (!stream) return openai.chat.completions.create(ask);
    return openai.chat.completions
      .stream({ ...ask, stream_options: { include_usage: true } })
      .finalChatCompletion() as Promise<OpenAI.ChatCompletion>;
  }

  test.each([false, true])('talks, with its usage; streaming: %p', async (stream) => {
    const { choices, usage } = await turn([user], stream);
    expect(choices[0]!.message.content).toBe('Hello world');
    expect(usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 });
  });

  test.each([false, true])('calls two tools at once and goes on; streaming: %p', async (stream) => {
    const first = await turn([user], stream, { tools });
    const { message, finish_reason: finish } = first.choices[0]!;
    expect(finish).toBe('tool_calls');
    const calls = message.tool_calls!.filter((call) => call.type === 'function');
    expect(calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)])).toEqual([
      ['Bash', { cmd: 'ls' }],
      ['Bash', { cmd: 'pwd' }],
    ]);
    const results = calls.map(({ id }, i) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: outputs[i]!,
    }));
    const last = await turn([user, message, ...results], stream, { tools });
    expect(last.choices[0]!.message.content).toBe('Hello world');
    const second = sent(1);
    for (const word of ['ls', 'pwd', ...outputs]) expect(second).toContain(word);
  });
});

describe.each(models)('the OpenAI library on %s by Responses', (model) => {
  const tools = [{ type: 'function' as const, name: 'Bash', parameters: schema, strict: false }];
  type Ask = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'model' | 'stream'>;
  const turn = async (ask: Ask, stream: boolean): Promise<OpenAI.Responses.Response> =>
    stream
      ? openai.responses.stream({ model, ...ask }).finalResponse()
      : openai.responses.create({ model, ...ask });

  const callsOf = ({ output }: OpenAI.Responses.Response) =>
    output.filter((item) => item.type === 'function_call');
  const resultsOf = (response: OpenAI.Responses.Response) =>
    callsOf(response).map(({ call_id }, i) => ({
      type: 'function_call_output' as const,
      call_id,
      output: outputs[i]!,
    }));

  test.each([false, true])('talks, with its usage; streaming: %p', async (stream) => {
    const response = await turn({ input: 'hi', store: false }, stream);
    expect(response.output_text).toBe('Hello world');
    expect(response.usage).toMatchObject({ input_tokens: 5, output_tokens: 2, total_tokens: 7 });
  });

  test.each([false, true])(
    'calls two tools at once and brings the whole history; streaming: %p',
    async (stream) => {
      const first = await turn({ input: [user], tools, store: false }, stream);
      expect(callsOf(first).map((call) => [call.name, JSON.parse(call.arguments)])).toEqual([
        ['Bash', { cmd: 'ls' }],
        ['Bash', { cmd: 'pwd' }],
      ]);
      const history = first.output as OpenAI.Responses.ResponseInputItem[];
      const last = await turn(
        { input: [user, ...history, ...resultsOf(first)], tools, store: false },
        stream,
      );
      expect(last.output_text).toBe('Hello world');
      expectWholeHistory(model);
    },
  );

  test.each([false, true])('goes on from the id of a response; streaming: %p', async (stream) => {
    const first = await turn({ input: 'the first words', tools }, stream);
    const second = await turn({ previous_response_id: first.id, input: resultsOf(first), tools }, stream);
    expect(second.output_text).toBe('Hello world');
    expectWholeHistory(model);
    expect(sent(1)).toContain('the first words');
    expect(sent(1)).not.toContain('previous_response_id');
    const third = await turn({ previous_response_id: second.id, input: 'and now?', tools }, stream);
    expect(third.output_text).toBe('Hello world');
    expect(sent(2)).toContain('Hello world');
    // Another branch of the same conversation.
    const fork = await turn({ previous_response_id: first.id, input: resultsOf(first), tools }, stream);
    expect(fork.output_text).toBe('Hello world');
    expect(sent(3)).not.toContain('and now?');
  });

  test('a conversation is compacted and goes on from its summary', async () => {
    const first = await turn({ input: 'build a boat' }, false);
    const compacted = await openai.responses.compact({
      model: model as never,
      previous_response_id: first.id,
    });
    expect(sent(1)).toContain('Write a summary of this conversation');
    expect(compacted.output.map(({ type }) => type)).toEqual(['message', 'compaction']);
    simulated.proxy.passed.length = 0;
    const next = await turn({ input: [...(compacted.output as never[]), user] }, false);
    expect(next.output_text).toBe('Hello world');
    // The summary was opened: it is what the model had said.
    expect(sent(0)).toContain('Hello world');
    expect(sent(0)).not.toContain('drgc.');
    const after = await turn({ previous_response_id: next.id, input: 'more' }, true);
    expect(after.output_text).toBe('Hello world');
  });

  test('an id that nobody has given is refused as OpenAI refuses it, and never sent on', async () => {
    const lost = turn({ previous_response_id: 'resp_nobody', input: 'hi' }, false);
    await expect(lost).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
    expect(simulated.proxy.passed).toEqual([]);
  });
});

describe.each(models)('a stream of %s is never held back', (model) => {
  const upstream =
    model === claude || model.endsWith('gitlab-duo')
      ? 'messages'
      : model.includes('5.4')
        ? 'chat'
        : 'responses';
  const deltas: [string, () => Promise<AsyncIterable<string>>][] = [
    [
      'Messages',
      async () =>
        textsOf(
          await anthropic.messages.create({ model, max_tokens: 9, messages: [user], stream: true }),
          (event) =>
            event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : '',
        ),
    ],
    [
      'Chat Completions',
      async () =>
        textsOf(
          await openai.chat.completions.create({ model, messages: [user], stream: true }),
          (chunk) => chunk.choices[0]?.delta.content ?? '',
        ),
    ],
    [
      'Responses',
      async () =>
        textsOf(await openai.responses.create({ model, input: 'hi', stream: true }), (event) =>
          event.type === 'response.output_text.delta' ? event.delta : '',
        ),
    ],
  ];

  test.each(deltas)(
    'by %s: the first piece is there while the upstream waits with the second',
    async (surface, begin) => {
      const { promise: until, resolve: release } = Promise.withResolvers<void>();
      // GPT-5.4 is asked by the client's own API of OpenAI.
      const asked = surface === 'Responses' && upstream === 'chat' ? 'responses' : upstream;
      simulated.proxy.replies.push({ hold: { before: hello[asked].textAt[1], until } });
      const pieces: string[] = [];
      for await (const piece of await begin()) {
        pieces.push(piece);
        // Whoever buffers never gets here: the rest is only sent now.
        if (pieces.join('') === 'Hello') release();
      }
      expect(pieces).toEqual(['Hello', ' world']);
    },
    60_000,
  );
});

async function* textsOf<T>(events: AsyncIterable<T>, textOf: (event: T) => string): AsyncGenerator<string> {
  for await (const event of events) {
    const text = textOf(event);
    if (text !== '') yield text;
  }
}

test('what a prompt cache has served and written is told in each client’s own words', async () => {
  const usage = {
    input_tokens: 5,
    cache_read_input_tokens: 100,
    cache_creation_input_tokens: 20,
    output_tokens: 2,
  };
  const json = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'Hi' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage,
  };
  simulated.proxy.replies.push({ json }, { json }, { json });
  const own = await anthropic.messages.create({ model: claude, max_tokens: 9, messages: [user] });
  expect(own.usage).toMatchObject(usage);
  const chat = await openai.chat.completions.create({ model: claude, messages: [user] });
  expect(chat.usage).toMatchObject({
    prompt_tokens: 125,
    completion_tokens: 2,
    prompt_tokens_details: { cached_tokens: 100 },
  });
  const response = await openai.responses.create({ model: claude, input: 'hi' });
  expect(response.usage).toMatchObject({
    input_tokens: 125,
    output_tokens: 2,
    input_tokens_details: { cached_tokens: 100 },
  });
});

test('all of that took one grant, and the gateway refused nothing', () => {
  expect(simulated.mints).toHaveLength(1);
  expect(simulated.proxy.refused).toEqual([]);
  expect(simulated.proxy.strays).toEqual([]);
});
