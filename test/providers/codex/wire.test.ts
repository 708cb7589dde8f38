/** What goes over the wire beside the words of a turn: how it is packed, and what the network before the backend sets. */
import { describe, expect, test } from 'bun:test';
import { builtIn } from '../../../src/providers/codex/client-identity.ts';
import { createCookies } from '../../../src/providers/codex/cookies.ts';
import { failure, quotaHeaders } from './backend/backend.ts';
import { accountId } from './backend/tokens.ts';
import { post, says, startBench } from './setup.ts';

const other = '22222222-2222-4333-8444-555555555555';

describe('a body', () => {
  test('goes up in zstd, as the official client sends it, and arrives whole', async () => {
    await using bench = await startBench();
    const text = 'all of a conversation '.repeat(10_000);
    expect((await post(bench, '/v1/responses', { input: [says(text)] })).status).toBe(200);
    const [{ headers, body }] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
    expect(headers.get('content-encoding')).toBe('zstd');
    expect(Number(headers.get('content-length'))).toBeWithin(100, 10_000);
    expect(JSON.stringify(body.input)).toContain(text);
  });

  test('goes up as it is where the configuration says so, and at the route for compactions', async () => {
    await using bench = await startBench({ provider: { compression: 'none' } });
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.asked[0]!.headers.get('content-encoding')).toBeNull();
    await using usual = await startBench();
    await post(usual, '/v1/responses/compact', { input: [says('hi')] });
    expect(usual.backend.asked[0]!.headers.get('content-encoding')).toBeNull();
    expect([...bench.backend.faults, ...usual.backend.faults]).toEqual([]);
  });
});

describe('what the gateway says it takes', () => {
  test.each(['http', 'websocket'])(
    'is what the official client says, and settable (%s)',
    async (transport) => {
      for (const [identity, expected] of [
        [{}, builtIn.betaFeatures],
        [{ beta_features: 'a,b' }, 'a,b'],
        [{ beta_features: '' }, null],
      ] as const) {
        await using bench = await startBench({ provider: { transport, identity } });
        const response = await post(
          bench,
          '/v1/responses',
          { input: 'hi' },
          { 'x-codex-beta-features': 'x' },
        );
        expect([response.status, bench.backend.faults]).toEqual([200, []]);
        expect(bench.backend.asked[0]!.headers.get('x-codex-beta-features')).toBe(expected);
      }
    },
  );
});

describe('cookies', () => {
  test('of the network go back with the account’s next requests, others do not', async () => {
    await using bench = await startBench({ accounts: [accountId, other] });
    const { backend } = bench;
    backend.setsCookies.push('__cf_bm=one-1; path=/; HttpOnly', '__cflb=two', 'session=secret', 'oai=x');
    const cookies = async () => {
      const response = await post(bench, '/v1/responses', { input: 'hi' }, { cookie: 'mine=1' });
      expect([response.status, response.headers.getSetCookie()]).toEqual([200, []]);
      return backend.asked.at(-1)!.headers.get('cookie');
    };
    expect([await cookies(), await cookies()]).toEqual([null, '__cf_bm=one-1; __cflb=two']);
    backend.answers.push(failure(429, { type: 'usage_limit_reached', message: 'no' }, quotaHeaders(100)));
    expect(await cookies()).toBeNull();
    expect(backend.asked.at(-1)!.account).toBe(other);
    expect(backend.faults).toEqual([]);
  });

  test('are forgotten when they end', () => {
    let nowMs = Date.UTC(2026, 10, 21);
    const jar = createCookies(() => nowMs);
    jar.keep('a', [
      '__cf_bm=x; path=/; Max-Age=1000; Expires=Thu, 01 Jan 1970 00:00:01 GMT',
      '_cfuvid=y; HttpOnly',
      'cf_clearance=z; Expires=Thu, 01 Jan 1970 00:00:01 GMT',
      '__cflb=w; expires=Sun, 22-Nov-26 00:00:00 GMT; Secure',
    ]);
    expect(jar.of('a')).toBe('__cf_bm=x; _cfuvid=y; __cflb=w');
    nowMs += 1_000_000;
    expect(jar.of('a')).toBe('_cfuvid=y; __cflb=w');
    jar.keep('a', ['_cfuvid=; Max-Age=0', '__cflb=bad value', '__cflb=bad"value']);
    expect([jar.of('a'), jar.of('b')]).toEqual(['__cflb=w', undefined]);
    nowMs += 24 * 3_600_000;
    expect(jar.of('a')).toBeUndefined();
  });
});
