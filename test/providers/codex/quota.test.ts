/** What the backend says of quotas: what becomes of it, and where a person sees it. */
import { describe, expect, setSystemTime } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/cli/program.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { classify } from '../../../src/providers/codex/failure.ts';
import { exhaustedUntilMs, readQuota, readQuotas, readUsage } from '../../../src/providers/codex/quota.ts';
import { accountStates } from '../../../src/server/account-states.ts';
import { turnMetrics } from '../../../src/telemetry/metrics.ts';
import { testHost } from '../../support/host.ts';
import { failure, quotaHeaders } from './backend/backend.ts';
import { replies, sse } from './backend/replies.ts';
import { accountId } from './backend/tokens.ts';
import { events, post, startBench, test } from './setup.ts';

const other = '22222222-2222-4333-8444-555555555555';

describe('what is said of a quota', () => {
  const nowMs = 1_795_000_000_000;
  const headers = new Headers({
    'x-codex-primary-used-percent': '100',
    'x-codex-primary-window-minutes': '300',
    'x-codex-primary-reset-after-seconds': '60',
    'x-codex-secondary-used-percent': '40.5',
    'x-codex-secondary-reset-at': '1795300000',
    'x-codex-secondary-reset-after-seconds': '1',
    'x-codex-credits-has-credits': 'true',
    'x-codex-credits-unlimited': 'false',
    'x-codex-credits-balance': '',
  });

  test('is read from the headers; a time goes before a span, and blank is not zero', () => {
    expect(readQuota(headers, nowMs)).toEqual({
      windows: [
        { name: 'primary', usedRatio: 1, lengthMs: 5 * 3_600_000, resetsMs: nowMs + 60_000 },
        { name: 'secondary', usedRatio: 0.405, lengthMs: undefined, resetsMs: 1_795_300_000_000 },
      ],
      plan: undefined,
      credits: { unlimited: false, balance: undefined },
      seenMs: nowMs,
    });
    expect(readQuota(new Headers({ 'x-codex-primary-used-percent': '' }), nowMs)).toBeUndefined();
  });

  test('is read of every family of limits', () => {
    const more = new Headers([...headers, ['x-codex-bengalfox-primary-used-percent', '7']]);
    expect(readQuotas(more, nowMs)!.windows.map(({ name, usedRatio }) => [name, usedRatio])).toEqual([
      ['primary', 1],
      ['secondary', 0.405],
      ['bengalfox primary', 0.07],
    ]);
    expect(readQuotas(new Headers(), nowMs)).toBeUndefined();
  });

  test('is read from the page where nobody asks a model', () => {
    const window = { used_percent: 12, limit_window_seconds: 18_000, reset_after_seconds: 60 };
    const credits = { has_credits: true, unlimited: false, balance: '12.5' };
    const usage = { plan_type: 'pro', rate_limit: { allowed: true, primary_window: window }, credits };
    expect(readUsage(usage, nowMs)).toEqual({
      windows: [{ name: 'primary', usedRatio: 0.12, lengthMs: 5 * 3_600_000, resetsMs: nowMs + 60_000 }],
      plan: 'pro',
      credits: { unlimited: false, balance: '12.5' },
      seenMs: nowMs,
    });
    expect(readUsage([], nowMs)).toBeUndefined();
  });

  test('of which only what is used up keeps an account waiting', () => {
    expect(exhaustedUntilMs(readQuota(headers, nowMs))).toBe(nowMs + 60_000);
  });

  const failed = (status: number, error: unknown, more: Record<string, string> = {}) => {
    const head = new Headers(more);
    const text = typeof error === 'string' ? error : JSON.stringify({ error });
    const response = { status, headers: head, text };
    return classify(openaiResponses.decodeFailure(response), { status, headers: head }, nowMs);
  };

  test('of another family counts where the refusal names it', () => {
    const failure = failed(
      429,
      { type: 'usage_limit_reached', message: 'used up' },
      {
        'x-codex-active-limit': 'codex_bengalfox',
        'x-codex-bengalfox-primary-used-percent': '100',
        'x-codex-bengalfox-primary-reset-after-seconds': '5',
        'x-codex-primary-used-percent': '3',
      },
    );
    expect(failure).toMatchObject({ scope: 'account', retryAfterMs: 5_000 });
  });

  test('of the usual family tells the end where the refusal names no time', () => {
    const used = {
      'x-codex-primary-used-percent': '100',
      'x-codex-primary-reset-after-seconds': '60',
      'x-codex-secondary-used-percent': '100',
      'x-codex-secondary-reset-after-seconds': '90',
    };
    const named = { 'x-codex-active-limit': 'codex_other', ...used };
    for (const head of [used, named])
      expect(failed(429, { type: 'usage_limit_reached', message: 'used up' }, head)).toMatchObject({
        retryAfterMs: 90_000,
      });
  });

  test('a session that is over asks for a new login; a plain limit keeps its own time', () => {
    expect(failed(401, { code: 'token_invalidated', message: 'over' })).toMatchObject({
      code: 'login_needed',
    });
    expect(failed(429, { message: 'slow' }, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 });
  });

  test('a model that the plan lacks is the model’s failure, a challenge for browsers the network’s', () => {
    const unsupported = JSON.stringify({ detail: 'The model is not supported when using Codex.' });
    expect(failed(400, unsupported)).toMatchObject({ scope: 'model', status: 404, code: 'model_not_found' });
    expect(failed(403, '<html>', { 'content-type': 'text/html' })).toMatchObject({ scope: 'provider' });
  });

  test('a bad request stays the caller’s', () => {
    expect(failed(400, { code: 'invalid_value', message: 'no' })).toMatchObject({
      scope: 'request',
      status: 400,
    });
  });
});

describe('an account', () => {
  const quotaIn = (bench: Awaited<ReturnType<typeof startBench>>) => {
    const [account] = bench.state.accounts.list();
    return bench.state.quotas.of(account!.id);
  };

  test('is known with its quota after a turn, and after a refusal', async () => {
    await using bench = await startBench();
    expect(quotaIn(bench)).toBeUndefined();
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(quotaIn(bench)).toMatchObject({
      plan: 'plus',
      windows: [
        { name: 'primary', usedRatio: 0.12, lengthMs: 5 * 3_600_000 },
        { name: 'secondary', usedRatio: 0.34, lengthMs: 7 * 24 * 3_600_000 },
      ],
    });
    bench.backend.answers.push(
      failure(429, { type: 'usage_limit_reached', message: 'no' }, quotaHeaders(100)),
    );
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(quotaIn(bench)!.windows[0]).toMatchObject({ usedRatio: 1 });
  });

  test('is known with its quota over a socket too, where an event says it', async () => {
    await using bench = await startBench({ provider: { transport: 'websocket' } });
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect([response.status, response.headers.get('dragoman-transport')]).toEqual([200, 'websocket']);
    expect(quotaIn(bench)!.windows[0]).toMatchObject({ name: 'primary', usedRatio: expect.any(Number) });
  });

  test('is measured by its windows, of which those that are whole again are left out', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    const metrics = turnMetrics({ version: 'test' });
    metrics.accounts(() => accountStates(bench.state));
    const lines = () => metrics.write().match(/^dragoman_account_quota_used_ratio\{.*$/gm) ?? [];
    const own = 'provider="codex",account="account-0"';
    expect(lines()).toEqual([
      `dragoman_account_quota_used_ratio{${own},window="primary"} 0.12`,
      `dragoman_account_quota_used_ratio{${own},window="secondary"} 0.34`,
    ]);
    expect(metrics.write()).toMatch(/dragoman_account_quota_reset_timestamp_seconds\{[^}]*\} \d{10}/);
    try {
      setSystemTime(Date.now() + 3_600_000);
      expect(lines()).toHaveLength(1);
    } finally {
      setSystemTime();
    }
  });

  test('is told of with its quota by administration, which can have it asked anew', async () => {
    await using bench = await startBench({ accounts: [accountId, other] });
    const { secret: key } = await bench.state.keys!.create({ name: 'boss', role: 'admin' });
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const admin = async (path: string, method = 'GET') => {
      const response = await fetch(`${bench.url}/admin${path}`, {
        method,
        headers,
        ...(method === 'POST' && { body: '{}' }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const [account] = bench.state.accounts.list();
    const { status, body } = await admin(`/accounts/${account!.id}/quota`, 'POST');
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({
        quota: {
          seen: expect.any(String),
          plan: 'plus',
          credits: null,
          windows: [expect.objectContaining({ name: 'primary', used_percent: 5, minutes: 300 })],
        },
      }),
    ]);
    const list = (await admin('/accounts')).body.data as { quota: unknown }[];
    expect(list.map(({ quota }) => quota === null)).toEqual([false, true]);
    expect(bench.backend.asked).toEqual([]);
    bench.backend.tokens.clear();
    expect(await admin(`/accounts/${account!.id}/quota`, 'POST')).toMatchObject({ status: 422 });
  });
});

test('`dragoman accounts` shows it, and asks for it', async () => {
  await using bench = await startBench();
  const home = mkdtempSync(join(tmpdir(), 'dragoman-accounts-'));
  try {
    const [token] = [...bench.backend.tokens.keys()];
    mkdirSync(join(home, '.codex'));
    writeFileSync(join(home, '.codex/auth.json'), JSON.stringify({ tokens: { access_token: token } }));
    const entry = {
      name: 'codex',
      type: 'codex',
      base_url: `${bench.backend.url}/backend-api/codex`,
      auth_url: bench.backend.url,
    };
    writeFileSync(join(home, 'dragoman.yaml'), JSON.stringify({ providers: [entry] }));
    const dragoman = async (...args: string[]) => {
      const host = testHost({ env: { HOME: home, DRAGOMAN_HOME: join(home, 'state') }, cwd: home });
      return { status: await run(args, host), ...host.told };
    };
    // The file is found where the official client keeps it, in a container too.
    expect(await dragoman('login', 'codex', '--import', '--name', 'me')).toMatchObject({ status: 0 });
    expect((await dragoman('accounts')).stdout).toMatch(
      /^PROVIDER +NAME +KIND +STATE\ncodex +me +login +ok\n$/,
    );
    const asked = await dragoman('accounts', '--ask');
    expect(asked.stdout).toMatch(/ QUOTA\ncodex +me +login +ok +plus: primary \(5h\) 5%, whole at 20\d\d-/);
    const [told] = JSON.parse((await dragoman('accounts', '--json')).stdout) as [{ quota: unknown }];
    expect(told.quota).toMatchObject({ plan: 'plus', windows: [{ name: 'primary', used_percent: 5 }] });
    bench.backend.tokens.clear();
    expect((await dragoman('accounts', '--ask')).stderr).toContain('could not ask for the quota of me');
    rmSync(join(home, '.codex'), { recursive: true });
    const missing = await dragoman('login', 'codex', '--import');
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('auth.json: no such file')]);
  } finally {
    rmSync(home, { recursive: true });
  }
});

describe('a stream that began well', () => {
  const begun = (error: Record<string, unknown>, event: 'response.failed' | 'error'): string => {
    const whole = replies.text().split('\n\n').slice(0, 4).join('\n\n');
    const last =
      event === 'error'
        ? { type: 'error', error }
        : {
            type: event,
            response: { id: 'resp_1', object: 'response', status: 'failed', output: [], error },
          };
    return `${whole}\n\n${sse([last])}`;
  };
  const at = () => Math.floor(Date.now() / 1000) + 120;

  test.each(['response.failed', 'error'] as const)(
    'and then says by %s that the quota is used up cools the account until its reset',
    async (event) => {
      for (const stream of [true, false]) {
        await using bench = await startBench();
        const error = { type: 'usage_limit_reached', code: 'usage_limit_reached', message: 'used up' };
        bench.backend.answers.push(begun({ ...error, resets_at: at() }, event));
        const response = await post(bench, '/v1/responses', { input: 'hi', stream });
        if (stream) expect((await events(response)).at(-1)!.type).toBe(event);
        else expect(response.status).toBe(429);
        const [entry] = bench.state.health.list();
        expect(entry).toMatchObject({ state: 'cooling', model: '' });
        expect(entry!.untilMs - Date.now()).toBeWithin(100_000, 122_000);
        expect(bench.records[0]).toMatchObject({
          outcome: 'error',
          failure: { code: 'usage_limit_reached' },
        });
      }
    },
  );

  test('and then says that the session is over is told so on the account’s line', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(begun({ code: 'token_invalidated', message: 'over' }, 'response.failed'));
    const response = await post(bench, '/v1/chat/completions', {
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    });
    expect(await response.text()).toContain('over');
    expect(bench.records[0]!.failure).toMatchObject({ code: 'login_needed' });
  });

  test('and then says that the model is not offered leaves the account in service', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(
      begun({ code: 'model_not_found', message: 'no such model' }, 'response.failed'),
    );
    await (await post(bench, '/v1/responses', { input: 'hi', stream: true })).text();
    expect(bench.state.health.list()).toMatchObject([{ state: 'cooling', model: 'gpt-5.5' }]);
  });

  test('and is only incomplete is no failure', async () => {
    await using bench = await startBench();
    const end = {
      type: 'response.incomplete',
      response: {
        id: 'resp_1',
        object: 'response',
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        output: [],
      },
    };
    bench.backend.answers.push(replies.text().replace(/event: response\.completed[\s\S]*$/, sse([end])));
    const response = await post(bench, '/v1/chat/completions', {
      messages: [{ role: 'user', content: 'hi' }],
    });
    const body = (await response.json()) as { choices: { finish_reason: string }[] };
    expect([response.status, body.choices[0]!.finish_reason]).toEqual([200, 'length']);
    expect(bench.state.health.list()).toEqual([]);
  });
});

test('a limit of a week is looked at again early', async () => {
  await using bench = await startBench({ accounts: [accountId, other] });
  const served = () => bench.backend.asked.map(({ account }) => account);
  const resets_at = Math.floor(Date.now() / 1000) + 7 * 24 * 3600;
  bench.backend.answers.push(failure(429, { type: 'usage_limit_reached', message: 'used up', resets_at }));
  for (const text of ['one', 'two']) await post(bench, '/v1/responses', { input: text });
  expect(served()).toEqual([accountId, other, other]);
  try {
    setSystemTime(Date.now() + 11 * 60_000);
    expect((await post(bench, '/v1/responses', { input: 'three' })).status).toBe(200);
    expect(served().at(-1)).toBe(accountId);
    expect(bench.state.health.list()).toEqual([]);
  } finally {
    setSystemTime();
  }
});
