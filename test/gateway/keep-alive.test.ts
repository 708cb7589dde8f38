import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { createVault } from '../../src/accounts/vault.ts';
import { openState } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { eventually } from '../support/eventually.ts';
import { gate, type Gate, type Script } from '../support/replay.ts';
import { ask, hello, startBench, surfaceNames, type BenchOptions, type SurfaceName } from './setup.ts';

/** Short enough for a test; an upstream that nobody answers for is begun without after four of them. */
const keepAliveMs = 40;
const bench = startBench({ server: { keep_alive_ms: keepAliveMs } });
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

const forms: Record<SurfaceName, RegExp | undefined> = {
  chat: /: keep-alive\n\n/g,
  responses: /: keep-alive\n\n/g,
  messages: /event: ping\ndata: \{"type":"ping"\}\n\n/g,
  gemini: undefined,
};

const endForm: Record<SurfaceName, RegExp> = {
  chat: /data: \[DONE\]\n\n$/,
  messages: /event: message_stop\ndata: .*\n\n$/,
  responses: /event: response\.completed\ndata: .*\n\n$/,
  gemini: /"finishReason":"STOP"/,
};

/** Answers with the first event, and the rest when the gate opens. */
function halting(upstream: SurfaceName, before: number): { script: Script; open(): void } {
  const hold = gate();
  const { blocks } = hello[upstream];
  return {
    script: { kind: 'stream', blocks, delivery: { split: 'event', hold: { before, gate: hold } } },
    open: () => hold.open(),
  };
}

const cells = surfaceNames.flatMap((surface) => surfaceNames.map((upstream) => [surface, upstream] as const));

describe.each(cells)('%s client, %s upstream', (surface, upstream) => {
  const model = `${upstream}/m`;
  const form = forms[surface];

  test('a gap in mid reply is filled with whole frames, and the reply is otherwise the same', async () => {
    const { blocks, textAt } = hello[upstream];
    bench.upstream.enqueue({ kind: 'stream', blocks });
    const plain = await (await ask(bench, surface, { model, stream: true })).text();
    const { script, open } = halting(upstream, textAt[1]!);
    bench.upstream.enqueue(script);
    const asked = await ask(bench, surface, { model, stream: true });
    const isWaitedFor = (text: string): boolean => form !== undefined && (text.match(form)?.length ?? 0) >= 2;
    if (form === undefined) setTimeout(open, keepAliveMs * 6);
    let text = '';
    for await (const chunk of asked.body!) {
      text += new TextDecoder().decode(chunk);
      if (isWaitedFor(text)) open();
    }
    const found = form === undefined ? [] : [...text.matchAll(form)];
    if (form === undefined) expect(text).not.toMatch(/^:|ping|keep/m);
    else expect(found.length).toBeGreaterThanOrEqual(2);
    const rest = form === undefined ? text : text.replace(form, '');
    expect(stable(rest)).toBe(stable(form === undefined ? plain : plain.replace(form, '')));
    expect(rest).toMatch(endForm[surface]);
  });
});

/** Without ids and dates that differ from one reply to the next, and without what an upstream sends after its end. */
const stable = (text: string): string =>
  text
    .replace(/(?<=data: \[DONE\]\n\n)data: \[DONE\]\n\n/, '')
    .replace(/"(?:id|item_id|responseId|call_id)":"[^"]*"/g, '""')
    .replace(/"(?:created|created_at|completed_at)":[\d.]+/g, '""')
    .replace(/req_[\w-]+/g, '');

test('the head of a reply leaves with the first keep-alive, though its upstream has sent no more than a head', async () => {
  const says = gate();
  const { blocks } = hello.messages;
  const upstream = createServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    await says.opened;
    response.end(blocks.map(({ text }) => `${text}\n\n`).join(''));
  });
  await new Promise<void>((listening) => upstream.listen(0, '127.0.0.1', listening));
  const { port } = upstream.address() as AddressInfo;
  const quiet = startBench({
    server: { keep_alive_ms: keepAliveMs },
    providers: [
      {
        name: 'quiet',
        type: 'anthropic',
        base_url: `http://127.0.0.1:${port}`,
        api_key: 'sk-quiet',
        models: ['m'],
      },
    ],
  });
  try {
    const response = await ask(quiet, 'messages', { model: 'quiet/m', stream: true });
    expect(response.headers.get('dragoman-provider')).toBe('quiet');
    says.open();
    const text = await response.text();
    expect(text).toMatch(/^event: ping\n/);
    expect(text).toMatch(endForm.messages);
  } finally {
    await quiet.stop();
    upstream.close();
  }
});

describe('an upstream that does not answer at all', () => {
  const answerAfter = (ms: number, script: Script): void =>
    bench.upstream.handle(async () => {
      await Bun.sleep(ms);
      return script;
    });
  const slowMs = keepAliveMs * 12;
  const answerWhenOpen = (script: Script): Gate => {
    const answer = gate();
    bench.upstream.handle(async () => {
      await answer.opened;
      return script;
    });
    return answer;
  };

  test.each(['chat', 'responses', 'messages'] as const)(
    'a %s client is told to wait, and then gets its reply',
    async (surface) => {
      const answer = answerWhenOpen({ kind: 'stream', blocks: hello[surface].blocks });
      const response = await ask(bench, surface, { model: `${surface}/m`, stream: true });
      answer.open();
      expect(response.status).toBe(200);
      expect(response.headers.get('x-request-id')).toBeString();
      const text = await response.text();
      expect(text).toMatch(endForm[surface]);
      expect(text).toContain('Hello');
      expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', status: 200, provider: surface });
    },
  );

  test.each([
    ['chat', /data: \{"error":/],
    ['responses', /event: response\.failed\n/],
    ['messages', /event: error\ndata: .*"overloaded_error"/],
  ] as const)('a refusal is told in the stream of a %s client, and recorded', async (surface, failed) => {
    const body = {
      type: 'error',
      error: { type: 'overloaded_error', message: 'too busy', code: 'overloaded' },
    };
    const answer = answerWhenOpen({ kind: 'body', status: 529, body });
    const response = await ask(bench, surface, { model: `${surface}/m`, stream: true });
    answer.open();
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toMatch(failed);
    expect(text).toContain('too busy');
    expect(text).not.toMatch(endForm[surface]);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'error', status: 200 });
  });

  test('a reply that is no stream waits for its status', async () => {
    answerAfter(slowMs, { kind: 'body', status: 529, body: { error: { message: 'too busy' } } });
    const response = await ask(bench, 'chat', { model: 'chat/m' });
    expect(response.status).toBe(529);
  });

  test('a Gemini client waits for its status', async () => {
    answerAfter(slowMs, { kind: 'body', status: 503, body: { error: { code: 503, message: 'too busy' } } });
    const response = await ask(bench, 'gemini', { model: 'gemini/m', stream: true });
    expect(response.status).toBe(503);
  });

  test('a client that leaves meanwhile is recorded as gone', async () => {
    answerWhenOpen({ kind: 'stream', blocks: hello.chat.blocks });
    const leave = new AbortController();
    const response = await ask(bench, 'chat', { model: 'chat/m', stream: true }, { signal: leave.signal });
    const before = bench.records.length;
    leave.abort();
    await response.text().catch(() => {});
    await eventually(() => bench.records.length > before);
    expect(bench.records.at(-1)).toMatchObject({ outcome: 'cancelled' });
  });
});

test('another account still serves after the client was told to wait, and once only', async () => {
  const two = startBench({ server: { keep_alive_ms: keepAliveMs }, accounts: ['a', 'b'] });
  try {
    let first = true;
    two.upstream.handle(async () => {
      if (!first) return { kind: 'stream', blocks: hello.messages.blocks };
      first = false;
      await Bun.sleep(keepAliveMs * 10);
      return {
        kind: 'body',
        status: 429,
        body: { type: 'error', error: { type: 'rate_limit_error', message: 'no' } },
      };
    });
    const text = await (await ask(two, 'messages', { model: 'messages/m', stream: true })).text();
    expect(text).toMatch(endForm.messages);
    expect(text.match(/event: message_start/g)).toHaveLength(1);
    expect(two.upstream.requests).toHaveLength(2);
  } finally {
    await two.stop();
  }
});

test('a client is told to wait for as long as accounts are tried, one after another', async () => {
  const two = startBench({ server: { keep_alive_ms: keepAliveMs, idle_ms: 1_500 }, accounts: ['a', 'b'] });
  try {
    const hold = gate();
    two.upstream.enqueue({ kind: 'silent' });
    two.upstream.handle(async () => {
      await hold.opened;
      return { kind: 'stream', blocks: hello.chat.blocks };
    });
    const { body } = await ask(two, 'chat', { model: 'chat/m', stream: true });
    let text = '';
    let heard = 0;
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      // The first account was silent for as long as one may be; the client goes on hearing of the second.
      if (two.upstream.requests.length === 2 && ++heard === 8) hold.open();
    }
    expect(text).toMatch(endForm.chat);
    expect(two.records.at(-1)).toMatchObject({ outcome: 'ok', attempts: 2 });
  } finally {
    await two.stop();
  }
}, 15_000);

describe('a gateway with keys and conversations', () => {
  async function startKept(options: BenchOptions = {}) {
    const vault = createVault(new Uint8Array(32).fill(8));
    const state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
    const kept = startBench({ server: { keep_alive_ms: keepAliveMs }, state, ...options });
    return {
      ...kept,
      state,
      async [Symbol.asyncDispose]() {
        await kept.stop();
        await state.close();
      },
    };
  }
  const bearer = (secret: string) => ({
    'content-type': 'application/json',
    authorization: `Bearer ${secret}`,
  });

  test.each(['refuses', 'is left by its client'])(
    'has a place at the gate taken until a reply that is begun early ends, where its upstream then %s',
    async (how) => {
      await using kept = await startKept();
      const { secret, key } = await kept.state.keys!.create({
        name: 'one',
        rules: { concurrent: 1, per_day: { tokens: 1_000_000 } },
      });
      const headers = bearer(secret);
      const hold = gate();
      kept.upstream.handle(async () => {
        await hold.opened;
        return { kind: 'body', status: 529, body: { error: { message: 'too busy' } } };
      });
      const leave = new AbortController();
      const body = { model: 'responses/m', stream: true };
      const begun = await ask(kept, 'responses', body, { headers, signal: leave.signal });
      expect(begun.status).toBe(200);
      const second = await ask(kept, 'responses', body, { headers });
      expect([second.status, await second.json()]).toEqual([
        429,
        { error: expect.objectContaining({ code: 'rate_limit_exceeded' }) },
      ]);
      if (how === 'refuses') {
        hold.open();
        expect(await begun.text()).toMatch(/event: response\.failed\n.*too busy/s);
      } else {
        leave.abort();
        await begun.text().catch(() => {});
      }
      const deadline = Date.now() + 5_000;
      while (kept.records.length < 2 && Date.now() < deadline) await Bun.sleep(5);
      expect(kept.records.at(-1)).toMatchObject({
        outcome: how === 'refuses' ? 'error' : 'cancelled',
        keyId: key.id,
        status: 200,
        failure: how === 'refuses' ? { status: 529, message: 'too busy' } : { kind: 'cancelled' },
      });
      expect(kept.streamsOpen()).toBe(0);
      expect(kept.upstream.openCount()).toBe(0);
      hold.open();
      kept.upstream.handle(() => ({ kind: 'stream', blocks: hello.responses.blocks }));
      const next = await ask(kept, 'responses', body, { headers });
      expect(next.status).toBe(200);
      expect(await next.text()).toMatch(endForm.responses);
    },
  );

  test.each([1, 2])(
    'keeps a native reply’s bytes and stores it, with %i accounts and frames in between',
    async (count) => {
      await using kept = await startKept({ accounts: ['a', 'b'].slice(0, count) });
      const { blocks, textAt } = hello.responses;
      const sent = blocks.map(({ text }) => `${text}\n\n`).join('');
      for (const before of [textAt[0], blocks.length - 1]) {
        const hold = gate();
        const delivery = { split: 'byte', hold: { before, gate: hold } } as const;
        kept.upstream.handle(async () => {
          await Bun.sleep(keepAliveMs * 7);
          return { kind: 'stream', blocks, delivery };
        });
        const headers = { 'content-type': 'application/json', originator: 'codex_exec' };
        const asked = ask(kept, 'responses', { model: 'responses/m', stream: true }, { headers });
        setTimeout(() => hold.open(), keepAliveMs * 16);
        const text = await (await asked).text();
        const sign = 'data: {"type":"keepalive"}\n\n';
        expect(text.split(sign).length).toBeGreaterThan(3);
        expect(text.replaceAll(sign, '')).toBe(sent);
        expect((await fetch(`${kept.url}/v1/responses/resp_1`)).status).toBe(200);
      }
    },
  );
});

describe('clients', () => {
  const slowly = (surface: SurfaceName): void => {
    const { textAt } = hello[surface];
    bench.upstream.handle(async () => {
      await Bun.sleep(keepAliveMs * 8);
      const { script, open } = halting(surface, textAt[1]!);
      setTimeout(open, keepAliveMs * 6);
      return script;
    });
  };
  const key = 'unused';

  test('OpenAI’s SDK takes a slow chat and a slow response', async () => {
    const client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: key, maxRetries: 0 });
    slowly('chat');
    const chat = client.chat.completions.stream({
      model: 'chat/m',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect((await chat.finalChatCompletion()).choices[0]!.message.content).toBe('Hello world');
    slowly('responses');
    const response = await client.responses.stream({ model: 'responses/m', input: 'hi' }).finalResponse();
    expect(response.output_text).toBe('Hello world');
  });

  test('Anthropic’s SDK takes a slow message', async () => {
    const client = new Anthropic({ baseURL: bench.url, apiKey: key, maxRetries: 0 });
    slowly('messages');
    const stream = client.messages.stream({
      model: 'messages/m',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect((await stream.finalMessage()).content).toMatchObject([{ type: 'text', text: 'Hello world' }]);
  });

  test('Google’s SDK takes a slow reply', async () => {
    const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: bench.url } });
    slowly('gemini');
    let text = '';
    for await (const chunk of await models.generateContentStream({ model: 'gemini/m', contents: 'hi' }))
      text += chunk.text;
    expect(text).toBe('Hello world');
  });

  test('Codex CLI gets data, since it does not count remarks', async () => {
    for (const upstream of ['responses', 'messages'] as const) {
      const { script, open } = halting(upstream, 0);
      bench.upstream.enqueue(script);
      const headers = { originator: 'codex_exec' };
      const response = await ask(bench, 'responses', { model: `${upstream}/m`, stream: true }, { headers });
      open();
      expect(await response.text()).toStartWith('data: {"type":"keepalive"}\n\n');
    }
  });
});

test('keep_alive_ms: 0 sends none', async () => {
  const quiet = startBench({ server: { keep_alive_ms: 0 } });
  try {
    const { script, open } = halting('chat', 1);
    quiet.upstream.enqueue(script);
    const response = ask(quiet, 'chat', { model: 'chat/m', stream: true });
    setTimeout(open, 300);
    expect(await (await response).text()).not.toContain(': keep-alive');
  } finally {
    await quiet.stop();
  }
});
