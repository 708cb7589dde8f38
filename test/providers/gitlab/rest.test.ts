/** The REST fallback: when it is used, what it carries, and what it refuses. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { chatBody, folded, suggestionBody } from '../../../src/providers/gitlab/rest-request.ts';
import { ask } from '../../gateway/setup.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import type { RefusalName } from './instance/words.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running | undefined;
beforeEach(() => (simulated = startInstance()));
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await simulated.stop();
});

const start = async (more: Record<string, unknown> = {}): Promise<Running> =>
  (running = await startGateway(simulated, {
    api_key: simulated.office.pat(),
    rest_fallback: 'code-suggestions',
    ...more,
  }));
const model = 'duo/claude-sonnet-5';
const code = '\ndef add(a, b):\n    return a + b\n';

/** Which failure may fall back, and which never. */
const boundaries: [RefusalName, where: 'mint' | 'gateway', mayFall: boolean][] = [
  ['gateway-token/third-party-direct-access.not-entitled.403', 'mint', true],
  ['gateway-token/code-suggestions-direct-access.disabled.403', 'mint', true],
  ['gateway-errors/namespace-not-allowlisted.402', 'gateway', true],
  ['gateway-errors/instance-not-allowlisted.402', 'gateway', true],
  ['gateway-errors/not-entitled.403', 'gateway', true],
  ['auth/token-revoked.401', 'mint', false],
  ['auth/insufficient-scope.403', 'mint', false],
  ['gateway-token/rate-limited.429', 'mint', false],
  ['gateway-token/third-party-direct-access.no-default-namespace.503', 'mint', false],
  ['gateway-token/third-party-direct-access.token-creation-failed.503', 'mint', false],
  ['gateway-errors/token-rejected.401', 'gateway', false],
  ['gateway-errors/insufficient-credits.402', 'gateway', false],
  ['gateway-errors/unsupported-model.400', 'gateway', false],
  ['gateway-errors/bad-gateway.502', 'gateway', false],
  ['gateway-errors/upstream-anthropic-context.400', 'gateway', false],
];

const refuseTwice = (name: RefusalName, where: 'mint' | 'gateway') =>
  void (where === 'mint' ? simulated.mintRefusals : simulated.proxy.quota).push(name, name);

describe('the fallback', () => {
  test.each(boundaries)('after %s at the %s: %p', async (name, where, mayFall) => {
    refuseTwice(name, where);
    await start();
    const response = await ask(running!, 'messages', { model });
    const text = await response.text();
    expect(simulated.rest.asked).toHaveLength(mayFall ? 1 : 0);
    expect(response.status === 200).toBe(mayFall);
    if (mayFall) {
      expect(response.headers.get('dragoman-transport')).toBe('rest-code-suggestions');
      expect(text).toContain('return a + b');
    }
  });

  test.each(boundaries.filter(([, , mayFall]) => mayFall))(
    'is off unless asked for: %s',
    async (name, where) => {
      refuseTwice(name, where);
      await start({ rest_fallback: 'off' });
      expect((await ask(running!, 'messages', { model })).status).toBe(403);
      expect(simulated.rest.asked).toEqual([]);
    },
  );

  test('is not used while the gateway serves', async () => {
    await start();
    const response = await ask(running!, 'messages', { model });
    expect(response.headers.get('dragoman-transport')).toBe('http');
    expect(simulated.rest.asked).toEqual([]);
  });

  test('is all that is asked where the configuration says so', async () => {
    await start({ transport: 'rest', rest_fallback: 'off' });
    const response = await ask(running!, 'messages', { model });
    expect(response.headers.get('dragoman-transport')).toBe('rest-code-suggestions');
    const counted = await fetch(`${running!.url}/v1/messages/count_tokens`, {
      method: 'POST',
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    });
    expect(counted.headers.get('dragoman-count')).toStartWith('estimate');
    expect(simulated.mints).toEqual([]);
    // The tokenizer is loaded for it.
  }, 30_000);
});

describe.each([
  ['messages', model],
  ['chat', model],
  ['responses', model],
  ['chat', 'duo/gpt-5.4-2026-03-05'],
  ['responses', 'duo/gpt-5.6-sol'],
] as const)('%s with %s by REST', (surface, name) => {
  test('gets the whole text', async () => {
    await start({ transport: 'rest' });
    const response = await ask(running!, surface, { model: name });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain(JSON.stringify(code).slice(1, -1));
  });

  test.each([false, true])(
    'gets each piece as it comes; without events: %p',
    async (plain) => {
      const { promise, resolve: release } = Promise.withResolvers<void>();
      simulated.rest.hold = promise;
      simulated.rest.plain = plain;
      await start({ transport: 'rest' });
      const response = await ask(running!, surface, { model: name, stream: true });
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      let text = '';
      while (!text.includes('def add')) {
        const { value, done } = await reader.read();
        if (done) break;
        text += decoder.decode(value);
      }
      expect(text).toContain('def add');
      expect(text).not.toContain('return');
      release();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += decoder.decode(value);
      }
      expect(text).toContain('return');
      expect(text).not.toContain('ping');
      expect(running!.records[0]!.outcome).toBe('ok');
    },
    5_000,
  );
});

test('a stream that ends without its end is a failure', async () => {
  simulated.rest.cut = true;
  await start({ transport: 'rest' });
  const text = await (await ask(running!, 'messages', { model, stream: true })).text();
  expect(text).toContain('event: error');
  expect(text).not.toContain('message_stop');
  expect(running!.records[0]).toMatchObject({ outcome: 'error', failure: { scope: 'provider' } });
});

test('a service that declines is told of, not answered for', async () => {
  simulated.rest.pieces = [];
  await start({ transport: 'rest' });
  const response = await ask(running!, 'chat', { model });
  expect(response.status).toBe(422);
  expect(await response.text()).toContain('declined');
});

describe('more than text is refused with the name of its field', () => {
  const image = { url: 'data:image/png;base64,iVBORw0KGgo=' };
  const tool = { type: 'function', function: { name: 'Bash', parameters: {} } };
  test.each([
    ['tools', { tools: [tool] }],
    ['response_format', { response_format: { type: 'json_object' } }],
    ['messages', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: image }] }] }],
    [
      'messages',
      {
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'so' },
        ],
      },
    ],
    ['messages', { messages: [{ role: 'user', content: 'x'.repeat(10_001) }] }],
    ['n', { n: 2 }],
  ])('%s', async (param, members) => {
    await start({ transport: 'rest' });
    const response = await ask(running!, 'chat', { model: 'duo/gpt-5.4-2026-03-05', ...members });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param, code: 'rest_fallback_text_only' } });
    expect(simulated.rest.asked).toEqual([]);
  });

  test('stream, where the service has none', async () => {
    await start({ transport: 'rest', rest_fallback: 'chat' });
    const response = await ask(running!, 'chat', { model: 'duo/gpt-5.4-2026-03-05', stream: true });
    expect(await response.json()).toMatchObject({ error: { param: 'stream' } });
  });
});

describe('the chat service', () => {
  test('answers a short question, and the user’s own conversation at GitLab stays', async () => {
    await start({ transport: 'rest', rest_fallback: 'chat' });
    const response = await ask(running!, 'messages', { model });
    expect(JSON.stringify(await response.json())).toContain('A mutex is a lock.');
    expect(response.headers.get('dragoman-transport')).toBe('rest-chat');
    expect(simulated.rest.asked[0]!.body).not.toHaveProperty('with_clean_history');
  });

  test('that is closed says that the login is good', async () => {
    simulated.rest.chatIsOpen = false;
    await start({ transport: 'rest', rest_fallback: 'chat' });
    const response = await ask(running!, 'messages', { model });
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('the login is good');
  });
});

describe('what is folded', () => {
  const read = (messages: unknown[]) => openaiChat.decodeRequest({ model: 'm', messages } as never);
  const said = (role: string, content: string) => ({ role, content });

  test('the conversation keeps its order, and the system prompt stands apart', () => {
    const request = read([
      said('system', 'S'),
      said('user', 'one'),
      said('assistant', 'two'),
      said('user', 'three'),
    ]);
    expect(suggestionBody(request) as object).toEqual({
      current_file: {
        file_name: 'conversation.md',
        content_above_cursor: 'User:\none\n\nAssistant:\ntwo\n\nUser:\nthree',
        content_below_cursor: '',
      },
      intent: 'generation',
      generation_type: 'small_file',
      user_instruction: 'three',
      context: [{ type: 'snippet', name: 'system', content: 'S' }],
      stream: false,
    });
    expect(chatBody(request)).toMatchObject({ content: 'three' });
  });

  test('whole turns are left out from the oldest on, always the same, and never the last', () => {
    const long = 'x'.repeat(20_000);
    const request = read([said('user', `1${long}`), said('assistant', `2${long}`), said('user', `3${long}`)]);
    const text = folded(request);
    expect(text.length).toBeLessThanOrEqual(50_000);
    expect(text).toStartWith('Assistant:\n2x');
    expect(folded(request)).toBe(text);
    const huge = read([said('user', 'y'.repeat(60_000))]);
    expect(folded(huge)).toHaveLength(60_006);
  });
});
