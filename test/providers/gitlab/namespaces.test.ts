/** Tools in the form that Codex CLI has for its newest models: none beside the conversation, all in its first item. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { ask } from '../../gateway/setup.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
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
  simulated.proxy.replies.length = 0;
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

type Body = Record<string, unknown>;
const list = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);
const arrived = (): Body => simulated.proxy.passed.at(-1)!.body;

const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: /[\\s\\S]+/' };
const wait = { type: 'object', properties: { timeout_ms: { type: 'integer' } }, additionalProperties: false };
const offer = {
  type: 'additional_tools',
  id: 'at_1',
  role: 'developer',
  tools: [
    {
      type: 'namespace',
      name: 'functions',
      description: '',
      tools: [{ type: 'custom', name: 'exec', description: 'Runs JavaScript', format: grammar }],
    },
    {
      type: 'namespace',
      name: 'collaboration',
      description: 'Others',
      tools: [
        { type: 'function', name: 'wait_agent', description: 'Waits', parameters: wait, strict: false },
      ],
    },
  ],
};
const user = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
const script = 'const {output} = await tools.exec_command({"cmd":"ls"});\ntext(output) // "ü"';
const calls = [
  {
    id: 'ctc_1',
    type: 'custom_tool_call',
    status: 'completed',
    call_id: 'call_1',
    name: 'exec',
    input: script,
  },
  {
    id: 'fc_1',
    type: 'function_call',
    status: 'completed',
    call_id: 'call_2',
    name: 'wait_agent',
    namespace: 'collaboration',
    arguments: '{"timeout_ms":10}',
  },
];
const results = [
  {
    type: 'custom_tool_call_output',
    call_id: 'call_1',
    output: [{ type: 'input_text', text: 'README' }],
  },
  { type: 'function_call_output', call_id: 'call_2', output: 'nobody' },
];
const light = (model: string, more: readonly unknown[] = [], rest: Body = {}): Body => ({
  model,
  input: [offer, user('list it'), ...more],
  store: false,
  include: ['reasoning.encrypted_content'],
  parallel_tool_calls: false,
  ...rest,
});

describe('on a GPT model', () => {
  const model = 'duo/gpt-5.6-sol';
  const reply: Body = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'gpt-5.6-sol',
    output: calls,
    usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
  };

  test('they go up as they are, and so does what was called and what came of it', async () => {
    simulated.proxy.replies.push({ json: reply }, { json: { ...reply, output: [] } });
    const first = light(model);
    const response = await ask(running, 'responses', first);
    expect(((await response.json()) as Body).output).toEqual(calls);
    expect(arrived()).toEqual({ ...first, model: 'gpt-5.6-sol' });
    const second = light(model, [...calls, ...results]);
    expect((await ask(running, 'responses', second)).status).toBe(200);
    expect(arrived()).toEqual({ ...second, model: 'gpt-5.6-sol' });
  });

  test('the calls of a stream come back piece by piece, as the vendor has written them', async () => {
    const [exec] = calls as [(typeof calls)[0]];
    const events = [
      { type: 'response.created', response: { ...reply, output: [], status: 'in_progress' } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { ...exec, input: '', status: 'in_progress' },
      },
      ...[script.slice(0, 9), script.slice(9)].map((delta) => ({
        type: 'response.custom_tool_call_input.delta',
        item_id: exec.id,
        output_index: 0,
        delta,
      })),
      { type: 'response.custom_tool_call_input.done', item_id: exec.id, output_index: 0, input: script },
      { type: 'response.output_item.done', output_index: 0, item: exec },
      { type: 'response.completed', response: { ...reply, output: [exec] } },
    ].map((event, sequence_number) => ({ ...event, sequence_number }));
    const payloads = events.map((event) => JSON.stringify(event));
    simulated.proxy.replies.push({ blocks: blocksOfPayloads(payloads, 'openai-responses') });
    const response = await ask(running, 'responses', light(model, [], { stream: true }));
    const told = (await response.text())
      .split('\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice('data: '.length)) as Body);
    expect(told.map(({ type }) => type)).toEqual(events.map(({ type }) => type));
    expect(told.filter(({ type }) => String(type).includes('custom_tool_call_input'))).toEqual(
      events.filter(({ type }) => type.includes('custom_tool_call_input')),
    );
  });
});

describe('on a Claude model', () => {
  const model = 'duo/claude-sonnet-5';

  test('each of them is offered, and what is called comes back as a call of its own kind', async () => {
    const say = (content: unknown[], stop_reason: string) => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-5',
      content,
      stop_reason,
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 2 },
    });
    simulated.proxy.replies.push({ json: say([{ type: 'text', text: 'ok' }], 'end_turn') });
    expect((await ask(running, 'responses', light(model))).status).toBe(200);
    const offered = list(arrived().tools);
    const exec = offered.find(({ name }) => String(name).endsWith('exec'))!;
    const waits = offered.find(({ name }) => String(name).endsWith('wait_agent'))!;
    expect(offered).toHaveLength(2);
    expect(exec.description).toContain('Runs JavaScript');
    expect(waits.input_schema).toEqual(wait);

    const [input] = Object.keys((exec.input_schema as { properties: Body }).properties) as [string];
    const use = [
      { type: 'tool_use', id: 'toolu_1', name: exec.name, input: { [input]: script } },
      { type: 'tool_use', id: 'toolu_2', name: waits.name, input: { timeout_ms: 10 } },
    ];
    simulated.proxy.replies.push({ json: say(use, 'tool_use') });
    const response = await ask(running, 'responses', light(model));
    const given = list(((await response.json()) as Body).output);
    expect(given).toMatchObject([
      { type: 'custom_tool_call', name: 'exec', namespace: 'functions', input: script },
      {
        type: 'function_call',
        name: 'wait_agent',
        namespace: 'collaboration',
        arguments: '{"timeout_ms":10}',
      },
    ]);

    simulated.proxy.replies.push({ json: say([{ type: 'text', text: 'ok' }], 'end_turn') });
    const answered = results.map((result, i) => ({ ...result, call_id: given[i]!.call_id }));
    expect((await ask(running, 'responses', light(model, [...given, ...answered]))).status).toBe(200);
    const blocks = list(arrived().messages).flatMap(({ content }) => list(content));
    expect(blocks.filter(({ type }) => type === 'tool_use')).toMatchObject([
      { name: exec.name, input: { [input]: script } },
      { name: waits.name, input: { timeout_ms: 10 } },
    ]);
    expect(JSON.stringify(blocks.filter(({ type }) => type === 'tool_result'))).toMatch(/README.*nobody/);
  });
});
