/** What one gateway learns of an account or is told of a key, the others on its store know; and a store moves. */
import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { jsonLines, startProgram } from '../support/program.ts';
import { storeEngines } from '../support/engines.ts';
import { hasPostgres } from '../support/postgres.ts';
import { command, openShared, secret, startShared, status, type Running } from './setup.ts';
import { startVendor } from './vendor.ts';

const { engines, dir, database } = storeEngines({ sqlite: 'one SQLite file', postgres: 'one PostgreSQL' });

const completion = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
};

/** A vendor that has enough of its first key. */
function startLimited() {
  const asked = { first: 0, second: 0 };
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      if (request.headers.get('authorization') === 'Bearer key-the-second') {
        asked.second++;
        return Response.json(completion);
      }
      asked.first++;
      return Response.json(
        { error: { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' } },
        { status: 429, headers: { 'retry-after': '120' } },
      );
    },
  });
  const provider = {
    name: 'p',
    type: 'openai',
    base_url: `${server.url.origin}/v1`,
    accounts: [
      { name: 'one', api_key: 'key-the-first' },
      { name: 'two', api_key: 'key-the-second', priority: 1 },
    ],
    protocols: ['openai-chat'],
    models: ['m'],
  };
  return { asked, provider, stop: () => server.stop(true) };
}

async function within(ms: number, holds: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > ms) throw new Error(`it did not happen within ${ms} ms`);
    await Bun.sleep(20);
  }
  return performance.now() - startMs;
}

describe.concurrent.each(engines)('gateways on %s', (_engine, address) => {
  test('a cooldown that one has learnt is kept by the other, and by one that starts later', async () => {
    const at = await address();
    const vendor = startLimited();
    const extra = { routing: { strategy: 'fill-first' } };
    const running: Running[] = [];
    const start = async () => {
      const gateway = await startShared(at, [vendor.provider], extra);
      running.push(gateway);
      return gateway;
    };
    try {
      const [one, other] = await Promise.all([start(), start()]);
      expect(await status(one, 'p/m')).toBe(200);
      expect(vendor.asked).toEqual({ first: 1, second: 1 });
      const { store } = await openShared(at);
      await eventually(async () => (await store.all('SELECT account FROM account_health')).length > 0);
      await store.close();
      // A file is looked at twice a second.
      await Bun.sleep(1_500);
      expect(await Promise.all([1, 2, 3].map(() => status(other, 'p/m')))).toEqual([200, 200, 200]);
      expect(await status(await start(), 'p/m')).toBe(200);
      // The second serves all; the first was asked that one time.
      expect(vendor.asked).toEqual({ first: 1, second: 5 });
    } finally {
      await Promise.all(running.map((gateway) => gateway.remove()));
      await vendor.stop();
    }
  }, 60_000);

  test('a key is known to all soon after it was made, and refused by all soon after it was taken back', async () => {
    const at = await address();
    const providers = [{ name: 'demo', type: 'demo' }];
    const both = await Promise.all([startShared(at, providers), startShared(at, providers)]);
    try {
      const statuses = (headers: Record<string, string> = {}) =>
        Promise.all(both.map((gateway) => status(gateway, 'demo/echo', headers)));
      expect(await statuses()).toEqual([200, 200]);
      const key = await command(at, 'keys', 'create', 'laptop');
      const authorization = `Bearer ${key}`;
      await within(20_000, async () => (await statuses()).every((each) => each === 401));
      expect(await statuses({ authorization })).toEqual([200, 200]);
      await command(at, 'keys', 'revoke', 'laptop');
      await within(20_000, async () => (await statuses({ authorization })).every((each) => each === 401));
      const lines = both.flatMap((gateway) => jsonLines(gateway.stdout()));
      expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
    } finally {
      await Promise.all(both.map((gateway) => gateway.remove()));
    }
  }, 60_000);
});

describe.if(hasPostgres)('a gateway', () => {
  test.concurrent(
    'moves from a file to PostgreSQL with its logins, keys and usage; secrets stay sealed on the way',
    async () => {
      const vendor = startVendor();
      const providers = [{ name: 'p', type: 'rotating', base_url: vendor.url }];
      const from = `sqlite:${join(dir, 'from.db')}`;
      const to = await database();
      const run = async (store: string, args: string[], env = { DRAGOMAN_SECRET: secret }) => {
        const program = startProgram({ args, config: { store }, env });
        const result = { status: await program.ended, stdout: program.stdout(), stderr: program.stderr() };
        await program.remove();
        return result;
      };
      const usage = async (store: string) =>
        JSON.parse(await command(store, 'usage', '--json', '--by', 'key')) as object[];

      const { store, accounts } = await openShared(from);
      const login = { provider: 'p', name: 'me', kind: 'oauth' as const, secret: vendor.first };
      await accounts.put({ ...login, expiresMs: Date.now() + 3_600_000, profile: { plan: 'plus' } });
      await store.close();
      const key = (
        await run(from, ['keys', 'create', 'laptop', '--budget', '100000tokens/day'])
      ).stdout.trim();
      const authorization = `Bearer ${key}`;
      const before = await startShared(from, providers);
      for (let i = 0; i < 3; i++) expect(await status(before, 'p/m', { authorization })).toBe(200);
      before.signal('SIGTERM');
      expect(await before.ended).toBe(0);
      await before.remove();

      const backup = (await run(from, ['export'])).stdout;
      for (const text of [vendor.first.token, vendor.first.refreshToken, key, key.slice(-32), secret])
        expect(backup).not.toContain(text);
      const file = join(dir, 'backup.jsonl');
      writeFileSync(file, backup);

      const imported = await run(to, ['import', file]);
      expect(imported).toEqual({ status: 0, stdout: 'imported 1 accounts and 1 keys\n', stderr: '' });
      const again = await run(to, ['import', file]);
      expect(again.status).toBe(1);
      expect(again.stderr).toContain('already holds accounts, keys or usage');
      expect(await usage(to)).toEqual(await usage(from));
      expect(await usage(to)).toMatchObject([
        { by: 'laptop', requests: 3, tokensFresh: 15, tokensOutput: 6 },
      ]);

      const after = await startShared(to, providers);
      expect(await status(after, 'p/m')).toBe(401);
      expect(await status(after, 'p/m', { authorization })).toBe(200);
      vendor.revoke();
      // The refresh token has come along.
      await Bun.sleep(1_000);
      expect(await status(after, 'p/m', { authorization })).toBe(200);
      expect([vendor.rotations, vendor.reused]).toEqual([1, 0]);
      await after.remove();

      const stranger = await run(to, ['accounts'], { DRAGOMAN_SECRET: 'other words' });
      expect(stranger.status).toBe(1);
      expect(stranger.stderr).toContain('sealed with another key');
      await vendor.stop();
    },
    60_000,
  );
});
