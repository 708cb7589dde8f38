/** Tools, their calls and their results as they reach the vendors, in every lane. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { ask } from '../../gateway/setup.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
beforeAll(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
});
beforeEach(() => {
  simulated.proxy.passed.length = 0;
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

type Surface = 'messages' | 'chat' | 'responses';
type Body = Record<string, unknown>;
const claude = 'duo/claude-sonnet-5';
const lanes: readonly [Surface, model: string, upstream: Surface][] = [
  ['messages', claude, 'messages'],
  ['messages', 'duo/gpt-5.4-2026-03-05', 'chat'],
  ['messages', 'duo/gpt-5.6-sol', 'responses'],
  ['chat', 'duo/gpt-5.4-2026-03-05', 'chat'],
  ['chat', claude, 'messages'],
  ['chat', 'duo/gpt-5.6-sol', 'responses'],
  ['responses', 'duo/gpt-5.6-sol', 'responses'],
  ['responses', claude, 'messages'],
];

interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly schema: Body;
}
interface Call {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly result: string;
}

const object = (properties: Body, more: Body = {}): Body => ({ type: 'object', properties, ...more });

/** What clients really offer: odd names, deep schemas, none at all. */
const tools: readonly [what: string, Tool][] = [
  ['a plain one', { name: 'Bash', description: 'Runs it', schema: object({ cmd: { type: 'string' } }) }],
  ['one without parameters', { name: 'now', schema: object({}) }],
  ['the longest name there may be', { name: 'x'.repeat(64), schema: object({}) }],
  ['a name with every sign there may be', { name: 'mcp__server-1__Do_it', schema: object({}) }],
  [
    'a description in other scripts',
    { name: 'f', description: 'строка «ü» 漢字 🚀\n\t"\\', schema: object({}) },
  ],
  [
    'a deep schema with references',
    {
      name: 'f',
      schema: object(
        {
          tree: { $ref: '#/$defs/node' },
          kind: { enum: ['a', 'b', null] },
          either: {
            anyOf: [
              { type: 'string', pattern: '^a' },
              { type: 'array', items: { type: 'integer' } },
            ],
          },
        },
        {
          required: ['tree'],
          additionalProperties: false,
          $defs: { node: object({ next: { $ref: '#/$defs/node' } }) },
        },
      ),
    },
  ],
];

/** What models call with, and what comes of it. */
const calls: readonly [what: string, readonly Omit<Call, 'id'>[]][] = [
  ['no arguments', [{ name: 'f', input: {}, result: 'ok' }]],
  ['nothing to say', [{ name: 'f', input: { a: 1 }, result: '' }]],
  [
    'texts that need care',
    [
      {
        name: 'f',
        input: { text: 'a "quoted"\n\\line\u2028 🚀', 'odd key': '</tool>' },
        result: '{"json": [1]}\n\u0001',
      },
    ],
  ],
  [
    'deep values',
    [
      {
        name: 'f',
        input: { list: [1, 2.5, -0.1, null, true, { deep: [{}] }], big: 9007199254740991 },
        result: 'x',
      },
    ],
  ],
  [
    'three at once of two tools',
    [
      { name: 'f', input: { n: 1 }, result: 'one' },
      { name: 'g', input: { n: 2 }, result: 'two' },
      { name: 'f', input: { n: 3 }, result: 'three' },
    ],
  ],
];

const write: Record<Surface, { tool(tool: Tool): Body; turn(calls: readonly Call[]): Body }> = {
  messages: {
    tool: ({ name, description, schema }) => ({
      name,
      ...(description !== undefined && { description }),
      input_schema: schema,
    }),
    turn: (made) => ({
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: made.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })),
        },
        {
          role: 'user',
          content: made.map(({ id, result }) => ({ type: 'tool_result', tool_use_id: id, content: result })),
        },
      ],
    }),
  },
  chat: {
    tool: ({ name, description, schema }) => ({
      type: 'function',
      function: { name, ...(description !== undefined && { description }), parameters: schema },
    }),
    turn: (made) => ({
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: null,
          tool_calls: made.map(({ id, name, input }) => ({
            id,
            type: 'function',
            function: { name, arguments: JSON.stringify(input) },
          })),
        },
        ...made.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
      ],
    }),
  },
  responses: {
    tool: ({ name, description, schema }) => ({
      type: 'function',
      name,
      ...(description !== undefined && { description }),
      parameters: schema,
      strict: false,
    }),
    turn: (made) => ({
      input: [
        { role: 'user', content: 'hi' },
        ...made.map(({ id, name, input }) => ({
          type: 'function_call',
          call_id: id,
          name,
          arguments: JSON.stringify(input),
        })),
        ...made.map(({ id, result }) => ({ type: 'function_call_output', call_id: id, output: result })),
      ],
    }),
  },
};

const list = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);
const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map(({ text }) => text)
        .join('');

/** What a vendor reads in a request. */
const read: Record<Surface, { tools(body: Body): Tool[]; calls(body: Body): Call[] }> = {
  messages: {
    tools: ({ tools: all }) =>
      list(all).map(({ name, description, input_schema }) => tool(name, description, input_schema)),
    calls({ messages }) {
      const blocks = list(messages).flatMap(({ content }) => list(content));
      const results = blocks.filter(({ type }) => type === 'tool_result');
      return blocks
        .filter(({ type }) => type === 'tool_use')
        .map(({ id, name, input }) => ({
          id: id as string,
          name: name as string,
          input,
          result: textOf(results.find((block) => block.tool_use_id === id)!.content),
        }));
    },
  },
  chat: {
    tools: ({ tools: all }) =>
      list(all).map((each) => {
        const { name, description, parameters } = each.function as Body;
        return tool(name, description, parameters);
      }),
    calls({ messages }) {
      const results = list(messages).filter(({ role }) => role === 'tool');
      return list(messages)
        .flatMap(({ tool_calls }) => list(tool_calls))
        .map(({ id, function: made }) => ({
          id: id as string,
          name: (made as Body).name as string,
          input: JSON.parse((made as Body).arguments as string),
          result: textOf(results.find(({ tool_call_id }) => tool_call_id === id)!.content),
        }));
    },
  },
  responses: {
    tools: ({ tools: all }) =>
      list(all).map(({ name, description, parameters }) => tool(name, description, parameters)),
    calls({ input }) {
      const results = list(input).filter(({ type }) => type === 'function_call_output');
      return list(input)
        .filter(({ type }) => type === 'function_call')
        .map(({ call_id, name, arguments: text }) => ({
          id: call_id as string,
          name: name as string,
          input: JSON.parse(text as string),
          result: textOf(results.find((item) => item.call_id === call_id)!.output),
        }));
    },
  },
};

const tool = (name: unknown, description: unknown, schema: unknown): Tool => ({
  name: name as string,
  ...(description !== undefined && description !== null && { description: description as string }),
  schema: schema as Body,
});

const arrived = (): Body => simulated.proxy.passed.at(-1)!.body;

describe.each(lanes)('%s on %s', (surface, model, upstream) => {
  test.each(tools)('%s arrives as it was offered', async (_what, offered) => {
    const response = await ask(running, surface, { model, tools: [write[surface].tool(offered)] });
    expect(response.status).toBe(200);
    expect(read[upstream].tools(arrived())).toEqual([offered]);
    if (surface === upstream) expect(arrived().tools).toEqual([write[surface].tool(offered)]);
  });

  test.each(calls)('a call with %s and its result arrive as they were made', async (_what, made) => {
    const withIds = made.map((call, i) => ({ ...call, id: `call_${i}` }));
    const offered = [...new Set(made.map(({ name }) => name))].map((name) =>
      write[surface].tool({ name, schema: object({}) }),
    );
    const response = await ask(running, surface, { model, tools: offered, ...write[surface].turn(withIds) });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
    expect(read[upstream].calls(arrived())).toEqual(withIds);
  });

  const choices: readonly [what: string, Record<Surface, unknown>][] = [
    ['auto', { messages: { type: 'auto' }, chat: 'auto', responses: 'auto' }],
    ['none', { messages: { type: 'none' }, chat: 'none', responses: 'none' }],
    ['required', { messages: { type: 'any' }, chat: 'required', responses: 'required' }],
    [
      'one',
      {
        messages: { type: 'tool', name: 'f' },
        chat: { type: 'function', function: { name: 'f' } },
        responses: { type: 'function', name: 'f' },
      },
    ],
  ];
  test.each(choices)('the choice %s is the same for the vendor', async (_what, choice) => {
    const response = await ask(running, surface, {
      model,
      tools: [write[surface].tool({ name: 'f', schema: object({}) })],
      tool_choice: choice[surface],
    });
    expect(response.status).toBe(200);
    expect(arrived().tool_choice).toEqual(choice[upstream]);
  });
});
