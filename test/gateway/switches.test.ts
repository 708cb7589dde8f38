/**
 * Long conversations with tools and reasoning whose account, model and provider change all the time, before upstreams
 * that refuse whatever they have not made themselves.
 */
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, type Content, type Part } from '@google/genai';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { chat } from './makers/chat.ts';
import { gemini } from './makers/gemini.ts';
import { startMakers, type Body, type Makers, type Taken } from './makers/maker.ts';
import { messages } from './makers/messages.ts';
import { responses } from './makers/responses.ts';
import { openSocket, responseIn, type TestSocket } from '../support/socket.ts';
import { accountsCalled, startBench, surfaceNames, type Bench, type SurfaceName } from './setup.ts';

const wires = new Map([
  ['chat-a', chat(true)],
  ['chat-b', chat(false)],
  ['responses-a', responses],
  ['responses-b', responses],
  ['messages-a', messages],
  ['messages-b', messages],
  ['gemini-a', gemini],
  ['gemini-b', gemini],
]);
const vendors = [...wires.keys()];
const models = ['gemini-3-one', 'gemini-3-two'];

let makers: Makers;
let state: State;
let bench: Bench;
beforeAll(async () => {
  makers = startMakers(wires);
  const vault = createVault(new Uint8Array(32).fill(7));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  bench = startBench({
    state,
    top: {
      models: {
        any: vendors.map((vendor) => `${vendor}/${models[0]}`),
        ...Object.fromEntries(
          surfaceNames.map((name) => [
            `each-${name}`,
            ['a', 'b'].flatMap((which) => models.map((model) => `${name}-${which}/${model}`)),
          ]),
        ),
      },
    },
    providers: vendors.map((vendor) => providerOf(vendor)),
  });
});
const sockets: TestSocket[] = [];
afterAll(async () => {
  for (const socket of sockets) socket.close();
  await bench.stop();
  await state.close();
  makers.stop();
});

function providerOf(vendor: string): Record<string, unknown> {
  const kind = vendor.split('-')[0] as SurfaceName;
  const url = `${makers.url}/${vendor}`;
  const type = kind === 'messages' ? 'anthropic' : kind === 'gemini' ? 'google' : 'openai';
  return {
    name: vendor,
    type,
    base_url: type === 'openai' ? `${url}/v1` : url,
    ...(type === 'openai' ? { protocols: [`openai-${kind}`] } : {}),
    accounts: accountsCalled('x', 'y'),
    models,
  };
}

/** A client that keeps its history as its SDK gives it. */
interface Client {
  /** Says something; or tells the results of the calls that were made. Returns whether there are calls. */
  say(model: string, words: string | undefined, stream: boolean): Promise<boolean>;
}

const schema = { type: 'object' as const, properties: { city: { type: 'string' } } };
const options = () => ({ apiKey: 'unused', maxRetries: 0 });

const look = [{ type: 'function' as const, name: 'look', parameters: schema, strict: false }];
const reasons = {
  reasoning: { effort: 'low' as const, summary: 'auto' as const },
  include: ['reasoning.encrypted_content' as const],
};

/** Sends what is new alone, and says what it goes on from. */
function incremental(send: (request: Record<string, unknown>, stream: boolean) => Promise<Body>): Client {
  let previous: unknown;
  let calls: unknown[] = [];
  return {
    async say(model, words, stream) {
      const input =
        words === undefined
          ? calls.map((call_id) => ({ type: 'function_call_output', call_id, output: 'sunny' }))
          : [{ type: 'message', role: 'user', content: words }];
      const request = { model, input, tools: look, ...reasons, previous_response_id: previous };
      const { id, output } = await send(request, stream);
      previous = id;
      calls = (output as Body[]).flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []));
      return calls.length > 0;
    },
  };
}

const clients: Record<SurfaceName | 'stored' | 'socket', () => Client> = {
  stored() {
    const sdk = new OpenAI({ ...options(), baseURL: `${bench.url}/v1` });
    return incremental(async (request, stream) => {
      const reply = stream
        ? await sdk.responses.stream(request as never).finalResponse()
        : await sdk.responses.create(request as never);
      return reply as unknown as Body;
    });
  },
  socket() {
    const opening = openSocket(bench.url);
    void opening.then((socket) => sockets.push(socket));
    return incremental(async (request) => {
      const frames = await (await opening).ask({ ...request, store: false });
      expect(frames.at(-1)).toMatchObject({ type: 'response.completed' });
      return responseIn(frames);
    });
  },
  chat() {
    const sdk = new OpenAI({ ...options(), baseURL: `${bench.url}/v1` });
    const history: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: 'Be brief.' }];
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: schema } }];
    let calls: string[] = [];
    return {
      async say(model, words, stream) {
        if (words !== undefined) history.push({ role: 'user', content: words });
        else
          history.push(...calls.map((id) => ({ role: 'tool' as const, tool_call_id: id, content: 'sunny' })));
        const request = { model, messages: history, tools, reasoning_effort: 'low' as const };
        const reply = stream
          ? await sdk.chat.completions.stream(request).finalChatCompletion()
          : await sdk.chat.completions.create(request);
        const { message } = reply.choices[0]!;
        history.push(message);
        calls = (message.tool_calls ?? []).map(({ id }) => id);
        return calls.length > 0;
      },
    };
  },
  responses() {
    const sdk = new OpenAI({ ...options(), baseURL: `${bench.url}/v1` });
    const input: OpenAI.Responses.ResponseInputItem[] = [];
    let calls: string[] = [];
    return {
      async say(model, words, stream) {
        if (words !== undefined) input.push({ role: 'user', content: words });
        else
          input.push(
            ...calls.map((call_id) => ({ type: 'function_call_output' as const, call_id, output: 'sunny' })),
          );
        const request = {
          model,
          input,
          tools: look,
          store: false,
          ...reasons,
        };
        const reply = stream
          ? await sdk.responses.stream(request).finalResponse()
          : await sdk.responses.create(request);
        const output = reply.output as OpenAI.Responses.ResponseOutputItem[];
        input.push(...(structuredClone(output) as OpenAI.Responses.ResponseInputItem[]));
        calls = output.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []));
        return calls.length > 0;
      },
    };
  },
  messages() {
    const sdk = new Anthropic({ ...options(), baseURL: bench.url });
    const history: Anthropic.MessageParam[] = [];
    let calls: string[] = [];
    return {
      async say(model, words, stream) {
        const results = calls.map((id) => ({
          type: 'tool_result' as const,
          tool_use_id: id,
          content: 'sunny',
        }));
        history.push({ role: 'user', content: words ?? results });
        const request = {
          model,
          max_tokens: 4096,
          thinking: { type: 'enabled' as const, budget_tokens: 1024 },
          tools: [{ name: 'look', input_schema: schema }],
          messages: history,
        };
        const reply = stream
          ? await sdk.messages.stream(request).finalMessage()
          : await sdk.messages.create(request);
        history.push({ role: 'assistant', content: reply.content as Anthropic.ContentBlockParam[] });
        calls = reply.content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []));
        return calls.length > 0;
      },
    };
  },
  gemini() {
    const sdk = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: bench.url } });
    const contents: Content[] = [];
    const config = {
      tools: [{ functionDeclarations: [{ name: 'look', parametersJsonSchema: schema }] }],
      thinkingConfig: { includeThoughts: true },
    };
    let calls: { id?: string; name?: string }[] = [];
    return {
      async say(model, words, stream) {
        const results = calls.map(({ id, name }) => ({
          functionResponse: { id, name, response: { output: 'sunny' } },
        }));
        contents.push({ role: 'user', parts: words === undefined ? results : [{ text: words }] });
        const parts: Part[] = [];
        if (stream) {
          for await (const { candidates } of await sdk.models.generateContentStream({
            model,
            contents,
            config,
          }))
            parts.push(...(candidates?.[0]?.content?.parts ?? []));
        } else {
          const { candidates } = await sdk.models.generateContent({ model, contents, config });
          parts.push(...(candidates?.[0]?.content?.parts ?? []));
        }
        const kept = parts.filter(
          ({ text, thoughtSignature }) => text !== '' || thoughtSignature !== undefined,
        );
        contents.push({ role: 'model', parts: kept });
        calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
        return calls.length > 0;
      },
    };
  },
};

/** The same choices in every run. */
function random(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (Math.imul(at, 1_103_515_245) + 12_345) >>> 0;
    return (at >>> 8) % below;
  };
}

const placeOf = ({ vendor, account, model }: Taken): string => `${vendor}/${account}/${model}`;

/** Conversations of one upstream that did not begin as the one before it, while it alone was asked. */
function brokenPrefixes(taken: readonly Taken[]): string[] {
  return taken.flatMap((now, i) => {
    const before = taken[i - 1];
    if (before === undefined || placeOf(before) !== placeOf(now)) return [];
    return now.conversation.startsWith(before.conversation) ? [] : [`${placeOf(now)} at ${i}`];
  });
}

describe.each([
  ...surfaceNames.map((surface) => [surface, surface] as const),
  ['responses', 'stored'] as const,
  ['responses', 'socket'] as const,
])('a conversation of a %s client (%s)', (surface, kind) => {
  test('of 100 turns goes on through every switch, and each upstream gets its own reasoning only', async () => {
    const client = clients[kind]();
    const choose = random(kind.length * 7919);
    const { taken, refused, down } = makers;
    const first = taken.length;
    const own = `each-${surface}`;
    let model = own;

    for (let turn = 0; turn < 100; turn++) {
      for (let words: string | undefined = `Step ${turn}.`, step = 0; step < 6; step++) {
        const last = taken.at(-1);
        // Also in the middle of a tool loop.
        switch (choose(8)) {
          case 0:
            model = `${vendors[choose(vendors.length)]}/${models[choose(2)]}`;
            break;
          case 1:
            model = own;
            break;
          case 2:
            model = 'any';
            break;
          case 3:
            if (last !== undefined) down.add(`${last.vendor}/${last.account}`);
            break;
          case 4:
            if (last !== undefined && !model.startsWith(last.vendor)) down.add(last.vendor);
            break;
        }
        const goesOn = await client.say(model, words, choose(2) === 0);
        down.clear();
        for (const { account } of state.health.list()) state.health.clear(account);
        words = undefined;
        if (!goesOn) break;
        expect(step).toBeLessThan(5);
      }
    }
    expect(refused.splice(0)).toEqual([]);
    const mine = taken.slice(first);
    expect(mine.length).toBeGreaterThan(200);
    expect(new Set(mine.map(placeOf)).size).toBeGreaterThan(20);
    expect(brokenPrefixes(mine)).toEqual([]);
  }, 300_000);
});
