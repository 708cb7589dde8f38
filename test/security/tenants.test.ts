/** Two holders of keys on one gateway, who know each other's ids; and what each kind of key opens. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { allAdminRoutes } from '../../src/server/admin.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { conversationBackup } from '../../src/sessions/backup.ts';
import { exportStore, importStore } from '../../src/store/backup.ts';
import type { Store } from '../../src/store/store.ts';
import { hello, pathOf, startBench, surfaceNames, type Bench } from '../gateway/setup.ts';

setDefaultTimeout(60_000);

let bench: Bench;
let state: State;
let store: Store;
const keys = { alice: '', bob: '', admin: '' };
const ids = { response: '', conversation: '', item: '', key: '' };
/** What only Alice may see again. */
const secret = 'the-words-of-alice-4711';

beforeAll(async () => {
  store = await openStore('sqlite::memory:');
  state = await openState({ stored: { store, vault: createVault(new Uint8Array(32).fill(3)) } });
  bench = startBench({ state });
  for (const name of ['alice', 'bob'] as const) {
    const { secret: shown, key } = await state.keys!.create({ name });
    keys[name] = shown;
    if (name === 'alice') ids.key = key.id;
  }
  keys.admin = (await state.keys!.create({ name: 'boss', role: 'admin' })).secret;
  const made = await call('POST', '/v1/conversations', 'alice', {
    items: [{ role: 'user', content: secret }],
  });
  ids.conversation = (await made.json()).id;
  bench.upstream.enqueue({ kind: 'stream', blocks: hello.responses.blocks });
  const turn = { model: 'responses/m', stream: true, input: secret, conversation: ids.conversation };
  const text = await (await call('POST', '/v1/responses', 'alice', turn)).text();
  ids.response = /"id":"(resp_[^"]+)"/.exec(text)![1]!;
  const items = await (await call('GET', `/v1/responses/${ids.response}/input_items`, 'alice')).json();
  ids.item = items.data[0].id;
});
afterAll(async () => {
  await bench.stop();
  await state.close();
});

const call = (method: string, path: string, who: keyof typeof keys | undefined, body?: unknown) =>
  fetch(bench.url + path, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(who !== undefined && { authorization: `Bearer ${keys[who]}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** An answer without the id that was asked for. */
const worded = async (response: Response, ...own: string[]): Promise<string> =>
  own.reduce((text, id) => text.replaceAll(id, 'ID'), await response.text()).replace(/req_[0-9a-f]+/g, 'req');

describe('the id of somebody else’s response or conversation', () => {
  const asking: readonly [string, string, (id: typeof ids) => string][] = [
    ['GET', 'a response', (id) => `/v1/responses/${id.response}`],
    ['GET', 'its input items', (id) => `/v1/responses/${id.response}/input_items`],
    ['DELETE', 'a response', (id) => `/v1/responses/${id.response}`],
    ['GET', 'a conversation', (id) => `/v1/conversations/${id.conversation}`],
    ['DELETE', 'a conversation', (id) => `/v1/conversations/${id.conversation}`],
    ['POST', 'a conversation', (id) => `/v1/conversations/${id.conversation}`],
    ['GET', 'the items of a conversation', (id) => `/v1/conversations/${id.conversation}/items`],
    ['POST', 'the items of a conversation', (id) => `/v1/conversations/${id.conversation}/items`],
    ['GET', 'an item', (id) => `/v1/conversations/${id.conversation}/items/${id.item}`],
    ['DELETE', 'an item', (id) => `/v1/conversations/${id.conversation}/items/${id.item}`],
    ['GET', 'a response of one provider', (id) => `/responses/v1/responses/${id.response}`],
  ];

  test.each(asking)('%s %s: is as unknown as one that never was', async (method, _, path) => {
    const never = { ...ids, response: 'resp_never', conversation: 'conv_never' };
    const body = method === 'POST' ? { metadata: {}, items: [{ role: 'user', content: 'bob' }] } : undefined;
    const response = await call(method, path(ids), 'bob', body);
    const unknown = await call(method, path(never), 'bob', body);
    expect([response.status, unknown.status]).toEqual([404, 404]);
    const text = await worded(response, ids.response, ids.conversation);
    expect(text).toBe(await worded(unknown, 'resp_never', 'conv_never'));
    expect(text).not.toContain(secret);
  });

  test('cannot be gone on from, at any upstream', async () => {
    for (const surface of ['responses', 'chat', 'messages', 'gemini'] as const) {
      for (const more of [
        { previous_response_id: ids.response },
        { conversation: ids.conversation },
        { conversation: { id: ids.conversation } },
        { input: [{ type: 'item_reference', id: ids.item }] },
      ]) {
        bench.upstream.reset();
        bench.upstream.enqueue({ kind: 'stream', blocks: hello[surface].blocks });
        const turn = { model: `${surface}/m`, input: 'go on', stream: true, ...more };
        const text = await (await call('POST', '/v1/responses', 'bob', turn)).text();
        expect(text).not.toContain(secret);
        // Where the id goes upstream as it came, it goes without Alice's words.
        for (const request of bench.upstream.requests) expect(request.text).not.toContain(secret);
      }
    }
  });

  test('cannot be compacted', async () => {
    bench.upstream.reset();
    const turn = { model: 'chat/m', previous_response_id: ids.response };
    const response = await call('POST', '/v1/responses/compact', 'bob', turn);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.text()).not.toContain(secret);
    for (const request of bench.upstream.requests) expect(request.text).not.toContain(secret);
  });

  test('opens nothing through a conversation of one’s own either', async () => {
    const own = await (await call('POST', '/v1/conversations', 'bob', {})).json();
    for (const method of ['GET', 'DELETE']) {
      const response = await call(method, `/v1/conversations/${own.id}/items/${ids.item}`, 'bob');
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain(secret);
    }
    const items = [{ type: 'item_reference', id: ids.item }];
    const made = await call('POST', `/v1/conversations/${own.id}/items`, 'bob', { items });
    expect(await made.text()).not.toContain(secret);
    const begun = await call('POST', '/v1/conversations', 'bob', { items });
    expect(await begun.text()).not.toContain(secret);
    expect(await (await call('GET', `/v1/conversations/${own.id}/items`, 'bob')).text()).not.toContain(
      secret,
    );
  });

  test('is no more known where a backup was brought in, and known to its owner', async () => {
    const stored = await openStore('sqlite::memory:');
    const lines: string[] = [];
    for await (const line of exportStore(store, conversationBackup)) lines.push(line);
    expect(lines.join('')).not.toContain(secret);
    await importStore(stored, lines.join(''), 'alone', conversationBackup);
    const vault = createVault(new Uint8Array(32).fill(3));
    const other = await openState({ stored: { store: stored, vault } });
    const elsewhere = startBench({ state: other });
    try {
      const mallory = (await other.keys!.create({ name: 'alice' })).secret;
      const status = async (key: string, path: string) =>
        (await fetch(elsewhere.url + path, { headers: { authorization: `Bearer ${key}` } })).status;
      for (const path of [`/v1/responses/${ids.response}`, `/v1/conversations/${ids.conversation}/items`]) {
        expect([path, await status(keys.alice, path)]).toEqual([path, 200]);
        for (const stranger of [keys.bob, mallory])
          expect([path, await status(stranger, path)]).toEqual([path, 404]);
      }
    } finally {
      await elsewhere.stop();
      await other.close();
    }
  });

  test('and nothing of it is gone for its owner', async () => {
    const items = await (
      await call('GET', `/v1/conversations/${ids.conversation}/items?order=asc`, 'alice')
    ).json();
    expect(items.data[0].content[0].text).toBe(secret);
    expect((await call('GET', `/v1/responses/${ids.response}`, 'alice')).status).toBe(200);
    expect((await call('GET', `/v1/conversations/${ids.conversation}`, 'alice')).status).toBe(200);
  });

  test('ids are too long to be guessed', () => {
    expect(ids.conversation.length).toBeGreaterThanOrEqual(5 + 32);
    expect(ids.response.length).toBeGreaterThan(5);
  });
});

describe('the list of models', () => {
  const forms: readonly [string, string, Record<string, string>][] = [
    ['OpenAI’s form', '/v1/models', {}],
    ['Anthropic’s form', '/v1/models', { 'anthropic-version': '2023-06-01' }],
    [
      'Claude Code’s form',
      '/v1/models',
      { 'anthropic-version': '2023-06-01', 'user-agent': 'claude-cli/2.1.0' },
    ],
    ['Gemini’s form', '/v1beta/models', {}],
    ['Codex CLI’s form', '/v1/models?client_version=0.169.0', {}],
    ['Codex CLI’s form by its name', '/v1/models', { 'user-agent': 'codex_cli_rs/0.169.0 (Linux)' }],
    ['Codex CLI’s form for its own login', '/backend-api/messages/models', {}],
  ];

  test.each(forms)('has what the key may ask for and no word of more, in %s', async (_, path, headers) => {
    const listed = async (rules: object) => {
      const { secret: shown } = await state.keys!.create({ name: 'narrow', rules });
      const answer = await fetch(bench.url + path, {
        headers: { ...headers, authorization: `Bearer ${shown}`, 'if-none-match': '*' },
      });
      return { status: answer.status, etag: answer.headers.get('etag'), text: await answer.text() };
    };
    const all = await listed({});
    const narrow = await listed({ providers: ['chat'] });
    const none = await listed({ models: ['nobody/nothing'] });
    expect([all.status, narrow.status, none.status]).toEqual([200, 200, 200]);
    expect(all.text).toContain(path.includes('backend-api') ? '"m"' : 'messages/m');
    for (const other of ['messages/m', 'responses/m', 'gemini/m']) {
      expect(narrow.text).not.toContain(other);
      expect(none.text).not.toContain(other);
    }
    expect(none.text).not.toContain('chat/m');
    // With the tag of somebody else’s list nothing is told of it.
    if (all.etag !== null) expect(none.etag).not.toBe(all.etag);
  });

  test('is told to nobody without a key, in no form', async () => {
    for (const [, path, headers] of forms)
      expect((await fetch(bench.url + path, { headers })).status).toBe(401);
  });
});

describe('administration', () => {
  const paths = allAdminRoutes.map(
    ({ method, path }) => [method, `/admin${path.replace('{id}', 'x')}`] as const,
  );

  test.each(paths)('%s %s is shut to clients and to whoever shows no key', async (method, path) => {
    const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
    expect((await call(method, path, 'alice', body)).status).toBe(403);
    expect((await call(method, path, undefined, body)).status).toBe(401);
  });

  test.each([
    '/Admin/keys',
    '/admin//keys',
    '//admin/keys',
    '/admin/keys/',
    '/admin/./keys',
    '/v1/../admin/keys',
    '/admin%2fkeys',
    '/admin/keys?key=x',
    '/chat/admin/keys',
    '/admin;x/keys',
  ])('%s is no way around', async (path) => {
    expect([401, 403, 404]).toContain((await call('GET', path, 'alice')).status);
    expect([401, 404]).toContain((await call('GET', path, undefined)).status);
  });

  test('an admin key spends nothing', async () => {
    bench.upstream.reset();
    for (const surface of surfaceNames) {
      const response = await call('POST', pathOf(surface, 'chat/m'), 'admin', {
        model: 'chat/m',
        input: 'x',
        messages: [],
        contents: [],
      });
      expect(response.status).toBe(401);
    }
    for (const path of [
      '/v1/models',
      `/v1/responses/${ids.response}`,
      `/v1/conversations/${ids.conversation}`,
    ])
      expect((await call('GET', path, 'admin')).status).toBe(401);
    expect(bench.upstream.requests).toHaveLength(0);
  });

  test('never tells a key or a fingerprint of one', async () => {
    const text = await (await call('GET', '/admin/keys', 'admin')).text();
    for (const key of Object.values(keys)) expect(text).not.toContain(key);
    expect(text).not.toMatch(/[0-9a-f]{64}/);
  });
});

describe('a key', () => {
  test.each([
    'wrong',
    'drg_',
    'drg_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '__proto__',
    `${'x'.repeat(4_000)}`,
    'null',
    'undefined',
    "' OR 1=1 --",
  ])('%s that is not one is refused', async (key) => {
    for (const header of ['authorization', 'x-api-key', 'x-goog-api-key']) {
      const value = header === 'authorization' ? `Bearer ${key}` : key;
      const response = await fetch(`${bench.url}/v1/models`, { headers: { [header]: value } });
      expect(response.status).toBe(401);
    }
  });

  test('is refused with one character changed, anywhere', async () => {
    for (let at = 0; at < keys.alice.length; at++) {
      const changed =
        keys.alice.slice(0, at) + (keys.alice[at] === 'a' ? 'b' : 'a') + keys.alice.slice(at + 1);
      const response = await fetch(`${bench.url}/v1/models`, { headers: { 'x-api-key': changed } });
      expect([at, response.status]).toEqual([at, 401]);
    }
  });

  test('in the URL opens nothing', async () => {
    for (const name of ['key', 'api_key', 'access_token', 'token']) {
      const response = await fetch(`${bench.url}/v1/models?${name}=${keys.alice}`);
      expect(response.status).toBe(401);
    }
  });
});
