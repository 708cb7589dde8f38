/** OpenAI's own client library, for both of its protocols, streaming and not, at a backend that is strict. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { replies } from './backend/replies.ts';
import { startBench, type Bench } from './setup.ts';

let bench: Bench;
let strict: Bench;
let client: OpenAI;
let strictClient: OpenAI;
const model = 'codex/gpt-5.5';

describe.each(['http', 'websocket'])('over %s to the backend', (transport) => {
  beforeAll(async () => {
    bench = await startBench({ provider: { transport } });
    strict = await startBench({ provider: { transport }, top: { fidelity: 'strict' } });
    const open = ({ url }: Bench) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    client = open(bench);
    strictClient = open(strict);
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
    await strict[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    for (const { backend, records } of [bench, strict]) {
      backend.asked.length = backend.faults.length = records.length = 0;
    }
  });

  afterEach(() => {
    const used = bench.backend.asked.map(({ frame }) => (frame ? 'websocket' : 'http'));
    expect(used.filter((each) => each !== transport)).toEqual([]);
  });

  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const cities = ['{"city":"Paris"}', '{"city":"Rome"}'];
  const question = 'The weather in Paris and Rome?';

  describe('Chat Completions', () => {
    const tools: OpenAI.ChatCompletionTool[] = [
      { type: 'function', function: { name: 'weather', parameters } },
    ];
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      { role: 'system', content: 'You know the weather.' },
      { role: 'user', content: question },
    ];
    type Message = Pick<OpenAI.ChatCompletionMessage, 'content' | 'tool_calls'>;

    /** The same reply, asked for in one of two ways. */
    async function ask(
      stream: boolean,
      body: Omit<OpenAI.ChatCompletionCreateParams, 'model' | 'stream'>,
    ): Promise<{ message: Message; finish: string | null; usage: OpenAI.CompletionUsage | undefined }> {
      if (!stream) {
        const { choices, usage } = await client.chat.completions.create({ ...body, model, stream: false });
        return { message: choices[0]!.message, finish: choices[0]!.finish_reason, usage };
      }
      const run = client.chat.completions.stream({ ...body, model, stream_options: { include_usage: true } });
      const { choices, usage } = await run.finalChatCompletion();
      return { message: choices[0]!.message, finish: choices[0]!.finish_reason, usage };
    }

    describe.each([false, true])('streamed: %p', (stream) => {
      test('holds a loop with parallel tool calls, in which ids and results belong together', async () => {
        bench.backend.answers.push(replies.calls());
        const first = await ask(stream, { messages, tools, parallel_tool_calls: true });
        expect(first.finish).toBe('tool_calls');
        const calls = first.message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
        expect(calls.map(({ function: { arguments: text } }) => text)).toEqual(cities);
        const results = calls.map(({ id }, i): OpenAI.ChatCompletionMessageParam => ({
          role: 'tool',
          tool_call_id: id,
          content: i === 0 ? 'sunny' : 'rain',
        }));
        const assistant: OpenAI.ChatCompletionMessageParam = { role: 'assistant', tool_calls: calls };
        const second = await ask(stream, { messages: [...messages, assistant, ...results], tools });
        expect([second.message.content, second.finish]).toEqual(['Hello', 'stop']);
        expect(second.usage).toMatchObject({
          prompt_tokens: 120,
          prompt_tokens_details: { cached_tokens: 100 },
          completion_tokens_details: { reasoning_tokens: 4 },
        });
        expect(bench.backend.faults).toEqual([]);
        const [one, two] = bench.backend.asked.map(({ body }) => body);
        expect(one).toMatchObject({
          input: [{ role: 'developer', content: [{ text: 'You know the weather.' }] }, { role: 'user' }],
          parallel_tool_calls: true,
          tools: [{ type: 'function', name: 'weather', parameters }],
        });
        const items = two!.input as { type?: string; call_id?: string; output?: string }[];
        expect(items.filter(({ type }) => type === 'function_call').map(({ call_id }) => call_id)).toEqual([
          'call_1',
          'call_2',
        ]);
        expect(
          items
            .filter(({ type }) => type === 'function_call_output')
            .map(({ call_id, output }) => [call_id, output]),
        ).toEqual([
          ['call_1', 'sunny'],
          ['call_2', 'rain'],
        ]);
      });

      test('is held to a schema, and to an effort', async () => {
        bench.backend.answers.push(replies.text('{"city":"Rome"}'));
        const json_schema = {
          name: 'place',
          strict: true,
          schema: { ...parameters, additionalProperties: false },
        };
        const { message } = await ask(stream, {
          messages,
          response_format: { type: 'json_schema', json_schema },
          reasoning_effort: 'low',
        });
        expect(JSON.parse(message.content!)).toEqual({ city: 'Rome' });
        expect(bench.backend.asked[0]!.body).toMatchObject({
          text: { format: { type: 'json_schema', name: 'place', strict: true, schema: json_schema.schema } },
          reasoning: { effort: 'low' },
        });
        expect(bench.backend.faults).toEqual([]);
      });

      test('carries images and a chosen tool', async () => {
        const url = 'data:image/png;base64,iVBORw0KGgo=';
        const tool_choice = { type: 'function', function: { name: 'weather' } } as const;
        await ask(stream, {
          messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
          tools,
          tool_choice,
        });
        expect(bench.backend.asked[0]!.body).toMatchObject({
          input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }],
          tool_choice: { type: 'function', name: 'weather' },
        });
        expect(bench.backend.faults).toEqual([]);
      });
    });

    test('in the words of before tools, functions are called too', async () => {
      const functions = [{ name: 'weather', parameters }];
      const { choices } = await client.chat.completions.create({
        model,
        messages,
        functions,
        function_call: 'auto',
      });
      expect([choices[0]!.message.content, bench.backend.faults]).toEqual(['Hello', []]);
      expect(bench.backend.asked[0]!.body.tools).toMatchObject([{ type: 'function', name: 'weather' }]);
    });

    const legacy = {
      temperature: 0.5,
      top_p: 0.9,
      frequency_penalty: 1,
      presence_penalty: 1,
      logit_bias: { '1': 1 },
      max_tokens: 100,
      max_completion_tokens: 100,
      seed: 1,
      stop: ['x'],
      user: 'me',
      metadata: { a: 'b' },
    } as const;

    test.each(Object.entries(legacy))('%s stays behind with a note', async (name, value) => {
      const { response } = await client.chat.completions
        .create({ model, messages, [name]: value } as OpenAI.ChatCompletionCreateParamsNonStreaming)
        .withResponse();
      expect([response.status, bench.backend.faults]).toEqual([200, []]);
      expect(response.headers.get('dragoman-notes')).toContain('=dropped');
    });

    /** Who asks and what for changes nothing in the reply: no reason to refuse it. */
    const harmless: ReadonlySet<string> = new Set(['user', 'metadata', 'safety_identifier']);
    test.each(Object.entries(legacy).filter(([name]) => !harmless.has(name)))(
      '%s is refused by name where losses are not wanted',
      async (name, value) => {
        const asked = strictClient.chat.completions.create({
          model,
          messages,
          [name]: value,
        } as OpenAI.ChatCompletionCreateParamsNonStreaming);
        const error = await asked.then(
          () => undefined,
          (thrown: unknown) => thrown as InstanceType<typeof OpenAI.APIError>,
        );
        expect([error?.status, error?.param, error?.type]).toEqual([400, name, 'invalid_request_error']);
        expect(strict.backend.asked).toEqual([]);
      },
    );
  });

  describe('Responses', () => {
    const tools: OpenAI.Responses.FunctionTool[] = [
      { type: 'function', name: 'weather', parameters, strict: false },
    ];
    type Body = Omit<OpenAI.Responses.ResponseCreateParams, 'model' | 'stream'>;

    const ask = (stream: boolean, body: Body): Promise<OpenAI.Responses.Response> =>
      stream
        ? client.responses.stream({ ...body, model }).finalResponse()
        : (client.responses.create({ ...body, model, stream: false }) as Promise<OpenAI.Responses.Response>);

    test('in one piece, holds a loop with parallel tool calls and sealed reasoning', async () => {
      bench.backend.answers.push(replies.calls());
      const first = await ask(false, { input: question, tools, store: false });
      const calls = first.output.filter((item) => item.type === 'function_call');
      expect(calls.map(({ arguments: text }) => text)).toEqual(cities);
      const results = calls.map(
        ({ call_id }) => ({ type: 'function_call_output', call_id, output: 'sunny' }) as const,
      );
      const history = [{ role: 'user', content: question } as const, ...first.output, ...results];
      const second = await ask(false, {
        input: history as OpenAI.Responses.ResponseInput,
        tools,
        store: false,
      });
      expect([second.output_text, bench.backend.faults]).toEqual(['Hello', []]);
      const sent = bench.backend.asked[1]!.body.input as { type?: string; encrypted_content?: string }[];
      expect(sent.find(({ type }) => type === 'reasoning')?.encrypted_content).toBe('gAAAA_sealed');
    });

    test('streamed, has every event of the backend', async () => {
      bench.backend.answers.push(replies.calls());
      const args: string[] = [];
      const stream = await client.responses.create({
        model,
        input: question,
        tools,
        store: false,
        stream: true,
      });
      for await (const event of stream) {
        if (event.type === 'response.function_call_arguments.done') args.push(event.arguments);
      }
      expect([args, bench.backend.faults]).toEqual([cities, []]);
    });

    test.each([false, true])('is held to a schema, streamed: %p', async (stream) => {
      bench.backend.answers.push(replies.text('{"city":"Rome"}'));
      const format = { type: 'json_schema', name: 'place', strict: true, schema: parameters } as const;
      const asked = { input: question, text: { format } };
      if (stream) {
        let text = '';
        for await (const event of await client.responses.create({ ...asked, model, stream: true }))
          if (event.type === 'response.output_text.delta') text += event.delta;
        expect(JSON.parse(text)).toEqual({ city: 'Rome' });
      } else expect(JSON.parse((await ask(false, asked)).output_text)).toEqual({ city: 'Rome' });
      expect(bench.backend.asked[0]!.body.text).toEqual({ format });
      expect(bench.backend.faults).toEqual([]);
    });

    const others = {
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 100,
      top_logprobs: 2,
      truncation: 'auto',
    } as const;
    test.each(Object.entries(others))(
      '%s stays behind with a note, or is refused by name',
      async (name, value) => {
        const body = {
          model,
          input: 'hi',
          [name]: value,
        } as OpenAI.Responses.ResponseCreateParamsNonStreaming;
        const { response } = await client.responses.create(body).withResponse();
        expect([bench.backend.faults, response.headers.get('dragoman-notes')]).toEqual([
          [],
          expect.stringContaining(`${name}=dropped`),
        ]);
        const error = await strictClient.responses.create(body).then(
          () => undefined,
          (thrown: unknown) => thrown as InstanceType<typeof OpenAI.APIError>,
        );
        expect([error?.status, error?.param]).toEqual([400, name]);
        expect(strict.backend.asked).toEqual([]);
      },
    );
  });
});
