/** What a client is told when no account serves it. */
import { describe, expect, test } from 'bun:test';
import { accountsCalled, ask, askedAt } from './setup.ts';
import { bad, good, pass, start } from './several-accounts.ts';

describe('when nobody serves', () => {
  test('each account is asked once, and the client is told the soonest time of all', async () => {
    const { bench, upstream, records } = start();
    for (const seconds of ['40', '9', '600'])
      upstream.enqueue(bad('chat', 429, { 'retry-after': seconds, 'retry-after-ms': `${seconds}000` }));
    const response = await ask(bench, 'chat', {});
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b', 'c']);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('9');
    expect(response.headers.get('retry-after-ms')).toBeNull();
    expect(records[0]).toMatchObject({ attempts: 3, outcome: 'error', status: 429 });
    expect(records[0]!.refusals).toHaveLength(3);
  });

  test('while all of them cool nobody is asked, and the answer says when to come back', async () => {
    const { bench, upstream, records } = start();
    upstream.enqueue(bad('chat', 429), bad('chat', 429), bad('chat', 429));
    await ask(bench, 'chat', {});
    const response = await ask(bench, 'messages', { model: 'chat/m' });
    expect(upstream.requests).toHaveLength(3);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('15');
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
    expect(records[1]).toMatchObject({ status: 429, failure: { code: 'no_account_available' } });
    pass(15_000);
    upstream.enqueue(good('chat'));
    expect((await ask(bench, 'chat', {})).status).toBe(200);
  });

  test('a wait that is long is no reason to wait', async () => {
    const { bench, upstream } = start({ accounts: ['a', 'b'] });
    upstream.enqueue(bad('chat', 429, { 'retry-after': '3600' }), bad('chat', 402));
    await ask(bench, 'chat', {});
    const response = await ask(bench, 'chat', {});
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  test('a limit is told before a purse, and a purse before a key', async () => {
    const { bench, upstream } = start();
    upstream.enqueue(bad('chat', 401), bad('chat', 429, { 'retry-after': '5' }), bad('chat', 402));
    expect((await ask(bench, 'chat', {})).status).toBe(429);
    const two = start({ accounts: ['a', 'b'] });
    two.upstream.enqueue(bad('chat', 401), bad('chat', 402));
    expect((await ask(two.bench, 'chat', {})).status).toBe(402);
  });

  test('a model that nobody has stays a 404, and takes nothing from the others', async () => {
    const { bench, upstream, state } = start({
      providers: (url) => [
        { name: 'open', type: 'openai', base_url: `${url}/v1`, accounts: accountsCalled('a', 'b') },
      ],
    });
    const missing = bad('responses', 404, {}, 'The model `typo` does not exist');
    upstream.enqueue(missing, missing, good('responses'));
    for (let i = 0; i < 3; i++) {
      const response = await ask(bench, 'responses', { model: 'open/typo' });
      expect(response.status).toBe(404);
      expect(response.headers.get('x-should-retry')).toBe('false');
    }
    expect(upstream.requests).toHaveLength(2);
    expect((await ask(bench, 'responses', { model: 'open/real' })).status).toBe(200);
    expect(state.health.list().map(({ model }) => model)).toEqual(['typo', 'typo']);
  });

  test('a request that breaks its upstream costs two tries and shuts out nobody', async () => {
    const { bench, upstream, state } = start();
    upstream.handle((request) => (request.text.includes('poison') ? bad('chat', 500) : good('chat')));
    const poison = { messages: [{ role: 'user', content: 'poison' }] };
    for (let i = 0; i < 5; i++) expect((await ask(bench, 'chat', poison)).status).toBe(500);
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b', 'a', 'a', 'a', 'a']);
    expect(state.health.list().map(({ account }) => account)).toEqual(['@chat']);
    expect((await ask(bench, 'chat', {})).status).toBe(200);
    expect(state.health.list()).toEqual([]);
  });
});
