/** Turns through a gateway to the simulated instance: what arrives there, and what comes back. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { ask, hello, type SurfaceName } from '../../gateway/setup.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
beforeEach(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
});
afterEach(async () => {
  expect(simulated.proxy.strays).toEqual([]);
  await running.stop();
  await simulated.stop();
});

const claude = 'duo/claude-sonnet-5';
const gpt = 'duo/gpt-5.4-2026-03-05';

describe.each([
  ['messages', claude, '/v1/messages', 'native'],
  ['chat', gpt, '/v1/chat/completions', 'native'],
  ['responses', gpt, '/v1/responses', 'native'],
  ['responses', 'duo/gpt-5.6-sol', '/v1/responses', 'native'],
  ['chat', 'duo/gpt-5.6-sol', '/v1/responses', 'translated'],
  ['chat', claude, '/v1/messages', 'translated'],
  ['responses', claude, '/v1/messages', 'translated'],
  ['gemini', claude, '/v1/messages', 'translated'],
  ['messages', gpt, '/v1/chat/completions', 'translated'],
  ['messages', 'duo/gpt-5.3-codex', '/v1/responses', 'translated'],
] as const)('%s to %s', (surface, model, path, lane) => {
  test(`goes by ${path} in the ${lane} lane`, async () => {
    const response = await ask(running, surface, { model });
    expect(response.status).toBe(200);
    expect(JSON.stringify(await response.json())).toContain('Hello world');
    expect(simulated.proxy.passed.map((passed) => passed.path)).toEqual([path]);
    expect(simulated.proxy.passed[0]!.body.model).toBe(model.slice('duo/'.length));
    expect(running.records[0]).toMatchObject({ lane, outcome: 'ok', usage: { fresh: 5, output: 2 } });
    expect(simulated.proxy.refused).toEqual([]);
  });

  test('streams each piece as soon as it is there', async () => {
    const { promise: until, resolve: release } = Promise.withResolvers<void>();
    const upstream: SurfaceName = path.includes('messages')
      ? 'messages'
      : path.includes('chat')
        ? 'chat'
        : 'responses';
    simulated.proxy.replies.push({ hold: { before: hello[upstream].textAt[1], until } });
    const response = await ask(running, surface, { model, stream: true });
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    while (!text.includes('Hello')) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value);
    }
    // The upstream has not sent the rest yet.
    expect(text).toContain('Hello');
    expect(text).not.toContain(' world');
    release();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value);
    }
    expect(text).toContain(' world');
    expect(running.records.at(-1)).toMatchObject({ outcome: 'ok', usage: { fresh: 5, output: 2 } });
  }, 60_000);
});

describe('a request', () => {
  const passed = () => simulated.proxy.passed[0]!;
  const asClient = (headers: Record<string, string>) => ({
    headers: { 'content-type': 'application/json', ...headers },
  });

  test('goes with the gateway token and its headers, and with nothing of the client’s credentials', async () => {
    await ask(running, 'messages', { model: claude }, asClient({ 'x-api-key': 'mine', cookie: 'a=b' }));
    const { headers } = passed();
    expect(headers.get('authorization')).toMatch(/^Bearer gateway-token-/);
    expect(headers.get('x-gitlab-unit-primitive')).toBe('ai_gateway_model_provider_proxy');
    expect(headers.get('x-gitlab-feature-enabled-by-namespace-ids')).toBe('');
    expect(headers.get('x-gitlab-is-team-member')).toBe('false');
    expect(headers.get('anthropic-version')).toBe('2023-06-01');
  });

  test('of a Messages client keeps its beta names and its query, of which the gateway knows one', async () => {
    const post = (query: string) =>
      fetch(`${running.url}/v1/messages${query}`, {
        method: 'POST',
        ...asClient({ 'anthropic-beta': 'b-1', 'anthropic-version': '2023-06-01' }),
        body: JSON.stringify({ model: claude, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }),
      });
    expect((await post('?beta=true')).status).toBe(200);
    expect((await post('?other=1')).status).toBe(200);
    expect(simulated.proxy.passed.map(({ path }) => path)).toEqual([
      '/v1/messages?beta=true',
      '/v1/messages',
    ]);
    expect(passed().headers.get('anthropic-beta')).toBe('b-1');
  });

  test('passes whole in the vendor’s own protocol', async () => {
    const body = {
      max_tokens: 64,
      system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
      thinking: { type: 'adaptive', display: 'summarized' },
      output_config: { effort: 'high' },
      something_new: { deep: [1] },
    };
    await ask(running, 'messages', { model: claude, ...body });
    expect(passed().body).toMatchObject(body);
  });

  test('for OpenAI goes without any query', async () => {
    const response = await fetch(`${running.url}/v1/responses?a=b`, {
      method: 'POST',
      ...asClient({}),
      body: JSON.stringify({ model: gpt, input: 'hi' }),
    });
    expect(response.status).toBe(200);
    expect(passed().path).toBe('/v1/responses');
  });
});

describe('tokens', () => {
  const count = (model: string) =>
    fetch(`${running.url}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    });

  test('of a Claude model are counted by the vendor', async () => {
    const response = await count(claude);
    expect(await response.json()).toEqual({ input_tokens: 9 });
    expect(response.headers.get('dragoman-count')).toBe('upstream');
    expect(simulated.proxy.passed[0]!.path).toBe('/v1/messages/count_tokens?beta=true');
  });

  test('of a GPT model are estimated', async () => {
    const response = await count(gpt);
    expect(response.headers.get('dragoman-count')).toStartWith('estimate');
    expect(simulated.proxy.passed).toEqual([]);
    // The tokenizer is loaded for it.
  }, 60_000);
});

const bash = {
  chat: {
    type: 'function',
    function: { name: 'Bash', parameters: { type: 'object', properties: { cmd: { type: 'string' } } } },
  },
  responses: {
    type: 'function',
    name: 'Bash',
    parameters: { type: 'object', properties: { cmd: { type: 'string' } } },
  },
  messages: { name: 'Bash', input_schema: { type: 'object', properties: { cmd: { type: 'string' } } } },
} as const;

describe.each([
  ['messages', claude],
  ['messages', gpt],
  ['messages', 'duo/gpt-5.6-sol'],
  ['chat', gpt],
  ['chat', claude],
  ['responses', gpt],
  ['responses', claude],
] as const)('tools of %s on %s', (surface, model) => {
  test('two at once are called, and their results go back with the calls', async () => {
    const first = await ask(running, surface, { model, tools: [bash[surface]] });
    const reply = await first.json();
    const history = after(surface, reply);
    expect(history.calls).toEqual(['ls', 'pwd']);
    const second = await ask(running, surface, { model, tools: [bash[surface]], ...history.next });
    expect(JSON.stringify(await second.json())).toContain('Hello world');
    const sent = JSON.stringify(simulated.proxy.passed[1]!.body);
    expect(sent).toContain('README.md');
    expect(sent).toContain('/home');
    expect(sent.indexOf('README.md')).toBeLessThan(sent.indexOf('/home'));
    for (const command of ['ls', 'pwd']) expect(sent).toContain(command);
    if (model === claude && surface !== 'chat') expect(sent).toContain('c2lnbmF0dXJl');
  });

  test('two at once are called in a stream', async () => {
    const response = await ask(running, surface, { model, tools: [bash[surface]], stream: true });
    const text = await response.text();
    for (const command of ['ls', 'pwd']) expect(text).toContain(command);
    expect(text.match(/"name":"Bash"/g)!.length).toBeGreaterThanOrEqual(2);
    expect(running.records.at(-1)).toMatchObject({ outcome: 'ok', stop: { reason: 'tool_use' } });
  });
});

/** What a client does with a reply that calls tools: the commands, and the request that follows. */
function after(
  surface: 'messages' | 'chat' | 'responses',
  reply: unknown,
): { calls: string[]; next: Record<string, unknown> } {
  const user = { role: 'user', content: 'hi' };
  const outputs = ['README.md', '/home'];
  if (surface === 'messages') {
    const { content } = reply as { content: { type: string; id: string; input: { cmd: string } }[] };
    const uses = content.filter(({ type }) => type === 'tool_use');
    const results = uses.map(({ id }, i) => ({ type: 'tool_result', tool_use_id: id, content: outputs[i] }));
    return {
      calls: uses.map(({ input }) => input.cmd),
      next: { messages: [user, { role: 'assistant', content }, { role: 'user', content: results }] },
    };
  }
  if (surface === 'chat') {
    type Message = { tool_calls: { id: string; function: { arguments: string } }[] };
    const { message } = (reply as { choices: { message: Message }[] }).choices[0]!;
    const results = message.tool_calls.map(({ id }, i) => ({
      role: 'tool',
      tool_call_id: id,
      content: outputs[i],
    }));
    return {
      calls: message.tool_calls.map((call) => JSON.parse(call.function.arguments).cmd as string),
      next: { messages: [user, message, ...results] },
    };
  }
  const { output } = reply as { output: { type: string; call_id: string; arguments: string }[] };
  const made = output.filter(({ type }) => type === 'function_call');
  const results = made.map(({ call_id }, i) => ({
    type: 'function_call_output',
    call_id,
    output: outputs[i],
  }));
  return {
    calls: made.map((call) => JSON.parse(call.arguments).cmd as string),
    next: { input: [user, ...output, ...results] },
  };
}
