/** Self-managed GitLab beside GitLab.com in one provider: what belongs to one never reaches the other. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { configSchema } from '../../../src/config/schema.ts';
import { providerSchemas } from '../../../src/gateway.ts';
import { keepLogin } from '../../../src/server/keep-login.ts';
import { ask } from '../../gateway/setup.ts';
import { application } from './instance/accounts.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { patAccount, providerFor, send, startGateway } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

/** As GitLab.com is, at the root of its host; and one of a company, under a path. */
let com: Simulated;
let work: Simulated;
beforeEach(() => {
  application.secret = undefined;
  com = startInstance(Date.now, '');
  work = startInstance(Date.now, '/tools/gitlab');
  work.realm = 'self-managed';
});
afterEach(async () => {
  await com.stop();
  await work.stop();
});

const both = (more: Record<string, unknown> = {}) => ({
  client_id: application.id,
  instances: [
    {
      name: 'work',
      base_url: `${work.url}/`,
      gateway_url: `${work.gatewayUrl}/`,
      client_id: application.id,
      scope: 'api',
    },
  ],
  ...more,
});
const at = (url: string) => ({ profile: { instance: url } });
const turn = (running: { url: string }) => ask(running, 'messages', { model: 'duo/claude-sonnet-5' });

describe('an account of the configuration', () => {
  const accounts = () => [
    { name: 'mine', api_key: com.office.pat(undefined, 'me'), priority: 0 },
    { name: 'ours', api_key: work.office.pat(undefined, 'us'), priority: 1, instance: 'work' },
  ];

  test('asks its own instance and its own gateway', async () => {
    const running = await startGateway(com, both({ accounts: accounts() }));
    com.proxy.credits = false;
    expect((await turn(running)).status).toBe(200);
    expect(running.records.at(-1)!.account).toBe('ours');
    expect(com.mints.map(({ user }) => user)).toEqual(['me']);
    expect(work.mints.map(({ user }) => user)).toEqual(['us']);
    expect(work.proxy.passed[0]!.headers.get('x-gitlab-realm')).toBe('self-managed');
    expect(com.proxy.passed).toEqual([]);
    await running.stop();
  });

  test.each([
    [{ accounts: [{ name: 'a', api_key: 'k', instance: 'nowhere' }] }, /there is no instance nowhere/],
    [{ instances: [one('w', 'https://a.example'), one('w', 'https://b.example')] }, /the same name/],
    [{ instances: [one('a', 'https://a.example'), one('b', 'https://a.example/')] }, /the same address/],
  ])('that makes no sense is told of before anything is asked: %#', (more, words) => {
    const config = { providers: [{ name: 'duo', type: 'gitlab', ...more }] };
    expect(() => configSchema(providerSchemas).parse(config)).toThrow(words);
  });
});

function one(name: string, base_url: string) {
  return { name, base_url };
}

describe('a login', () => {
  test('is at the first instance unless another is named', async () => {
    const { login } = providerFor(com, both());
    expect(Object.keys(login!.places!)).toEqual(['work']);
    const mine = await login!.token!.take(com.office.pat());
    const ours = await login!.places!.work!.token!.take(work.office.pat());
    expect([mine.name, ours.name]).toEqual(['pat:dev.one', 'pat:dev.one@work']);
    expect([mine.profile!.instance, ours.profile!.instance]).toEqual([com.url, work.url]);
    expect(work.proxy.passed).toHaveLength(1);
    await expect(login!.token!.take(work.office.pat())).rejects.toThrow(/revoked or has expired/);
  });

  test('over /admin names the instance, too', async () => {
    const running = await startGateway(com, both());
    const { secret } = await running.state.keys!.create({ name: 'boss', role: 'admin' });
    const post = (body: object) =>
      fetch(`${running.url}/admin/accounts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ provider: 'duo', ...body }),
      });
    const made = await post({ api_key: work.office.pat(), at: 'work' });
    expect(made.status).toBe(201);
    expect(await made.json()).toMatchObject({ name: 'pat:dev.one@work', profile: { instance: work.url } });
    expect((await post({ api_key: work.office.pat(), at: 'nowhere' })).status).toBe(409);
    await running.stop();
  });

  test('by OAuth goes by the application that is registered there, and is renewed there', async () => {
    const running = await startGateway(com, both());
    const provider = running.gateway.provider('duo')!;
    const { begin } = provider.login!.places!.work!.oauth!;
    const { url, finish } = await begin('http://127.0.0.1:8085/callback');
    expect(url).toStartWith(`${work.url}/oauth/authorize`);
    expect(new URL(url).searchParams.get('scope')).toBe('api');
    const answer = await fetch(url, { redirect: 'manual' });
    const gave = await finish(answer.headers.get('location')!);
    const { account } = await keepLogin(running.state, provider, gave);
    await running.state.accounts.change(account.id, { expiresMs: 0 });
    expect((await turn(running)).status).toBe(200);
    expect(work.office.forms.map((form) => form.get('grant_type'))).toEqual([
      'authorization_code',
      'refresh_token',
    ]);
    expect(com.office.forms).toEqual([]);
    expect(com.mints).toEqual([]);
    await running.stop();
  });

  test('at an instance that is not configured any more is asked nowhere, and says what cures it', async () => {
    const provider = providerFor(com);
    const account = { ...patAccount(work.office.pat()), ...at(work.url) };
    const failure = await send(provider, account).catch((error) => error.failure);
    expect(failure).toMatchObject({ scope: 'account', code: 'instance_not_configured' });
    expect(failure.message).toContain('put it back');
    expect([...com.mints, ...work.mints]).toEqual([]);
  });
});

test('a relative root and a gateway of its own are kept in every address', async () => {
  const provider = providerFor(work, { base_url: `${work.url}//`, gateway_url: `${work.gatewayUrl}/` });
  expect((await send(provider, patAccount(work.office.pat()))).status).toBe(200);
  expect(work.url).toEndWith('/tools/gitlab');
  expect(work.mints).toHaveLength(1);
});

test('a gateway that the grant itself names goes before the configured one', async () => {
  work.grantMore = { base_url: work.gatewayUrl };
  const provider = providerFor(work, { gateway_url: 'http://127.0.0.1:9/ai' });
  expect((await send(provider, patAccount(work.office.pat()))).status).toBe(200);
});

describe('a model that an administrator has pinned', () => {
  const pinned = { name: 'Claude Sonnet 4.6 - Anthropic', ref: 'claude_sonnet_4_6' };

  test('is told at the login, by the name that the gateway has for it', async () => {
    com.pinned = pinned;
    const login = await providerFor(com).login!.token!.take(com.office.pat());
    expect(login.profile!.pinned_model).toBe('Claude Sonnet 4.6 - Anthropic (claude-sonnet-4-6)');
    expect(login.notice).toContain('has pinned Claude Sonnet 4.6');
    // The namespace is the one that the grant speaks for.
    expect(com.graphqlAsked).toEqual(['gid://gitlab/Group/1000000']);
  });

  test('that the gateway does not have is told by its own name', async () => {
    com.pinned = { name: 'Sonnet elsewhere', ref: 'claude_sonnet_4_6_vertex' };
    const login = await providerFor(com).login!.token!.take(com.office.pat());
    expect(login.profile!.pinned_model).toBe('Sonnet elsewhere');
  });

  test('for a whole instance is told where the grant speaks for no group', async () => {
    work.namespace = undefined;
    work.pinned = pinned;
    const provider = providerFor(work);
    const login = await provider.login!.token!.take(work.office.pat());
    expect(login.profile!.pinned_model).toBe('Claude Sonnet 4.6 - Anthropic (claude-sonnet-4-6)');
    expect(work.graphqlAsked).toEqual([undefined]);
  });

  test('is no matter where there is no group and GitLab wants one: the login is good, and serves', async () => {
    com.namespace = undefined;
    com.pinned = pinned;
    const provider = providerFor(com);
    const token = com.office.pat();
    const login = await provider.login!.token!.take(token);
    expect(login.profile).toMatchObject({ verdict: 'ok' });
    expect(login.profile).not.toHaveProperty('pinned_model');
    expect((await send(provider, patAccount(token))).status).toBe(200);
    expect(com.graphqlAsked[0]).toBeUndefined();
  });

  test('stands in the list of models once an account was used, and is asked for once a day', async () => {
    com.pinned = pinned;
    let now = Date.now();
    const provider = providerFor(com, {}, () => now);
    const account = patAccount(com.office.pat());
    const names = () =>
      provider.configured!.filter(({ name }) => name?.includes('pinned')).map(({ id }) => id);
    expect(names()).toEqual([]);
    for (let i = 0; i < 3; i++) await (await send(provider, account)).text();
    await eventually(() => names().length > 0);
    expect(names()).toEqual(['claude-sonnet-4-6']);
    expect(com.graphqlAsked).toHaveLength(1);
    com.pinned = undefined;
    now += 24 * 3_600_000;
    await (await send(provider, account)).text();
    await eventually(() => names().length === 0);
    expect(com.graphqlAsked).toHaveLength(2);
  });

  test('is not enforced, and an instance that cannot tell fails nothing', async () => {
    com.pinned = pinned;
    const running = await startGateway(com, { api_key: com.office.pat(['ai_features']) });
    const response = await ask(running, 'messages', { model: 'duo/claude-opus-5' });
    expect(response.status).toBe(200);
    await running.stop();
    const old = providerFor(com, {}, Date.now);
    const login = old.login!.token!;
    com.pinned = undefined;
    expect((await login.take(com.office.pat())).profile).not.toHaveProperty('pinned_model');
  });
});
