/** The REST fallback: when it is used, what it carries, and what it refuses. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { chatBody, fold, suggestionBody } from '../../../src/providers/gitlab/rest-request.ts';
import { ask } from '../../gateway/setup.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { refusals, type RefusalName } from './instance/words.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { providerSchemas } from '../../../src/gateway.ts';
import { entryFor, startGateway, type Running } from './setup.ts';

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
  // No access to the proxy.
  ['gateway-token/third-party-direct-access.not-entitled.403', 'mint', true],
  ['gateway-token/code-suggestions-direct-access.disabled.403', 'mint', true],
  ['gateway-token/code-suggestions-direct-access.unpaid.403', 'mint', true],
  ['gateway-errors/namespace-not-allowlisted.402', 'gateway', true],
  ['gateway-errors/instance-not-allowlisted.402', 'gateway', true],
  ['gateway-errors/not-entitled.403', 'gateway', true],
  // A dead or narrow token, and what its owner has to set.
  ['auth/token-revoked.401', 'mint', false],
  ['auth/token-expired.401', 'mint', false],
  ['auth/unauthorized.401', 'mint', false],
  ['auth/insufficient-scope.403', 'mint', false],
  ['gateway-token/third-party-direct-access.no-default-namespace.503', 'mint', false],
  ['gateway-token/code-suggestions-direct-access.no-default-namespace.422', 'mint', false],
  // A grant that is good for something else.
  ['gateway-errors/scope-not-in-token.403', 'gateway', false],
  // Limits, credits and failures.
  ['gateway-token/code-suggestions-direct-access.503', 'mint', false],
  ['gateway-token/rate-limited.429', 'mint', false],
  ['gateway-token/code-suggestions-direct-access.quota.402', 'mint', false],
  ['gateway-token/code-suggestions-direct-access.not-rolled-out.400', 'mint', false],
  ['gateway-token/third-party-direct-access.token-creation-failed.503', 'mint', false],
  ['gateway-token/third-party-direct-access.token-missing.503', 'mint', false],
  ['gateway-token/third-party-direct-access.http-error.503', 'mint', false],
  ['gateway-errors/insufficient-credits.402', 'gateway', false],
  ['gateway-errors/bad-gateway.502', 'gateway', false],
  // A token of the gateway that it does not take, or that does not fit its headers.
  ['gateway-errors/no-authorization.401', 'gateway', false],
  ['gateway-errors/bad-authorization.401', 'gateway', false],
  ['gateway-errors/not-oidc.401', 'gateway', false],
  ['gateway-errors/token-rejected.401', 'gateway', false],
  ['gateway-errors/realm-mismatch.401', 'gateway', false],
  ['gateway-errors/instance-mismatch.401', 'gateway', false],
  ['gateway-errors/user-mismatch.401', 'gateway', false],
  ['gateway-errors/namespace-mismatch.403', 'gateway', false],
  ['gateway-errors/root-namespace-mismatch.403', 'gateway', false],
  ['gateway-errors/project-mismatch.403', 'gateway', false],
  ['gateway-errors/instance-uid-mismatch.403', 'gateway', false],
  ['gateway-errors/missing-unit-primitive.400', 'gateway', false],
  ['gateway-errors/unknown-unit-primitive.400', 'gateway', false],
  ['gateway-errors/wrong-purpose.400', 'gateway', false],
  // The request's own fault.
  ['gateway-errors/path-not-allowed.404', 'gateway', false],
  ['gateway-errors/bad-json.400', 'gateway', false],
  ['gateway-errors/no-model.400', 'gateway', false],
  ['gateway-errors/unsupported-model.400', 'gateway', false],
  ['gateway-errors/upstream-anthropic-context.400', 'gateway', false],
  ['gateway-errors/upstream-non-json.400', 'gateway', false],
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

  test('after an instance that is too old for grants of agents', async () => {
    simulated.isOld = true;
    await start();
    const response = await ask(running!, 'messages', { model });
    expect([response.status, response.headers.get('dragoman-transport')]).toEqual([
      200,
      'rest-code-suggestions',
    ]);
  });

  test.each([
    ['gateway-token/code-suggestions-direct-access.disabled.403', true],
    ['gateway-token/code-suggestions-direct-access.unpaid.403', true],
    // The service would answer the same to the same account.
    ['rest/code-suggestions.not-entitled.401', false],
    ['gateway-token/code-suggestions-direct-access.not-rolled-out.400', false],
    ['gateway-token/code-suggestions-direct-access.no-default-namespace.422', false],
    ['gateway-token/code-suggestions-direct-access.quota.402', false],
    ['gateway-token/code-suggestions-direct-access.503', false],
    ['gateway-token/rate-limited.429', false],
    ['auth/insufficient-scope.403', false],
    ['auth/token-revoked.401', false],
  ] as const)('after %s at the other endpoint: %p', async (name, mayFall) => {
    refuseTwice(name, 'mint');
    await start({ grant: 'code_suggestions' });
    const response = await ask(running!, 'messages', { model });
    expect(simulated.rest.asked).toHaveLength(mayFall ? 1 : 0);
    expect(response.status === 200).toBe(mayFall);
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
  }, 60_000);
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
    60_000,
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

  test('input, where tools are offered in the conversation', async () => {
    await start({ transport: 'rest' });
    const { name, parameters } = tool.function;
    const response = await ask(running!, 'responses', {
      model: 'duo/gpt-5.6-sol',
      input: [
        { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name, parameters }] },
        { role: 'user', content: 'hi' },
      ],
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'input' } });
    expect(simulated.rest.asked).toEqual([]);
  });

  test('however often, and a text is served right after it', async () => {
    const accounts = ['one', 'two'].map((name) => ({ name, api_key: simulated.office.pat(undefined, name) }));
    running = await startGateway(simulated, { accounts, transport: 'rest' });
    const asked = { model: 'duo/gpt-5.4-2026-03-05' };
    for (let i = 0; i < 4; i++)
      expect((await ask(running!, 'chat', { ...asked, tools: [tool] })).status).toBe(400);
    expect((await ask(running!, 'chat', asked)).status).toBe(200);
  });

  test('unless another account is let in by the gateway, which carries it', async () => {
    const accounts = ['one', 'two'].map((name, priority) => ({
      name,
      api_key: simulated.office.pat(undefined, name),
      priority,
    }));
    running = await startGateway(simulated, { accounts, rest_fallback: 'code-suggestions' });
    simulated.mintRefusals.push('gateway-token/third-party-direct-access.not-entitled.403');
    const response = await ask(running, 'chat', { model: 'duo/gpt-5.4-2026-03-05', tools: [tool] });
    expect([response.status, response.headers.get('dragoman-transport')]).toEqual([200, 'http']);
    expect(simulated.mints.map(({ user }) => user)).toEqual(['one', 'two']);
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
    const words = await response.text();
    expect(words).toContain('the login is good');
    expect(words).toContain('`rest_fallback: code-suggestions` asks the other service');
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
    const { text, left } = fold(request);
    expect(left).toBe(1);
    expect(text.length).toBeLessThanOrEqual(50_000);
    expect(text).toStartWith('Assistant:\n2x');
    expect(fold(request).text).toBe(text);
    const huge = read([said('user', 'y'.repeat(60_000))]);
    expect(fold(huge).text).toHaveLength(60_006);
  });
});

describe('what is lost by REST is told', () => {
  const turns = [
    { role: 'user', content: [{ type: 'text', text: 'one', cache_control: { type: 'ephemeral' } }] },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: 'three' },
  ];
  const notesOf = (response: Response) => response.headers.get('dragoman-notes')?.split(', ').sort();

  test('each member that the service has no field for, and what was folded', async () => {
    await start({ transport: 'rest' });
    const response = await ask(running!, 'messages', {
      model,
      system: 'S',
      messages: turns,
      temperature: 0.5,
      stop_sequences: ['x'],
      thinking: { type: 'adaptive' },
      metadata: { user_id: 'u' },
    });
    expect(response.status).toBe(200);
    expect(notesOf(response)).toEqual([
      'max_tokens=dropped',
      'messages (marks)=dropped',
      'messages=emulated',
      'metadata=dropped',
      'model=dropped',
      'stop_sequences=dropped',
      'system=emulated',
      'temperature=dropped',
      'thinking=dropped',
    ]);
    expect(running!.records[0]!.notes.find(({ path }) => path === 'model')).toMatchObject({
      weight: 'degrade',
    });
    expect(running!.records[0]!.notes.find(({ path }) => path === 'metadata')).toMatchObject({
      weight: 'note',
    });
  });

  test('in a stream too, and when the gateway has refused first', async () => {
    refuseTwice('gateway-errors/namespace-not-allowlisted.402', 'gateway');
    await start();
    const response = await ask(running!, 'chat', { model: 'duo/gpt-5.4-2026-03-05', stream: true, seed: 7 });
    expect(response.headers.get('dragoman-transport')).toBe('rest-code-suggestions');
    expect(notesOf(response)).toContain('seed=dropped');
    expect(await response.text()).toContain('return ');
  });

  test('turns that do not fit', async () => {
    await start({ transport: 'rest' });
    const long = 'x'.repeat(40_000);
    const messages = [
      { role: 'user', content: long },
      { role: 'assistant', content: long },
      { role: 'user', content: 'three' },
    ];
    const response = await ask(running!, 'messages', { model, messages });
    expect(notesOf(response)).toContain('messages=dropped');
    expect(
      running!.records[0]!.notes.find(({ action, path }) => path === 'messages' && action === 'dropped')?.why,
    ).toBe('the oldest 1 of its turns do not fit into the prompt');
  });

  test('and refused, before GitLab is asked, where nothing may be lost', async () => {
    await start({ transport: 'rest' });
    await running!.stop();
    running = await startGateway(
      simulated,
      { api_key: simulated.office.pat(), transport: 'rest' },
      { fidelity: 'strict' },
    );
    const response = await ask(running, 'chat', { model: 'duo/gpt-5.4-2026-03-05' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'model' } });
    expect(simulated.rest.asked).toEqual([]);
  });
});

test('every failure that the simulator knows is on one side of the boundary', () => {
  const rows = new Set<string>(boundaries.map(([name]) => name));
  const known = Object.keys(refusals).filter((name) => /^(?:gateway-token|gateway-errors)\//.test(name));
  expect(known.filter((name) => !rows.has(name))).toEqual([]);
});

test('going back and forth needs no restart and no other name', async () => {
  const provider = { api_key: simulated.office.pat() };
  running = await startGateway(simulated, provider);
  const turn = async () => {
    const response = await ask(running!, 'messages', { model: 'duo/gitlab-duo' });
    return [response.status, response.headers.get('dragoman-transport')];
  };
  const configure = (more: object) =>
    running!.gateway.reload(
      configSchema(providerSchemas).parse({ providers: [entryFor(simulated, { ...provider, ...more })] }),
    );
  expect(await turn()).toEqual([200, 'http']);
  expect(configure({ transport: 'rest' })).toEqual([]);
  expect(await turn()).toEqual([200, 'rest-code-suggestions']);
  configure({});
  expect(await turn()).toEqual([200, 'http']);
});
