/** What each refusal means: whom it concerns, what becomes of the account, and what the client is told. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cures } from '../../../src/providers/gitlab/account-failure.ts';
import { createGrants } from '../../../src/providers/gitlab/grant.ts';
import { mayFallBack } from '../../../src/providers/gitlab/rest-failures.ts';
import type { Failure } from '../../../src/turn/failure.ts';
import { accountsCalled, ask } from '../../gateway/setup.ts';
import { corpusJson, corpusRoot } from '../../support/corpus.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { refusals, type RefusalName } from './instance/words.ts';
import { patAccount, providerFor, send, startGateway, type Running } from './setup.ts';

const captures = 'captures/gitlab-duo';
const hasCaptures = existsSync(join(corpusRoot, captures));
if (!hasCaptures) console.log('skipped: the contract examples are not there');

describe.skipIf(!hasCaptures)('the simulator refuses in the words of the contract examples', () => {
  test.each(Object.keys(refusals) as RefusalName[])('%s', (name) => {
    expect(refusals[name].body as unknown).toEqual(corpusJson(join(captures, `${name}.json`)));
    expect(name).toEndWith(`.${refusals[name].status}`);
  });
});

test.skipIf(!hasCaptures)('no refusal of the contract examples is unknown to the simulator', () => {
  const examples = readdirSync(join(corpusRoot, captures), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[45]\d\d\.json$/.test(path))
    .map((path) => path.replace(/\.json$/, ''));
  expect(examples.length).toBeGreaterThan(40);
  // The workflow service is another product, which is not asked.
  const unknown = examples.filter((name) => !(name in refusals) && !name.startsWith('workflow/'));
  expect(unknown).toEqual([]);
});

let simulated: Simulated;
beforeEach(() => (simulated = startInstance()));
afterEach(() => simulated.stop());

type Told = Partial<Pick<Failure, 'kind' | 'scope' | 'status' | 'code' | 'retryable'>> & { says: RegExp };

const failureFor = async (more: Record<string, unknown> = {}): Promise<Failure> => {
  const provider = providerFor(simulated, more);
  return send(provider, patAccount(simulated.office.pat())).then(
    async (response) => {
      throw new Error(`it was answered ${response.status}: ${await response.text()}`);
    },
    (error: unknown) => (error as { failure: Failure }).failure,
  );
};

const account = { scope: 'account', retryable: false } as const;
const noDuo = { ...account, kind: 'permission', status: 403 } as const;

const mintTable: [RefusalName, door: string, Told][] = [
  [
    'auth/insufficient-scope.403',
    'third_party_agents',
    { ...noDuo, code: 'insufficient_scope', says: /`ai_features`/ },
  ],
  [
    'auth/token-expired.401',
    'third_party_agents',
    {
      ...account,
      kind: 'authentication',
      status: 401,
      code: 'token_refused',
      says: /log in again or make a new token/,
    },
  ],
  [
    'auth/token-revoked.401',
    'third_party_agents',
    { ...account, kind: 'authentication', status: 401, code: 'token_refused', says: /revoked/ },
  ],
  [
    'gateway-token/third-party-direct-access.not-entitled.403',
    'third_party_agents',
    { ...noDuo, code: 'no_entitlement', says: /seat or credits/ },
  ],
  [
    'gateway-token/third-party-direct-access.no-default-namespace.503',
    'third_party_agents',
    { ...noDuo, code: 'no_default_namespace', says: /Preferences > Behavior/ },
  ],
  [
    'gateway-token/third-party-direct-access.token-creation-failed.503',
    'third_party_agents',
    { scope: 'account', kind: 'overloaded', status: 503, retryable: true, says: /Token creation failed/ },
  ],
  [
    'gateway-token/third-party-direct-access.token-missing.503',
    'third_party_agents',
    { scope: 'account', kind: 'overloaded', retryable: true, says: /missing in response/ },
  ],
  [
    'gateway-token/third-party-direct-access.http-error.503',
    'third_party_agents',
    { scope: 'account', kind: 'overloaded', retryable: true, says: /HTTP error/ },
  ],
  [
    'gateway-token/rate-limited.429',
    'third_party_agents',
    { scope: 'account', kind: 'rate_limited', status: 429, retryable: true, says: /too many/ },
  ],
  [
    'rest/code-suggestions.not-entitled.401',
    'code_suggestions',
    { ...noDuo, code: 'no_entitlement', says: /the login is good/ },
  ],
  [
    'auth/token-expired.401',
    'code_suggestions',
    { ...account, kind: 'authentication', code: 'token_refused', says: /expired/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.disabled.403',
    'code_suggestions',
    { ...noDuo, code: 'direct_access_off', says: /administrator/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.unpaid.403',
    'code_suggestions',
    { ...noDuo, code: 'no_entitlement', says: /seat or credits/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.quota.402',
    'code_suggestions',
    { ...account, kind: 'billing', status: 402, code: 'insufficient_credits', says: /Credits/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.no-default-namespace.422',
    'code_suggestions',
    { ...noDuo, code: 'no_default_namespace', says: /Preferences > Behavior/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.503',
    'code_suggestions',
    { scope: 'account', kind: 'overloaded', status: 503, retryable: true, says: /Token creation failed/ },
  ],
  [
    'gateway-token/code-suggestions-direct-access.not-rolled-out.400',
    'code_suggestions',
    { ...noDuo, code: 'direct_access_off', says: /direct connections/ },
  ],
];

describe('a refused grant', () => {
  test.each(mintTable)('%s at %s', async (name, grant, { says, ...told }) => {
    simulated.mintRefusals.push(name);
    const failure = await failureFor({ grant });
    expect(failure).toMatchObject(told);
    expect(failure.message).toMatch(says);
    expect(simulated.mints).toHaveLength(1);
  });

  test('at an instance that is too old, or at another address, is a fault of the provider', async () => {
    const failure = await failureFor({ base_url: `${simulated.url}/elsewhere` });
    expect(failure).toMatchObject({ scope: 'provider', code: 'no_direct_access' });
    expect(failure.message).toContain('18.3');
  });

  test('by what stands in front of GitLab says nothing of the account, and opens no other way', async () => {
    const blocked = Object.assign(
      async () =>
        new Response('<html>Blocked</html>', { status: 403, headers: { 'content-type': 'text/html' } }),
      { preconnect: () => undefined },
    );
    const grants = createGrants(
      { url: simulated.url, userAgent: 't', fetch: blocked },
      'third_party_agents',
      Date.now,
    );
    const { failure } = await grants.of(patAccount('t'), new AbortController().signal).then(
      () => {
        throw new Error('a grant was given');
      },
      (error: { failure: Failure }) => error,
    );
    expect(failure).toMatchObject({ scope: 'provider', code: 'no_grant', status: 502 });
    expect(mayFallBack(failure)).toBe(false);
  });

  test('for want of a good token is never one for want of a seat, nor the other way round', () => {
    const dead = mintTable.filter(([name]) => /expired|revoked/.test(name));
    expect(dead.every(([, , told]) => told.code === 'token_refused')).toBe(true);
    const seatless = mintTable.filter(([name]) => /not-entitled|unpaid/.test(name));
    expect(seatless.some(([, , told]) => told.kind === 'authentication')).toBe(false);
  });
});

/** How the gateway comes to say it, and how often it is asked until it is believed. */
const gatewayTable: [RefusalName, times: number, Told][] = [
  [
    'gateway-errors/namespace-not-allowlisted.402',
    1,
    { ...noDuo, code: 'proxy_not_enabled', says: /GitLab support/ },
  ],
  [
    'gateway-errors/instance-not-allowlisted.402',
    1,
    { ...noDuo, code: 'proxy_not_enabled', says: /instance/ },
  ],
  [
    'gateway-errors/insufficient-credits.402',
    1,
    { ...account, kind: 'billing', status: 402, code: 'insufficient_credits', says: /Credits/ },
  ],
  ['gateway-errors/not-entitled.403', 2, { ...noDuo, code: 'no_entitlement', says: /seat or credits/ }],
  [
    'gateway-errors/scope-not-in-token.403',
    1,
    { ...noDuo, code: 'grant_not_for_proxy', says: /seat or credits must be for the GitLab Duo Agent/ },
  ],
  ['gateway-errors/token-rejected.401', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway_url/ }],
  ['gateway-errors/realm-mismatch.401', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  ['gateway-errors/instance-mismatch.401', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  ['gateway-errors/user-mismatch.401', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  ['gateway-errors/not-oidc.401', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  ['gateway-errors/namespace-mismatch.403', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  [
    'gateway-errors/root-namespace-mismatch.403',
    2,
    { ...noDuo, code: 'gateway_token_refused', says: /gateway/ },
  ],
  ['gateway-errors/project-mismatch.403', 2, { ...noDuo, code: 'gateway_token_refused', says: /gateway/ }],
  [
    'gateway-errors/instance-uid-mismatch.403',
    2,
    { ...noDuo, code: 'gateway_token_refused', says: /gateway/ },
  ],
  [
    'gateway-errors/missing-unit-primitive.400',
    1,
    { ...noDuo, code: 'grant_not_for_proxy', says: /third_party_agents/ },
  ],
  [
    'gateway-errors/unknown-unit-primitive.400',
    1,
    { ...noDuo, code: 'grant_not_for_proxy', says: /third_party_agents/ },
  ],
  [
    'gateway-errors/wrong-purpose.400',
    1,
    { ...noDuo, code: 'grant_not_for_proxy', says: /third_party_agents/ },
  ],
  [
    'gateway-errors/unsupported-model.400',
    1,
    {
      scope: 'model',
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
      retryable: false,
      says: /claude-sonnet-5: ask for one of the list, or for gitlab-duo/,
    },
  ],
  [
    'gateway-errors/bad-json.400',
    1,
    { scope: 'request', status: 400, retryable: false, says: /Invalid JSON/ },
  ],
  ['gateway-errors/no-model.400', 1, { scope: 'request', status: 400, retryable: false, says: /model name/ }],
  [
    'gateway-errors/upstream-non-json.400',
    1,
    { scope: 'request', status: 400, retryable: false, says: /not JSON/ },
  ],
  [
    'gateway-errors/path-not-allowed.404',
    1,
    { scope: 'provider', status: 502, says: /route: check gateway_url/ },
  ],
  [
    'gateway-errors/bad-gateway.502',
    1,
    { scope: 'provider', kind: 'upstream', status: 502, retryable: true, says: /Bad Gateway/ },
  ],
];

describe('a refusal of the gateway', () => {
  test.each(gatewayTable)('%s, %d times', async (name, times, { says, ...told }) => {
    simulated.proxy.quota.push(...Array.from({ length: times }, () => name));
    const failure = await failureFor();
    expect(failure).toMatchObject(told);
    expect(failure.message).toMatch(says);
    expect(simulated.proxy.refused).toHaveLength(times);
  });

  test.each(gatewayTable.filter(([, times]) => times === 2))('%s once is mended', async (name) => {
    simulated.proxy.quota.push(name);
    const response = await send(providerFor(simulated), patAccount(simulated.office.pat()));
    expect(response.status).toBe(200);
    await response.text();
  });

  test('every contract example of one has its row', () => {
    const known = Object.keys(refusals).filter((name) => name.startsWith('gateway-errors/'));
    const rows = new Set<string>(gatewayTable.map(([name]) => name));
    // A request of ours always has these headers; the last is a vendor's word.
    const apart = ['no-authorization.401', 'bad-authorization.401', 'upstream-anthropic-context.400'];
    expect(known.filter((name) => !rows.has(name)).map((name) => name.split('/')[1]!)).toEqual(apart);
  });

  test('never repeats the token that it was sent', async () => {
    simulated.proxy.replies.push({
      status: 418,
      text: '{"error":{"message":"gateway-token-00000000000000000001"}}',
    });
    const response = await send(providerFor(simulated), patAccount(simulated.office.pat()));
    expect(await response.text()).not.toContain('gateway-token-0');
  });

  test('without a word is the request’s, and says what is suspected', async () => {
    simulated.proxy.replies.push({ status: 400, text: '' });
    const failure = await failureFor();
    expect(failure).toMatchObject({ scope: 'request', status: 400 });
    expect(failure.message).toContain('many tools');
  });

  test('of the vendor to the gateway costs the account nothing', async () => {
    const words = { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } };
    simulated.proxy.replies.push({ status: 401, json: words }, { status: 401, json: words });
    expect(await failureFor()).toMatchObject({ scope: 'provider', kind: 'upstream', status: 502 });
  });
});

describe('with two accounts', () => {
  let running: Running;
  let tokens: string[];
  beforeEach(async () => {
    tokens = ['first', 'second'].map((user) => simulated.office.pat(undefined, user));
    const accounts = accountsCalled('first', 'second').map((entry, i) => ({
      ...entry,
      api_key: tokens[i]!,
      priority: i,
    }));
    running = await startGateway(simulated, { accounts });
  });
  afterEach(() => running.stop());
  const turn = () => ask(running, 'messages', { model: 'duo/claude-sonnet-5' });

  test.each([
    ['gateway-token/third-party-direct-access.not-entitled.403', 'suspended'],
    ['gateway-token/third-party-direct-access.no-default-namespace.503', 'suspended'],
    ['gateway-token/third-party-direct-access.token-creation-failed.503', 'cooling'],
    ['auth/token-revoked.401', 'suspended'],
    ['gateway-token/rate-limited.429', 'cooling'],
  ] as const)('%s of one is not felt: it is %s, and the other serves', async (name, state) => {
    simulated.mintRefusals.push(name);
    expect((await turn()).status).toBe(200);
    expect((await turn()).status).toBe(200);
    expect(simulated.mints.map(({ user }) => user)).toEqual(['first', 'second']);
    expect(running.state.health.list()).toMatchObject([{ account: 'config:duo/first', model: '', state }]);
  });

  test.each([
    ['gateway-errors/insufficient-credits.402', 'cooling'],
    ['gateway-errors/namespace-not-allowlisted.402', 'suspended'],
    ['gateway-errors/bad-gateway.502', undefined],
  ] as const)('%s at the gateway is not felt either', async (name, state) => {
    simulated.proxy.quota.push(name);
    expect((await turn()).status).toBe(200);
    const mine = running.state.health.list().find(({ account: id }) => id === 'config:duo/first');
    if (state !== undefined) expect(mine).toMatchObject({ state, model: '' });
    expect(running.records.at(-1)!.account).toBe('second');
  });

  test('a limit of a vendor, whose hint the gateway takes away, cools by itself', async () => {
    const error = { type: 'rate_limit_error', message: 'slow down' };
    simulated.proxy.replies.push({ status: 429, json: { type: 'error', error } });
    expect((await turn()).status).toBe(200);
    const [entry] = running.state.health.list();
    expect(entry).toMatchObject({ state: 'cooling' });
    expect(entry!.untilMs - Date.now()).toBeGreaterThan(5_000);
  });

  test('a request that is too long is the client’s, in the vendor’s words, and burns nothing', async () => {
    const name = 'gateway-errors/upstream-anthropic-context.400';
    simulated.proxy.replies.push({ status: 400, json: refusals[name].body });
    const response = await turn();
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(refusals[name].body);
    expect(running.state.health.list()).toEqual([]);
    expect(simulated.mints).toHaveLength(1);
  });
});

test('the only account’s trouble is told to the client, with its cure', async () => {
  const running = await startGateway(simulated, { api_key: simulated.office.pat() });
  simulated.mintRefusals.push('gateway-token/third-party-direct-access.no-default-namespace.503');
  const response = await ask(running, 'chat', { model: 'duo/claude-sonnet-5' });
  expect(response.status).toBe(403);
  expect(JSON.stringify(await response.json())).toContain('Preferences > Behavior');
  expect(response.headers.get('x-should-retry')).toBe('false');
  await running.stop();
});

test('what cures a suspended account stands on the health board, for every trouble that suspends one', async () => {
  const running = await startGateway(simulated, { api_key: simulated.office.pat() });
  const { secret } = await running.state.keys!.create({ name: 'boss', role: 'admin' });
  const headers = { authorization: `Bearer ${secret}` };
  const admin = async (path: string) =>
    ((await (await fetch(`${running.url}/admin/${path}`, { headers })).json()) as { data: unknown }).data;
  const suspending = [
    ...mintTable.filter(([, door]) => door === 'third_party_agents'),
    ...gatewayTable,
  ].filter(([, , told]) => told.code !== undefined && told.code in cures && told.kind !== 'billing');
  expect(suspending.length).toBeGreaterThan(10);
  for (const [name, where, { code }] of suspending) {
    const queue = typeof where === 'string' ? simulated.mintRefusals : simulated.proxy.quota;
    queue.push(name, name);
    const provider = running.gateway.provider('duo')!;
    const account = running.state.accounts.list()[0]!;
    const { failure } = await send(provider, { ...account, id: name }).then(
      () => ({ failure: undefined }),
      (error: { failure: Failure }) => error,
    );
    queue.length = 0;
    running.state.health.clear(account.id);
    running.state.health.failed(account.id, 'm', failure!);
    const cure = cures[code as keyof typeof cures];
    expect([name, await admin('accounts')]).toMatchObject([
      name,
      [{ health: [{ state: 'suspended', why: expect.stringContaining(cure) }] }],
    ]);
    expect(await admin('health')).toMatchObject([{ why: expect.stringContaining(cure) }]);
  }
  await running.stop();
});
