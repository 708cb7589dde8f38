import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import {
  askAndHold,
  askWhole,
  heldReply,
  providerKey,
  refusal,
  replies,
  startServed,
  type Served,
} from './setup.ts';
import { eventually } from '../support/eventually.ts';

const clientKey = 'client-key-0815-secret';
const prompt = 'The prompt nobody should read in a log';

describe('the access log', () => {
  let served: Served;
  /** What each request was, in the order of asking; its id is `turn-` and the index. */
  const asked: string[] = [];
  beforeAll(async () => {
    served = await startServed({ server: { body_bytes_max: 4096 } });
    const { upstream } = served;
    const init = (what: string): RequestInit => ({
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${clientKey}`,
        'x-api-key': clientKey,
        'x-request-id': `turn-000${asked.push(what) - 1}`,
        'user-agent': 'tester/1.0 (test)',
      },
    });
    const said = (surface: 'chat' | 'messages') => ({
      messages: [{ role: 'user', content: prompt }],
      ...(surface === 'messages' ? { max_tokens: 64 } : {}),
    });

    upstream.enqueue(replies('chat'), replies('messages'));
    await askWhole(served, 'chat', { stream: true, ...said('chat') }, init('streamed'));
    await askWhole(
      served,
      'chat',
      { model: 'messages/m', top_k: 3, seed: 1, ...said('chat') },
      init('whole'),
    );
    upstream.enqueue(refusal(429, `Slow down, ${providerKey}; Bearer other-secret-token, sk-0123456789`));
    await askWhole(served, 'messages', said('messages'), init('refused'));
    upstream.enqueue(replies('chat', { split: 'event', cutBefore: 2 }));
    await askWhole(served, 'messages', { stream: true, ...said('messages') }, init('cut'));
    const { script, hold } = heldReply();
    upstream.enqueue(script);
    (await askAndHold(served, said('chat'), init('left')))();
    await eventually(() => served.requests().length === 5);
    hold.open();
    await askWhole(served, 'chat', { model: 'gone/m', ...said('chat') }, init('unreachable'));
    await askWhole(served, 'chat', { model: 'nobody/m', ...said('chat') }, init('unknown'));
    await askWhole(served, 'chat', {}, { ...init('no JSON'), body: `{"model": ${prompt}` });
    await askWhole(served, 'chat', { padding: 'x'.repeat(5000) }, init('too large'));
    await eventually(() => served.requests().length === asked.length);
  });
  afterAll(() => served.stop());

  test('has one line for every request, whatever its end', () => {
    const rows = served
      .requests()
      .map(({ request_id, status, outcome, failure }) => [
        asked[Number(String(request_id).slice(-4))],
        status,
        outcome,
        failure,
      ]);
    expect(rows).toEqual([
      ['streamed', 200, 'ok', undefined],
      ['whole', 200, 'ok', undefined],
      ['refused', 429, 'error', 'rate_limited'],
      ['cut', 200, 'cut', 'cut'],
      ['left', 200, 'cancelled', 'cancelled'],
      ['unreachable', 502, 'error', 'unreachable'],
      ['unknown', 404, 'error', 'not_found'],
      ['no JSON', 400, 'error', 'invalid_request'],
      ['too large', 413, 'error', 'too_large'],
    ]);
  });

  test('says who served it, in which form and for how many tokens', () => {
    expect(served.requests()[0]).toMatchObject({
      level: 'info',
      surface: 'openai-chat',
      method: 'POST',
      route: '/v1/chat/completions',
      provider: 'chat',
      model: 'chat/m',
      upstream_model: 'm',
      upstream_protocol: 'openai-chat',
      lane: 'native',
      stream: true,
      stop: 'end',
      input_tokens: 5,
      output_tokens: 2,
      client: 'tester/1.0',
    });
  });

  test('says which fields could not be carried, and why a request failed', () => {
    const [, whole, refused, , , unreachable] = served.requests();
    const notes = whole!.notes as string[];
    expect(notes).toContain('seed=dropped');
    expect(whole!.notes_count).toBe(notes.length);
    expect(refused).toMatchObject({ level: 'warn', failure_code: 'slow_down' });
    // The upstream's own words may quote the request.
    expect(refused).not.toHaveProperty('error');
    expect(unreachable?.error).toBe('provider gone could not be reached: the connection was refused');
  });

  test('holds no secret and nothing of what was said', () => {
    const text = served.program.stdout() + served.program.stderr();
    for (const secret of [providerKey, clientKey, 'other-secret-token', '0123456789', 'nobody should read']) {
      expect(text.includes(secret) ? secret : '').toBe('');
    }
    expect(text).not.toContain('Hello');
  });
});

describe('lines for people', () => {
  let served: Served | undefined;
  afterEach(() => served?.stop());

  test('are written with log.format: pretty, without colour where there is no terminal', async () => {
    served = await startServed({ log: { format: 'pretty' } });
    served.upstream.enqueue(replies('chat'), refusal(429, 'slow down'));
    await askWhole(served, 'messages', { stream: true, top_k: 3 });
    await askWhole(served, 'chat', {});
    await served.program.until(/slow_down/);
    const lines = served.program.stdout().trimEnd().split('\n');
    expect(lines[0]).toBe(`listening on ${served.url}`);
    expect(lines[1]).toMatch(
      /^\d\d:\d\d:\d\d {2}200 {2}anthropic-messages {2}chat\/m {2,}[\d.]+m?s {2}first \S+ {2}5→2 tok {2}top_k=dropped/,
    );
    expect(lines[2]).toMatch(/429 {2}openai-chat {2,}chat\/m .*error rate_limited slow_down$/);
    expect(served.program.stdout()).not.toContain('\u001b');
  });

  test('are written on a terminal, in colour unless NO_COLOR is set', async () => {
    for (const env of [{}, { NO_COLOR: '1' }] as Record<string, string>[]) {
      served = await startServed({}, { terminal: true, env });
      served.upstream.enqueue(refusal(500, 'broken'));
      await askAndWait(served);
      const shown = served.program.stdout();
      expect(shown).toMatch(/openai-chat {2,}chat\/m /);
      expect(shown).not.toContain('{"time"');
      expect(shown.includes('\u001b[31m500')).toBe(!('NO_COLOR' in env));
      await served.stop();
    }
    served = undefined;
  });

  async function askAndWait(gateway: Served): Promise<void> {
    await askWhole(gateway, 'chat', {});
    await gateway.program.until(/error upstream/);
  }
});

test('a client that leaves early is no failure of the gateway', async () => {
  const served = await startServed();
  const { script, hold } = heldReply();
  served.upstream.enqueue(script);
  (await askAndHold(served, {}))();
  await eventually(() => served.requests().length === 1);
  expect(served.requests()[0]).toMatchObject({ level: 'info', outcome: 'cancelled' });
  hold.open();
  await served.stop();
});
