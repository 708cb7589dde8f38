/**
 * Conversations of all clients over several accounts, through the gateway: each turn must find the account that
 * holds its prompt cache.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { memoryState } from '../../src/server/state.ts';
import { errorBody } from './fault-scripts.ts';
import {
  accountsCalled,
  askedAt,
  hello,
  pathOf,
  startBench,
  surfaceNames,
  type Bench,
  type SurfaceName,
} from './setup.ts';

const names = ['a', 'b', 'c', 'd'];

/** A client's way to write turn number `turn` of a conversation. */
interface Client {
  readonly name: string;
  readonly surface: SurfaceName;
  headers?(conversation: string): Record<string, string>;
  body(conversation: string, turn: number): Record<string, unknown>;
}

const guide = 'You are a helpful agent. '.repeat(20);
const asks = (conversation: string, turn: number): string =>
  turn === 0 ? `Task of ${conversation}: look into the matter.` : `And then, step ${turn}?`;
/** Both sides of the conversation so far, oldest first. */
const turnsOf = (conversation: string, turn: number) =>
  Array.from({ length: 2 * turn + 1 }, (_, i) => ({
    mine: i % 2 === 0,
    text: i % 2 === 0 ? asks(conversation, i / 2) : `Answer ${(i - 1) / 2}.`,
  }));
const uuid = (conversation: string): string => `00000000-0000-4000-8000-${conversation.padStart(12, '0')}`;

const chatMessages = (conversation: string, turn: number) => [
  { role: 'system', content: guide },
  ...turnsOf(conversation, turn).map(({ mine, text }) => ({
    role: mine ? 'user' : 'assistant',
    content: text,
  })),
];
const responsesInput = (conversation: string, turn: number) => [
  { type: 'message', role: 'developer', content: [{ type: 'input_text', text: guide }] },
  {
    type: 'message',
    role: 'user',
    content: [{ type: 'input_text', text: '<environment_context>the same everywhere</environment_context>' }],
  },
  ...turnsOf(conversation, turn).map(({ mine, text }) =>
    mine
      ? { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
      : { type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] },
  ),
];
/** The last message carries the cache mark, as Anthropic's clients move it on. */
const messagesOf = (conversation: string, turn: number) =>
  turnsOf(conversation, turn).map(({ mine, text }, i, { length }) => ({
    role: mine ? 'user' : 'assistant',
    content: [
      ...(i === 0 ? [{ type: 'text', text: '<system-reminder>the same everywhere</system-reminder>' }] : []),
      { type: 'text', text, ...(i === length - 1 ? { cache_control: { type: 'ephemeral' } } : {}) },
    ],
  }));
const system = [{ type: 'text', text: guide, cache_control: { type: 'ephemeral' } }];

const clients: readonly Client[] = [
  {
    name: 'opencode, by its session header',
    surface: 'chat',
    headers: (conversation) => ({ 'x-session-id': `ses_${conversation}` }),
    body: (_, turn) => ({ messages: chatMessages('all alike', turn) }),
  },
  {
    name: 'a Chat client, by its content',
    surface: 'chat',
    body: (conversation, turn) => ({ messages: chatMessages(conversation, turn) }),
  },
  {
    name: 'Codex, by its session header',
    surface: 'responses',
    headers: (conversation) => ({ 'session-id': uuid(conversation) }),
    body: (conversation, turn) => ({
      instructions: guide,
      input: responsesInput('all alike', turn),
      prompt_cache_key: uuid(conversation),
      store: false,
    }),
  },
  {
    name: 'a Responses client, by its cache key',
    surface: 'responses',
    body: (conversation, turn) => ({
      input: responsesInput('all alike', turn),
      prompt_cache_key: `key-${conversation}`,
    }),
  },
  {
    name: 'a Responses client, by its content',
    surface: 'responses',
    body: (conversation, turn) => ({ input: responsesInput(conversation, turn) }),
  },
  {
    name: 'Claude Code, by its session header',
    surface: 'messages',
    headers: (conversation) => ({ 'x-claude-code-session-id': uuid(conversation) }),
    body: (_, turn) => ({ system, messages: messagesOf('all alike', turn), max_tokens: 64 }),
  },
  {
    name: 'an older Claude Code, by its user id',
    surface: 'messages',
    body: (conversation, turn) => ({
      system,
      messages: messagesOf('all alike', turn),
      max_tokens: 64,
      metadata: { user_id: JSON.stringify({ device_id: 'd', session_id: uuid(conversation) }) },
    }),
  },
  {
    name: 'a Messages client, by its content',
    surface: 'messages',
    body: (conversation, turn) => ({ system, messages: messagesOf(conversation, turn), max_tokens: 64 }),
  },
  {
    name: 'Gemini CLI, by its content',
    surface: 'gemini',
    body: (conversation, turn) => ({
      systemInstruction: { parts: [{ text: guide }] },
      contents: turnsOf(conversation, turn).map(({ mine, text }, i) => ({
        role: mine ? 'user' : 'model',
        parts: [...(i === 0 ? [{ text: '<session_context>the same</session_context>' }] : []), { text }],
      })),
    }),
  },
];

const provider = (name: SurfaceName, url: string) => ({
  name,
  type: name === 'messages' ? 'anthropic' : name === 'gemini' ? 'google' : 'openai',
  base_url: name === 'messages' || name === 'gemini' ? url : `${url}/v1`,
  accounts: accountsCalled(...names),
  models: ['m'],
  ...(name === 'chat' ? { protocols: ['openai-chat'] } : {}),
  ...(name === 'responses' ? { protocols: ['openai-responses'] } : {}),
});

const upstreamAt = (path: string): SurfaceName => {
  if (path.includes('v1beta')) return 'gemini';
  if (path.endsWith('/messages')) return 'messages';
  return path.endsWith('/responses') ? 'responses' : 'chat';
};

/** A gateway with one provider of each kind, each with four accounts. */
function start() {
  const state = memoryState();
  const bench = startBench({
    state,
    providers: (url) => surfaceNames.map((name) => provider(name, url)),
  });
  bench.upstream.handle(({ path }) => ({ kind: 'stream', blocks: hello[upstreamAt(path)].blocks }));
  return { ...bench, bench, state };
}

const shared = start();
afterAll(() => shared.bench.stop());

/** One turn; the account that had it. Asked one after another, so that the upstream's last request is this one. */
async function turn(
  { url, upstream }: Pick<Bench, 'url' | 'upstream'>,
  client: Client,
  conversation: string,
  number: number,
  model: string,
): Promise<string> {
  const { surface } = client;
  const body = client.body(conversation, number);
  const response = await fetch(url + pathOf(surface, model, true), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...client.headers?.(conversation) },
    body: JSON.stringify(surface === 'gemini' ? body : { model, stream: true, ...body }),
  });
  await response.arrayBuffer();
  expect(response.status).toBe(200);
  return askedAt(upstream.requests.at(-1)!);
}

const spread = (loads: ReadonlyMap<string, number>): number => {
  const mean = [...loads.values()].reduce((sum, load) => sum + load, 0) / names.length;
  return Math.max(...names.map((name) => Math.abs((loads.get(name) ?? 0) - mean) / mean));
};

/** Turns of many conversations, which take them in turns; what stayed, how even it is, and who has which. */
async function converse(
  at: Pick<Bench, 'url' | 'upstream'>,
  clientOf: (conversation: number) => Client,
  model: string,
  { conversations, turns, first = 0 }: { conversations: number; turns: number; first?: number },
) {
  const holder = new Map<string, string>();
  const loads = new Map<string, number>();
  let stayed = 0;
  for (let number = 0; number < turns; number++) {
    for (let i = first; i < first + conversations; i++) {
      const conversation = String(i);
      const account = await turn(at, clientOf(i), conversation, number, model);
      if (number > 0 && holder.get(conversation) === account) stayed++;
      holder.set(conversation, account);
      loads.set(account, (loads.get(account) ?? 0) + 1);
    }
    at.upstream.reset();
  }
  return { stayed: stayed / (conversations * (turns - 1)), spread: spread(loads), holder };
}

describe('conversations over 4 accounts', () => {
  test('1,000 of 20 turns, of all clients, stay where their cache is and are spread evenly', async () => {
    const clientOf = (i: number) => clients[i % clients.length]!;
    const result = await converse(shared, clientOf, 'chat/m', { conversations: 1000, turns: 20 });
    expect(result.stayed).toBeGreaterThanOrEqual(0.99);
    expect(result.spread).toBeLessThanOrEqual(0.1);
  }, 300_000);

  test.each(clients.map((client) => [client.name, client] as const))(
    '200 of 4 turns of %s, in the native lane',
    async (_, client) => {
      const own = start();
      const size = { conversations: 200, turns: 4 };
      const result = await converse(own, () => client, `${client.surface}/m`, size);
      await own.bench.stop();
      expect(result.stayed).toBe(1);
      // So few are left to chance a little more.
      expect(result.spread).toBeLessThanOrEqual(0.2);
    },
    60_000,
  );

  test('only those leave whose account is not well, and they stay where they went', async () => {
    const { upstream, state } = shared;
    const client = clients.find(({ name }) => name.startsWith('a Messages client'))!;
    const size = { conversations: 200, turns: 2 };
    const ask = (more: object = {}) => converse(shared, () => client, 'messages/m', { ...size, ...more });
    const before = await ask();
    upstream.handle((request) =>
      askedAt(request) === 'b'
        ? { kind: 'body', status: 429, body: errorBody('messages', 429) }
        : { kind: 'stream', blocks: hello[upstreamAt(request.path)].blocks },
    );
    const during = await ask();
    upstream.handle(({ path }) => ({ kind: 'stream', blocks: hello[upstreamAt(path)].blocks }));
    for (const { account } of state.health.list()) state.health.clear(account);
    const after = await ask();
    for (const [conversation, account] of before.holder) {
      const then = during.holder.get(conversation)!;
      if (account === 'b') expect(then).not.toBe('b');
      else expect(then).toBe(account);
      expect(after.holder.get(conversation)).toBe(then);
    }
    expect(during.stayed).toBe(1);
    // What is new goes where there is room.
    const fresh = await ask({ turns: 1, first: 1000 });
    expect([...fresh.holder.values()].filter((account) => account === 'b').length).toBeGreaterThan(60);
  }, 60_000);
});
