/** What a failover may and may not do, beyond single faults. */
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault } from '../../src/accounts/vault.ts';
import { accountStates } from '../../src/server/account-states.ts';
import { openState } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { requestFields } from '../../src/telemetry/request-fields.ts';
import { eventually } from '../support/eventually.ts';
import { gate, type Script } from '../support/replay.ts';
import { errorBody } from './fault-scripts.ts';
import { readReply } from './replies.ts';
import { accountsCalled, ask, askedAt, hello, surfaceNames } from './setup.ts';
import { bad, good, pass, start } from './several-accounts.ts';

describe('what is not tried again', () => {
  test('a loss that the request cannot bear', async () => {
    const { bench, upstream, state } = start({
      top: { fidelity: 'strict', routing: { strategy: 'fill-first' } },
    });
    const response = await ask(bench, 'messages', { model: 'chat/m', top_k: 3 });
    expect(response.status).toBe(400);
    expect(upstream.requests).toHaveLength(0);
    expect(state.health.list()).toEqual([]);
  });

  test('a client that has left, whatever its upstream says then', async () => {
    const { bench, upstream, records, state } = start();
    const { opened, open } = gate();
    const left = new AbortController();
    upstream.enqueue(bad('chat', 429));
    upstream.handle(async () => {
      left.abort();
      await opened;
      return bad('chat', 429);
    });
    await ask(bench, 'chat', {}, { signal: left.signal }).catch(() => {});
    await eventually(() => records.length > 0);
    open();
    await eventually(() => upstream.openCount() === 0);
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b']);
    expect(records).toMatchObject([{ outcome: 'cancelled', attempts: 2 }]);
    expect(state.health.list()).toMatchObject([{ account: 'config:chat/a' }]);
    upstream.handle(() => good('chat'));
    expect((await ask(bench, 'chat', {})).status).toBe(200);
  });
});

describe('targets of an alias', () => {
  const targets = (...names: string[]) => ({
    routing: { strategy: 'fill-first' },
    models: { m: names, mixed: ['chat/m', 'messages/m', 'responses/m', 'gemini/m'] },
  });

  test.each(surfaceNames)('differ in protocol and lane, and %s does not notice', async (surface) => {
    for (const stream of [true, false]) {
      const { bench, upstream, records } = start({ accounts: ['a'], top: targets('chat/m') });
      upstream.enqueue(bad('chat', 429), bad('messages', 429), bad('responses', 429), good('gemini'));
      const response = await ask(bench, surface, { model: 'mixed', stream });
      expect(await readReply(surface, response, stream)).toMatchObject({ status: 200, text: 'Hello world' });
      expect(response.headers.get('dragoman-provider')).toBe('gemini');
      expect(records[0]).toMatchObject({ attempts: 4, provider: 'gemini', outcome: 'ok' });
      const [chat, messages, responses, gemini] = upstream.requests;
      expect(chat!.json).toMatchObject({ model: 'm', messages: [{ role: 'user' }] });
      expect(messages!.json).toMatchObject({ model: 'm', messages: [{ role: 'user' }] });
      expect(responses!.json).toMatchObject({ model: 'm', input: expect.anything() });
      expect(gemini!.json).toMatchObject({ contents: [{ role: 'user' }] });
    }
  });

  test('each get their own name of the model, also when one is that of the alias', async () => {
    const provider = (name: string, url: string, model: string) => ({
      name,
      type: 'openai',
      base_url: `${url}/v1`,
      protocols: ['openai-chat'],
      models: [model],
      ...(name === 'last' ? { api_key: 'sk-last' } : { accounts: accountsCalled('a', 'b') }),
    });
    const { bench, upstream } = start({
      providers: (url) => [
        provider('short', url, 'x'),
        provider('long', url, 'a-much-longer-name'),
        provider('last', url, 'alias'),
      ],
      top: { models: { alias: ['short/x', 'long/a-much-longer-name', 'last/alias'] } },
    });
    for (let i = 0; i < 4; i++) upstream.enqueue(bad('chat', 429));
    upstream.enqueue(good('chat'));
    const sent = { model: 'alias', stream: true, temperature: 0.5 };
    expect((await ask(bench, 'chat', sent)).status).toBe(200);
    expect(upstream.requests.map(({ json }) => json!.model)).toEqual([
      'x',
      'x',
      'a-much-longer-name',
      'a-much-longer-name',
      'alias',
    ]);
    for (const { json } of upstream.requests)
      expect(json).toMatchObject({ temperature: 0.5, messages: [{ role: 'user', content: 'hi' }] });
  });

  test.each(['chat', 'responses'] as const)('have what they say sent to %s', async (upstreamName) => {
    const { bench, upstream } = start({
      top: {
        routing: { strategy: 'round-robin' },
        models: { fast: [{ target: `${upstreamName}/m`, effort: 'high', max_output_tokens: 100 }] },
      },
    });
    for (const surface of surfaceNames) {
      upstream.reset();
      upstream.enqueue(bad(upstreamName, 429), good(upstreamName));
      const response = await ask(bench, surface, { model: 'fast', stream: true });
      expect(await readReply(surface, response, true)).toMatchObject({ status: 200, text: 'Hello world' });
      expect(upstream.requests).toHaveLength(2);
      for (const { json } of upstream.requests) {
        const { reasoning, reasoning_effort = (reasoning as { effort?: string })?.effort } = json!;
        expect(reasoning_effort).toBe('high');
        // The Messages client has asked for less than the alias lets through.
        expect(json!.max_output_tokens ?? json!.max_completion_tokens ?? json!.max_tokens).toBe(
          surface === 'messages' ? 64 : 100,
        );
      }
      pass(15_000);
    }
  });

  test('an effort behind the model’s name is sent, by every account', async () => {
    const { bench, upstream } = start();
    upstream.enqueue(bad('responses', 429), good('responses'));
    expect((await ask(bench, 'responses', { model: 'responses/m(low)' })).status).toBe(200);
    for (const { json } of upstream.requests)
      expect(json).toMatchObject({ model: 'm', reasoning: { effort: 'low' } });
  });
});

describe('what is no turn', () => {
  test('embeddings go to another account', async () => {
    const { bench, upstream } = start();
    const vectors = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: [1] }], model: 'm' };
    upstream.enqueue(bad('chat', 429), { kind: 'body', body: vectors });
    const response = await fetch(`${bench.url}/v1/embeddings`, {
      method: 'POST',
      body: JSON.stringify({ model: 'chat/m', input: 'hi' }),
    });
    expect(await response.json()).toEqual(vectors);
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b']);
    expect(bench.records).toMatchObject([{ surface: 'embeddings', account: 'b', attempts: 2 }]);
  });

  test('counts go to another account', async () => {
    const { bench, upstream } = start();
    upstream.enqueue(bad('messages', 529), { kind: 'body', body: { input_tokens: 7 } });
    const response = await fetch(`${bench.url}/v1/messages/count_tokens`, {
      method: 'POST',
      body: JSON.stringify({ model: 'messages/m', messages: [{ role: 'user', content: 'hi' }] }),
    });
    expect(await response.json()).toEqual({ input_tokens: 7 });
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b']);
  });
});

describe('what is learnt', () => {
  test('a limit in mid reply sends the next request elsewhere', async () => {
    const { bench, upstream } = start();
    const error = errorBody('messages', 429);
    upstream.enqueue({
      kind: 'stream',
      blocks: [
        ...hello.messages.blocks.slice(0, 3),
        { text: `event: error\ndata: ${JSON.stringify(error)}`, data: JSON.stringify(error), event: 'error' },
      ],
    } as Script);
    const cut = await ask(bench, 'messages', { model: 'messages/m', stream: true });
    expect(await readReply('messages', cut, true)).toEqual({ status: 200, text: 'Hello', failed: true });
    upstream.enqueue(good('messages'));
    await ask(bench, 'messages', { model: 'messages/m' });
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b']);
  });

  test('is known after a restart, and to other processes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dragoman-'));
    const open = async () => {
      const store = await openStore(`sqlite:${join(folder, 'state.db')}`);
      return openState({ stored: { store, vault: createVault(new Uint8Array(32).fill(1)) } });
    };
    const [here, there] = [await open(), await open()];
    const other = start({ state: there });
    const first = start({ state: here });
    first.upstream.enqueue(bad('chat', 429, { 'retry-after': '60' }), good('chat'));
    await ask(first.bench, 'chat', {});
    await eventually(() => there.health.list().length > 0);
    other.upstream.enqueue(good('chat'));
    await ask(other.bench, 'chat', {});
    expect(other.upstream.requests.map(askedAt)).toEqual(['b']);
    await Promise.all([here.close(), there.close()]);

    const again = await open();
    const later = start({ state: again });
    later.upstream.enqueue(good('chat'));
    await ask(later.bench, 'chat', {});
    expect(later.upstream.requests.map(askedAt)).toEqual(['b']);
    await again.close();
    rmSync(folder, { recursive: true });
  });

  test('the states of accounts are there to be measured', async () => {
    const { bench, upstream, state } = start();
    upstream.enqueue(bad('chat', 401), bad('chat', 403, {}, 'no such model for you'), good('chat'));
    await ask(bench, 'chat', {});
    const states = accountStates(state);
    expect(states.filter(({ provider }) => provider === 'chat')).toEqual([
      { provider: 'chat', account: 'a', state: 'suspended' },
      { provider: 'chat', account: 'b', state: 'partial' },
      { provider: 'chat', account: 'c', state: 'ok' },
    ]);
  });

  test('the log follows every step', async () => {
    const { bench, upstream, records } = start();
    upstream.enqueue(bad('chat', 429), bad('chat', 500), good('chat'));
    await (await ask(bench, 'chat', { stream: true })).text();
    await eventually(() => records.length > 0);
    expect(requestFields(records[0]!)).toMatchObject({
      account: 'c',
      chosen: 'last-resort',
      attempts: 3,
      refusals: [
        'chat/a m fill-first: rate_limited 429 of the account',
        'chat/b m fill-first: upstream 500 of the provider',
      ],
    });
  });

  test('the load of an account goes when its replies end, whole or streamed', async () => {
    const { bench, upstream } = start({ top: { routing: { strategy: 'least-loaded' } } });
    upstream.handle(() => good('chat'));
    for (let i = 0; i < 6; i++) await (await ask(bench, 'chat', { stream: i % 2 === 0 })).text();
    expect(upstream.requests.map(askedAt)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });
});
