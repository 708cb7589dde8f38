import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault } from '../../src/accounts/vault.ts';
import { changeConfigFile } from '../../src/config/change.ts';
import { checkConfig } from '../../src/config/load.ts';
import { createGateway, providerSchemas, type Gateway } from '../../src/gateway.ts';
import { allAdminRoutes } from '../../src/server/admin.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { TurnRecord } from '../../src/telemetry/record.ts';

/** The keys that were asked for models with, of which one is refused. */
let shown: (string | null)[] = [];
const upstream = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch({ headers }) {
    shown.push(headers.get('authorization'));
    if (headers.get('authorization') === 'Bearer sk-refused') return new Response(null, { status: 401 });
    return Response.json({ data: [{ id: 'm1' }, { id: 'm2' }] });
  },
});
afterAll(() => upstream.stop(true));
const upstreamUrl = `http://127.0.0.1:${upstream.port}`;
const vault = createVault(new Uint8Array(32).fill(7));
const cwd = mkdtempSync(join(tmpdir(), 'dragoman-admin-'));
afterAll(() => rmSync(cwd, { recursive: true }));

const yaml = `# My gateway
providers:
  - name: up # the good one
    type: openai
    base_url: ${upstreamUrl}/v1
    api_key: sk-in-the-file
  - { name: own, type: anthropic, base_url: "${upstreamUrl}", models: [m3] }
models:
  fast: [own/m3, up/m1]
`;
const file = join(cwd, 'dragoman.yaml');

interface Started {
  readonly gateway: Gateway;
  readonly state: State;
  readonly records: TurnRecord[];
  readonly admin: string;
}

async function start(options: { host?: string; withFile?: boolean } = {}): Promise<Started> {
  const loaded = checkConfig(
    { name: 'dragoman.yaml', text: `${yaml}server: { host: "${options.host ?? '127.0.0.1'}" }\n` },
    { kinds: providerSchemas, env: {}, cwd },
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const store = await openStore('sqlite::memory:');
  const state = await openState({ stored: { store, vault } });
  const { secret } = await state.keys!.create({ name: 'boss', role: 'admin' });
  const records: TurnRecord[] = [];
  const change = (path: string, value: string | undefined) =>
    changeConfigFile(file, path, value, { kinds: providerSchemas, env: {}, cwd });
  const gateway = createGateway({
    config: loaded.config,
    version: 'test',
    metrics: () => 'x 1\n',
    recorder: { record: (record) => records.push(record), streamsOpen() {} },
    state,
    ...(options.withFile !== false && { configFile: { name: 'dragoman.yaml', change } }),
  });
  return { gateway, state, records, admin: secret };
}

let now: Started;
beforeEach(async () => {
  shown = [];
  writeFileSync(file, yaml);
  now = await start();
});
afterEach(async () => {
  await now.gateway.stop({ drainMs: 0 });
  await now.state.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // The shape is what each test looks at.
  readonly json: Record<string, never> & { error?: { code: string; message: string } };
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await now.gateway.fetch(
    new Request(`http://127.0.0.1${path}`, {
      method,
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      headers: {
        authorization: `Bearer ${now.admin}`,
        ...(method === 'POST' || method === 'PATCH' ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
    }),
  );
  const text = await response.text();
  const json = text.startsWith('{"table') || text.startsWith('{"dragoman') ? {} : JSON.parse(text);
  return { status: response.status, headers: response.headers, text, json };
}

const list = (answer: Answer): Record<string, unknown>[] =>
  (answer.json as unknown as { data: Record<string, unknown>[] }).data;

describe('who may', () => {
  test('is whoever shows an admin key, on loopback too; how to make one is said', async () => {
    for (const route of allAdminRoutes) {
      const path = `/admin${route.path.replace('{id}', 'x')}`;
      const none = await call(route.method, path, undefined, { authorization: '' });
      expect([path, none.status, none.json.error?.code]).toEqual([path, 401, 'missing_api_key']);
      expect(none.json.error!.message).toContain('dragoman keys create NAME --admin');
      expect(none.headers.get('www-authenticate')).toBe('Bearer');
    }
    const { secret } = await now.state.keys!.create({ name: 'laptop' });
    const client = await call('GET', '/admin/keys', undefined, { authorization: `Bearer ${secret}` });
    expect([client.status, client.json.error?.code]).toEqual([403, 'key_not_allowed']);
    expect((await call('GET', '/admin/keys', undefined, { authorization: 'Bearer x' })).status).toBe(401);
    expect((await call('GET', '/admin/keys')).status).toBe(200);
  });

  test('an admin key opens /admin only', async () => {
    await now.state.keys!.create({ name: 'laptop' });
    const models = await call('GET', '/v1/models');
    expect([models.status, models.json.error?.message]).toEqual([
      401,
      'an admin key opens /admin only; use a client key here',
    ]);
  });

  test('no page of another origin, and no form', async () => {
    const page = await call('GET', '/admin/keys', undefined, { origin: 'https://evil.example' });
    expect([page.status, page.json.error?.code]).toEqual([403, 'permission']);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const form = await call('POST', '/admin/keys', '{"name":"x"}', { 'content-type': type });
      expect([form.status, form.json.error?.code]).toEqual([415, 'unsupported_media_type']);
    }
    const preflight = await call('OPTIONS', '/admin/keys');
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    expect(now.state.keys!.list()).toHaveLength(1);
  });

  test('every request has its line, with who asked, and no cache keeps an answer', async () => {
    const { headers } = await call('GET', '/admin/usage?by=model');
    await call('DELETE', '/admin/keys/nobody');
    const boss = now.state.keys!.list()[0]!;
    expect(now.records).toMatchObject([
      { surface: 'admin', method: 'GET', route: '/admin/usage', status: 200, outcome: 'ok', keyId: boss.id },
      { surface: 'admin', route: '/admin/keys/{id}', status: 404, failure: { code: 'not_found' } },
    ]);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).toBe(now.records[0]!.requestId);
  });

  test('a body that is too large, is no JSON or has a wrong member is refused', async () => {
    const large = await call('POST', '/admin/keys', { name: 'x'.repeat(300_000) });
    expect([large.status, large.json.error?.code]).toEqual([413, 'request_too_large']);
    expect((await call('POST', '/admin/keys', '{"name":')).json.error).toEqual({
      code: 'invalid_request',
      message: 'the body is not valid JSON',
    });
    const wrong = await call('POST', '/admin/keys', { name: 'x', rule: {} });
    expect([wrong.status, wrong.json.error?.message]).toEqual([400, 'Unrecognized key: "rule"']);
    const route = await call('GET', '/admin/nothing');
    expect([route.status, route.json.error?.code]).toEqual([404, 'not_found']);
  });
});

describe('accounts', () => {
  const keyOf = async () =>
    (await call('POST', '/admin/accounts', { provider: 'up', api_key: 'sk-added' })).json;

  test('are listed with those of the configuration, and no secret is told', async () => {
    await keyOf();
    const answer = await call('GET', '/admin/accounts');
    expect(list(answer)).toMatchObject([
      { id: 'config:up/default', provider: 'up', configured: true, state: 'ready', health: [] },
      { provider: 'up', name: 'key-1', kind: 'api_key', configured: false, enabled: true },
    ]);
    expect(answer.text).not.toContain('sk-');
    expect(list(await call('GET', '/admin/accounts?provider=own'))).toEqual([]);
  });

  test('an API key is stored once the provider has taken it', async () => {
    const added = await call('POST', '/admin/accounts', {
      provider: 'up',
      api_key: 'sk-added',
      name: 'second',
      weight: 3,
    });
    expect([added.status, added.json]).toMatchObject([201, { name: 'second', weight: 3, models: 2 }]);
    expect(shown).toEqual(['Bearer sk-added']);
    const again = await call('POST', '/admin/accounts', {
      provider: 'up',
      api_key: 'sk-other',
      name: 'second',
      check: false,
    });
    expect([again.status, again.json]).toMatchObject([200, { name: 'second', models: null }]);
    expect(now.state.accounts.of('up').map(({ secret }) => secret.token)).toEqual([
      'sk-in-the-file',
      'sk-other',
    ]);
  });

  test('one that is refused, or is there already, is not', async () => {
    const refused = await call('POST', '/admin/accounts', { provider: 'up', api_key: 'sk-refused' });
    expect([refused.status, refused.json.error]).toEqual([
      422,
      {
        code: 'login_failed',
        message: 'up was asked for its models with it, and failed: the upstream answered 401',
      },
    ]);
    const gone = await call('POST', '/admin/accounts', { provider: 'gone', api_key: 'k' });
    expect([gone.status, gone.json.error?.message]).toEqual([404, 'there is no provider gone']);
    const demo = await call('POST', '/admin/accounts', { provider: 'demo', api_key: 'k' });
    expect([demo.status, demo.json.error?.code]).toEqual([409, 'conflict']);
    const same = await call('POST', '/admin/accounts', { provider: 'up', api_key: 'sk-in-the-file' });
    expect([same.status, same.json.error?.code]).toEqual([422, 'login_failed']);
    const spaced = await call('POST', '/admin/accounts', { provider: 'up', api_key: 'two words' });
    expect(spaced.status).toBe(400);
    expect(spaced.text).not.toContain('two words');
    expect(now.state.accounts.of('up')).toHaveLength(1);
  });

  test('are switched off and on, weighed, and removed; the configuration’s are its own', async () => {
    const { id } = await keyOf();
    const off = await call('PATCH', `/admin/accounts/${id}`, { enabled: false, priority: 2 });
    expect(off.json).toMatchObject({ enabled: false, priority: 2, weight: 1 });
    expect(now.state.accounts.of('up')).toHaveLength(1);
    await call('PATCH', `/admin/accounts/${id}`, { enabled: true });
    expect(now.state.accounts.of('up')).toHaveLength(2);
    expect((await call('DELETE', `/admin/accounts/${id}`)).json).toMatchObject({ id });
    expect((await call('DELETE', `/admin/accounts/${id}`)).status).toBe(404);

    const own = `/admin/accounts/${encodeURIComponent('config:up/default')}`;
    expect((await call('DELETE', own)).status).toBe(409);
    expect((await call('PATCH', own, { weight: 2 })).json.error?.message).toContain('configuration');
  });

  test('are shown with what is wrong with them, until somebody says that it is mended', async () => {
    now.state.health.failed('config:up/default', 'm1', {
      kind: 'billing',
      scope: 'account',
      status: 402,
      message: 'no credit',
      retryable: false,
    });
    const wrong = { state: 'suspended', model: null, why: 'billing (402)' };
    expect(list(await call('GET', '/admin/accounts'))[0]).toMatchObject({ health: [wrong] });
    expect(list(await call('GET', '/admin/health'))).toMatchObject([
      { provider: 'up', account: 'config:up/default', name: 'default', ...wrong },
    ]);
    const path = `/admin/accounts/${encodeURIComponent('config:up/default')}/clear`;
    expect((await call('POST', path, {})).json).toMatchObject({ health: [] });
    expect(list(await call('GET', '/admin/health'))).toEqual([]);
  });
});

describe('keys', () => {
  test('are made, told once, and taken back', async () => {
    const rules = { models: ['up/*'], per_day: { usd: 1 } };
    const made = await call('POST', '/admin/keys', {
      name: 'laptop',
      rules,
      expires: '2100-01-01T00:00:00Z',
    });
    expect([made.status, made.json]).toMatchObject([201, { role: 'client', rules }]);
    const { key, id } = made.json as unknown as { key: string; id: string };
    expect(key).toMatch(/^drg_[a-z0-9]{8}_\w{32}$/);
    const shown = await call('GET', '/admin/keys');
    expect(shown.json).toMatchObject({ required: true });
    expect(shown.text).not.toContain(key);
    expect(list(shown).map(({ name, role }) => [name, role])).toEqual([
      ['boss', 'admin'],
      ['laptop', 'client'],
    ]);
    expect((await call('GET', '/v1/models', undefined, { authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await call('DELETE', '/admin/keys/laptop')).status).toBe(404);
    expect((await call('DELETE', `/admin/keys/${id}`)).json).toMatchObject({ revoked: expect.any(String) });
    expect((await call('GET', '/v1/models', undefined, { authorization: `Bearer ${key}` })).status).toBe(401);
  });
});

describe('usage, models and backups', () => {
  const used = (account: string) =>
    now.state.usage!.add({
      keyId: now.state.keys!.list()[0]!.id,
      provider: 'up',
      account,
      model: 'm1',
      request: 'ok',
      used: {
        tokens: { fresh: 3, cacheRead: 0, cacheWrite: 0, output: 4, reasoning: 0 },
        costUsd: 0.5,
      },
    });

  test('sums are told by what was asked, with names', async () => {
    used('config:up/default');
    const day = new Date().toISOString().slice(0, 10);
    const row = { requests: 1, tokensFresh: 3, tokensOutput: 4, usd: 0.5 };
    expect((await call('GET', '/admin/usage')).json).toMatchObject({
      by: 'day',
      days: 30,
      data: [{ by: day, ...row }],
    });
    const rows = async (by: string) => list(await call('GET', `/admin/usage?by=${by}&days=1`));
    expect(await rows('key')).toMatchObject([{ by: 'boss', ...row }]);
    expect(await rows('account')).toMatchObject([{ by: 'up/default', id: 'config:up/default' }]);
    expect((await call('GET', '/admin/usage?by=shoe')).status).toBe(400);
    expect((await call('GET', '/admin/usage?days=0')).status).toBe(400);
  });

  test('all models are listed, whoever may use them', async () => {
    const answer = await call('GET', '/admin/models');
    expect(list(answer).map(({ id }) => id)).toEqual(
      expect.arrayContaining(['fast', 'up/m1', 'up/m2', 'own/m3']),
    );
    expect(answer.json).toMatchObject({ unreachable: [] });
  });

  test('a backup of one gateway is read into another that is sealed alike, beside what is there', async () => {
    await call('POST', '/admin/accounts', { provider: 'up', api_key: 'sk-added' });
    used('a');
    const backup = await call('GET', '/admin/export');
    expect(backup.headers.get('content-type')).toBe('application/x-ndjson');
    expect(backup.headers.get('content-disposition')).toMatch(/filename="dragoman-[\d-]+\.jsonl"/);
    expect(backup.text).not.toContain('sk-added');

    const first = now;
    now = await start();
    const lines = { 'content-type': 'application/x-ndjson' };
    const read = await call('POST', '/admin/import', backup.text, lines);
    expect([read.status, read.json]).toMatchObject([
      200,
      { imported: { accounts: 1, gateway_keys: 1, usage_hours: 1 } },
    ]);
    await Bun.sleep(50);
    expect(now.state.accounts.of('up').map(({ secret }) => secret.token)).toContain('sk-added');
    // The same again adds nothing.
    expect((await call('POST', '/admin/import', backup.text, lines)).json).toMatchObject({
      imported: { accounts: 0, gateway_keys: 0, usage_hours: 0 },
    });
    const foreign = backup.text.replace(/"vault","value":"\w+"/, '"vault","value":"ffffffff"');
    expect((await call('POST', '/admin/import', foreign, lines)).json.error).toEqual({
      code: 'import_failed',
      message: 'the backup was sealed with another key than this store',
    });
    expect((await call('POST', '/admin/import', 'what?', lines)).status).toBe(422);
    await first.gateway.stop({ drainMs: 0 });
    await first.state.close();
  });
});

describe('the configuration', () => {
  test('is shown without its secrets, whole or in part', async () => {
    const whole = await call('GET', '/admin/config');
    expect(whole.json).toMatchObject({
      file: 'dragoman.yaml',
      config: { server: { port: 4242 }, providers: [{ name: 'up', api_key: '***' }, {}, {}] },
    });
    expect(whole.text).not.toContain('sk-in-the-file');
    expect((await call('GET', '/admin/config?path=providers.up.type')).json).toMatchObject({
      config: 'openai',
    });
    expect((await call('GET', '/admin/config?path=providers.up.nothing')).status).toBe(404);
  });

  test('is changed in its file, with all its comments', async () => {
    const set = (path: string, value?: unknown) => call('PATCH', '/admin/config', { path, value });
    expect((await set('models.fast', ['up/m2'])).json).toEqual({
      file: 'dragoman.yaml',
      path: 'models.fast',
    } as never);
    expect((await set('server.port', 4300)).status).toBe(200);
    expect((await set('providers.own', null)).status).toBe(200);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# My gateway\n');
    expect(text).toContain('name: up # the good one\n');
    expect(text).toContain('- up/m2\n');
    expect(text).toContain('port: 4300');
    expect(text).not.toContain('own');
  });

  test('a change that is not valid is not made, and why is said', async () => {
    const refused = async (path: string, value: unknown) =>
      (await call('PATCH', '/admin/config', { path, value })).json.error;
    expect(await refused('server.prot', 1)).toMatchObject({
      code: 'config_refused',
      message: expect.stringContaining('did you mean "port"?'),
    });
    expect(await refused('providers.nobody.type', 'openai')).toMatchObject({ code: 'config_refused' });
    expect(await refused('providers.up.api_key', '***')).toMatchObject({ code: 'invalid_request' });
    expect(await refused('providers.up.headers', { a: '***' })).toMatchObject({ code: 'invalid_request' });
    expect(await refused('providers.up.base_url', 'http://x/${DRAGOMAN_SECRET}')).toMatchObject({
      message: 'references to the environment can be written in the file only',
    });
    expect(readFileSync(file, 'utf8')).toBe(yaml);
  });

  test('of a gateway that has no file cannot be changed', async () => {
    await now.gateway.stop({ drainMs: 0 });
    await now.state.close();
    now = await start({ withFile: false });
    expect((await call('GET', '/admin/config')).json).toMatchObject({ file: null });
    const answer = await call('PATCH', '/admin/config', { path: 'server.port', value: 1 });
    expect([answer.status, answer.json.error?.code]).toEqual([409, 'conflict']);
  });
});

describe('what a key lets its caller see', () => {
  const shownTo = async (rules: object, path = '/v1/models') => {
    const { secret } = await now.state.keys!.create({ name: 'c', rules });
    const answer = await call('GET', path, undefined, { authorization: `Bearer ${secret}` });
    return answer.status === 200 ? list(answer).map(({ id }) => id) : answer.status;
  };

  test('are the models that it may ask for, and no others', async () => {
    expect(await shownTo({})).toEqual(['fast', 'up/m1', 'up/m2', 'own/m3', ...demo]);
    expect(await shownTo({ models: ['up/*'] })).toEqual(['up/m1', 'up/m2']);
    // One of its targets is the provider’s.
    expect(await shownTo({ providers: ['up'] })).toEqual(['fast', 'up/m1', 'up/m2']);
    expect(await shownTo({ models: ['m*'] }, '/up/v1/models')).toEqual(['m1', 'm2']);
    expect(await shownTo({ models: ['up/m1'] }, '/v1/models/up/m2')).toBe(404);
    expect(await shownTo({ providers: ['own'] }, '/up/v1/models')).toEqual([]);
  });

  test('without one, where one is needed, nothing', async () => {
    expect((await call('GET', '/v1/models', undefined, { authorization: '' })).status).toBe(200);
    await now.state.keys!.create({ name: 'c' });
    for (const [path, error] of [
      ['/v1/models', { code: 'missing_api_key' }],
      ['/v1beta/models', { status: 'UNAUTHENTICATED' }],
    ] as const) {
      const answer = await call('GET', path, undefined, { authorization: '' });
      expect([answer.status, answer.json]).toMatchObject([401, { error }]);
    }
    expect(now.records.at(-1)).toMatchObject({ surface: 'models', status: 401 });
  });
});

describe('the routes of operation', () => {
  let open: Started;
  beforeAll(async () => {
    open = await start({ host: '0.0.0.0' });
  });
  afterAll(async () => {
    await open.gateway.stop({ drainMs: 0 });
    await open.state.close();
  });
  const get = async (at: Started, path: string, key?: string) => {
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return (await at.gateway.fetch(new Request(`http://127.0.0.1${path}`, { headers }))).status;
  };

  test('health needs no key anywhere; metrics need an admin key where others reach the gateway', async () => {
    for (const path of ['/', '/healthz', '/readyz']) {
      expect([path, await get(open, path), await get(now, path)]).toEqual([path, 200, 200]);
    }
    expect(await get(now, '/metrics')).toBe(200);
    expect(await get(open, '/metrics')).toBe(401);
    expect(await get(open, '/metrics', open.admin)).toBe(200);
    const { secret } = await open.state.keys!.create({ name: 'c' });
    expect(await get(open, '/metrics', secret)).toBe(403);
  });
});

const demo = ['demo/echo', 'demo/tools', 'demo/agent', 'demo/reason'];
