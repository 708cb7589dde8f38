/**
 * The requirements of the session-identity work, by their numbers. Where a later rule is better, the test holds the
 * later one, and docs/decisions/0004-codex-identity.md says why.
 */
import { describe, expect } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, clientIdentity } from '../../../src/providers/codex/client-identity.ts';
import {
  clientMetadata,
  identityHeaders,
  resolveIdentity,
  turnMetadata,
} from '../../../src/providers/codex/identity.ts';
import { uuidV7 } from '../../../src/providers/codex/uuid.ts';
import {
  continueWindow,
  firstWindow,
  readSnapshot,
  settleWindow,
  writeSnapshot,
} from '../../../src/providers/codex/window.ts';
import { conversation, sources, v4, v7, withBlob } from './identity-sources.ts';
import { failure, type Asked } from './backend/backend.ts';
import { accountId } from './backend/tokens.ts';
import { blobOf, installation, post, says, startBench, test } from './setup.ts';

const root = join(import.meta.dir, '../../..');
const folder = join(root, 'src/providers/codex');
const ownSources = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(join(folder, name), 'utf8'),
}));
/** A token that has only just come is not renewed for being refused. */
const tokenIsNewMs = 1_100;
const other = '22222222-2222-4333-8444-555555555555';

describe('the wire', () => {
  test('row 1: models and turns carry the official client’s fingerprint, from one version', async () => {
    await using bench = await startBench();
    await fetch(`${bench.url}/v1/models`);
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.modelQueries[0]).toBe(`?client_version=${builtIn.version}`);
    const [{ headers }] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
    expect(headers.get('originator')).toBe('codex_cli_rs');
    expect(headers.get('user-agent')).toBe(clientIdentity().userAgent);
    expect(clientIdentity().userAgent).toMatch(/^codex_cli_rs\/0\.169\.0 \(Debian 12\.0\.0; x86_64\) \S+$/);
    expect(
      ownSources.filter(({ text }) => text.includes(`'${builtIn.version}'`)).map(({ name }) => name),
    ).toEqual(['client-identity.ts']);
  });

  test('row 2: headers of the caller do not reach the backend', async () => {
    await using bench = await startBench();
    const forged = {
      'cf-connecting-ip': '1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
      'x-real-ip': '1.2.3.4',
      'openai-beta': 'x',
      'x-codex-beta-features': 'x',
      'user-agent': 'curl/8',
      originator: 'curl',
      cookie: 'a=b',
      authorization: 'Bearer mine',
      'chatgpt-account-id': 'mine',
    };
    const response = await post(bench, '/v1/responses', { input: 'hi' }, forged);
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const { headers } = bench.backend.asked[0]!;
    for (const [name, value] of Object.entries(forged)) expect(headers.get(name)).not.toBe(value);
  });

  test('row 3: session_id is an alias only, and the canonical name wins', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' }, { session_id: 'alias' });
    await post(bench, '/v1/responses', { input: 'hi' }, { session_id: 'alias', 'session-id': 'own' });
    const sent = bench.backend.asked.map(({ headers }) => [
      headers.get('session-id'),
      headers.get('session_id'),
    ]);
    expect(sent).toEqual([
      ['alias', null],
      ['own', null],
    ]);
  });

  test('row 4: without any session of the caller there is one nevertheless', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.asked[0]!.headers.get('session-id')).toMatch(v4);
    expect(resolveIdentity(sources({ conversation: conversation([]) })).session).toMatch(v7);
  });

  test('row 5: a cache key is set only where the caller says nothing; its text and its null stay', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    await post(bench, '/v1/responses', { input: 'hi', prompt_cache_key: 'mine' });
    await post(bench, '/v1/responses', { input: 'hi', prompt_cache_key: null });
    const [first, ...others] = bench.backend.asked;
    expect(first!.body.prompt_cache_key).toBe(first!.headers.get('session-id')!);
    expect(others.map(({ body }) => body.prompt_cache_key)).toEqual(['mine', null]);
  });

  test('row 6: headers of the family x-codex- pass only as what they mean', async () => {
    await using bench = await startBench();
    const response = await post(
      bench,
      '/v1/responses',
      { input: 'hi' },
      {
        'x-codex-anything': 'x',
        'x-codex-turn-state': 'forged',
        'x-codex-window-id': 'w:3',
        'x-codex-turn-metadata': 'no JSON',
      },
    );
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const { headers } = bench.backend.asked[0]!;
    expect(headers.get('x-codex-anything')).toBeNull();
    expect(headers.get('x-codex-turn-state')).toBeNull();
    expect(headers.get('x-codex-window-id')).toBe('w:3');
    expect(blobOf(bench.backend.asked[0]!).window_id).toBe('w:3');
  });

  test('row 7: no comment claims how often caches hit', () => {
    expect(ownSources.filter(({ text }) => /\d\s?%|percent of hits/i.test(text))).toEqual([]);
  });

  test('row 8: the turn metadata have the official shape', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(Object.keys(blobOf(bench.backend.asked[0]!))).toEqual([
      'installation_id',
      'session_id',
      'thread_id',
      'turn_id',
      'window_id',
      'request_kind',
    ]);
    expect(blobOf(bench.backend.asked[0]!).request_kind).toBe('turn');
  });

  test('row 18: the body’s metadata hold every id of the turn, and those only', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    const [asked] = bench.backend.asked as [Asked];
    const metadata = asked.body.client_metadata as Record<string, string>;
    const blob = JSON.parse(metadata['x-codex-turn-metadata']!) as Record<string, string>;
    expect(blob).toEqual(blobOf(asked) as Record<string, string>);
    const { 'x-codex-ws-stream-request-start-ms': _, 'x-codex-turn-metadata': __, ...ids } = metadata;
    expect(ids).toEqual({
      session_id: blob.session_id!,
      thread_id: blob.thread_id!,
      turn_id: blob.turn_id!,
      'x-codex-window-id': blob.window_id!,
      'x-codex-installation-id': blob.installation_id!,
    });
  });

  test('row 9: session and thread stay over requests, the turn is a new UUIDv7 each time', async () => {
    await using bench = await startBench();
    const history = [says('hi'), { role: 'assistant', content: 'Hello' }, says('and now?')];
    await post(bench, '/v1/responses', { input: history.slice(0, 1) });
    await post(bench, '/v1/responses', { input: history });
    const [one, two] = bench.backend.asked.map(blobOf);
    expect([two!.session_id, two!.thread_id]).toEqual([one!.session_id, one!.thread_id]);
    expect(two!.turn_id).not.toBe(one!.turn_id);
    expect(one!.turn_id).toMatch(v7);
    expect(two!.turn_id).toMatch(v7);
  });

  test('row 21: there is no version header, unless the configuration sets one', async () => {
    // The upgrade of a socket has one, as docs/decisions/0004-codex-identity.md says.
    const transport = 'http';
    await using bench = await startBench({ provider: { transport } });
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.asked[0]!.headers.get('version')).toBeNull();
    await using set = await startBench({ provider: { transport, headers: { Version: '0.169.0' } } });
    await post(set, '/v1/responses', { input: 'hi' });
    expect(set.backend.asked[0]!.headers.get('version')).toBe('0.169.0');
  });
});

describe('stored conversations', () => {
  test('row 10: the session of a stored conversation is that of its next turn', () => {
    const first = resolveIdentity(sources());
    const left = settleWindow(first.session, first.window, { compacted: false });
    const next = resolveIdentity(sources({ conversation: conversation([says('go on')]), stored: left }));
    expect([next.session, next.window]).toEqual([first.session, first.window]);
  });

  test('row 11: what is stored is an object, empty at first; anything else is an error', () => {
    expect(readSnapshot({})).toBeUndefined();
    for (const wrong of [null, 'x', [], 1, { session: 's' }]) expect(() => readSnapshot(wrong)).toThrow();
    const snapshot = settleWindow('s', 's:2', { compacted: false });
    expect(readSnapshot(JSON.parse(JSON.stringify(writeSnapshot(snapshot))))).toEqual(snapshot);
  });

  test('row 12: what a turn learns of its parent does not reach its child, and nothing is left pending', () => {
    const parent = Object.freeze(settleWindow('s', 's:0', { compacted: false }));
    const step = continueWindow(parent);
    const child = settleWindow('s', step.window, { compacted: false });
    expect(step.parent).toMatchObject({ continued: true });
    expect(child.continued).toBeFalse();
    expect(parent.continued).toBeFalse();
    expect(continueWindow(parent)).toEqual(step);
  });

  test('row 14: the window is {thread}:{generation} and is kept with the conversation', () => {
    const first = resolveIdentity(sources());
    expect(first.window).toBe(`${first.session}:0`);
    const left = settleWindow(first.session, first.window, { compacted: true });
    expect(left.window).toBe(`${first.session}:1`);
    expect(resolveIdentity(sources({ stored: left })).window).toBe(`${first.session}:1`);
  });

  test('row 15: the caller’s session goes before the stored one', () => {
    const headers = new Headers({ 'session-id': 'callers' });
    expect(resolveIdentity(sources({ headers, stored: { session: 'stored' } })).session).toBe('callers');
  });

  test('row 18: after a compaction the window advances once, whoever advances it', () => {
    const stored = settleWindow('s', 's:0', { compacted: true });
    expect([stored.window, continueWindow(stored).window]).toEqual(['s:1', 's:1']);
    const named = settleWindow('s', 's:0', { compacted: true, callerWindow: 'mine:0' });
    expect(named.callerWindow).toBe('mine:1');
    expect(continueWindow(named, 'mine:1').window).toBe('s:1');
    expect(continueWindow(named, 'mine:2').window).toBe('s:2');
  });

  test('row 20: the first continuation keeps the window, forks get the next ones in the same session', () => {
    let parent = settleWindow('s', firstWindow('s'), { compacted: false });
    const windows = Array.from({ length: 3 }, () => {
      const step = continueWindow(parent);
      parent = step.parent ?? parent;
      return step.window;
    });
    expect(windows).toEqual(['s:0', 's:1', 's:2']);
    expect(parent.session).toBe('s');
  });
});

describe('one turn', () => {
  test('row 13: what only the gateway may say is not believed of a caller', async () => {
    await using bench = await startBench();
    const forged = {
      'x-dragoman-session': 'forged',
      'x-floway-session': 'forged',
      'x-codex-turn-id': 'forged',
    };
    const response = await post(bench, '/v1/responses', { input: 'hi' }, forged);
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    expect(JSON.stringify([...bench.backend.asked[0]!.headers])).not.toContain('forged');
  });

  test('row 16: a turn id lives through tries at several accounts and through a tool loop', async () => {
    await using bench = await startBench({ accounts: [accountId, other] });
    bench.backend.answers.push(failure(500, { message: 'no' }));
    const question = [says('weather?')];
    await post(bench, '/v1/responses', { input: question });
    const loop = [
      ...question,
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'sunny' },
    ];
    await post(bench, '/v1/responses', { input: loop });
    await post(bench, '/v1/responses', { input: [...loop, says('and tomorrow?')] });
    expect(bench.backend.faults).toEqual([]);
    const turns = bench.backend.asked.map((asked) => blobOf(asked).turn_id);
    expect(turns).toHaveLength(4);
    expect(new Set(turns.slice(0, 3)).size).toBe(1);
    expect(turns[3]).not.toBe(turns[0]);
  });

  test('row 16: a turn id lives through the renewal of a token', async () => {
    await using bench = await startBench();
    bench.backend.answers.push(failure(401, { message: 'expired', code: 'token_expired' }));
    await Bun.sleep(tokenIsNewMs);
    expect((await post(bench, '/v1/responses', { input: 'hi' })).status).toBe(200);
    expect([bench.backend.renewals.length, bench.backend.faults]).toEqual([1, []]);
    const [one, two] = bench.backend.asked as [Asked, Asked];
    expect(two.headers.get('authorization')).not.toBe(one.headers.get('authorization'));
    expect(blobOf(two)).toEqual(blobOf(one));
  });

  test('row 17: a compaction is called one in the metadata', async () => {
    await using bench = await startBench();
    const response = await post(bench, '/v1/responses', {
      input: [says('hi'), { type: 'compaction_trigger' }],
      stream: true,
    });
    expect(await response.text()).toContain('gAAAA_compacted');
    expect(bench.backend.faults).toEqual([]);
    expect(blobOf(bench.backend.asked[0]!)).toMatchObject({
      request_kind: 'compaction',
      compaction: {
        trigger: 'manual',
        reason: 'user_requested',
        implementation: 'responses_compaction_v2',
        phase: 'standalone_turn',
        strategy: 'memento',
      },
    });
  });

  test('row 24: a second look at a turn finds the same ids, and a forged one changes nothing', async () => {
    await using bench = await startBench({ accounts: [accountId, other] });
    bench.backend.answers.push(failure(500, { message: 'no' }));
    await post(bench, '/v1/responses', { input: [] }, { 'x-codex-turn-id': 'forged' });
    const [one, two] = bench.backend.asked.map(blobOf);
    expect(two).toEqual({ ...one!, installation_id: expect.not.stringContaining(installation) as unknown });
    const leaves = ownSources.filter(({ text }) => /localStorage|writeFile|INSERT/.test(text));
    expect(leaves).toEqual([]);
  });

  test('row 26: the installation is minted at login, kept with the account and told nowhere else', async () => {
    await using bench = await startBench();
    await post(bench, '/v1/responses', { input: 'hi' });
    await post(bench, '/v1/responses', { input: 'there' });
    expect(bench.backend.asked.map((asked) => blobOf(asked).installation_id)).toEqual([
      installation,
      installation,
    ]);
    const login = bench.gateway.provider('codex')!.login!;
    const { accessToken } = await import('./backend/tokens.ts');
    const gave = await Promise.all([1, 2].map((serial) => login.token!.take(accessToken({ serial }))));
    const ids = gave.map(({ secret }) => secret.more?.installationId);
    expect(ids[0]).toMatch(v4);
    expect(ids[1]).not.toBe(ids[0]!);
  });
});

describe('one chain for each id', () => {
  const ids = ['session_id', 'thread_id', 'turn_id', 'window_id', 'installation_id'] as const;

  test('row 27: what the caller says survives, and stands the same on every surface', () => {
    const identity = resolveIdentity(
      sources({
        metadata: withBlob(
          { session_id: 'in blob', thread_id: 'thread', sandbox: 'seccomp', workspaces: { a: 1 } },
          { session_id: 'in body', extra: 'kept', count: 1 },
        ),
        headers: new Headers({ 'session-id': 'in header', 'x-client-request-id': 'request' }),
      }),
    );
    const headers = identityHeaders(identity);
    const metadata = clientMetadata(identity);
    const blobs = [headers['x-codex-turn-metadata']!, metadata['x-codex-turn-metadata']!].map(
      (text) => JSON.parse(text) as Record<string, unknown>,
    );
    expect(headers).toMatchObject({
      'session-id': 'in body',
      'thread-id': 'thread',
      'x-client-request-id': 'request',
    });
    expect(metadata).toMatchObject({ session_id: 'in body', thread_id: 'thread', extra: 'kept' });
    for (const blob of blobs)
      expect(blob).toMatchObject({
        session_id: 'in body',
        thread_id: 'thread',
        sandbox: 'seccomp',
        workspaces: { a: 1 },
      });
    expect(metadata.count).toBeUndefined();
    expect(blobs[0]).toEqual(blobs[1]!);
  });

  test('row 27: metadata that are no JSON object are not there', () => {
    for (const blob of ['no JSON', '[1]', '"x"']) {
      const identity = resolveIdentity(sources({ metadata: withBlob(blob) }));
      expect(identity.turnMetadata).toEqual({});
    }
  });

  test('row 27: the gateway writes the ids of the metadata itself', () => {
    const forged = Object.fromEntries(ids.map((id) => [id, '  ']));
    const identity = resolveIdentity(sources({ metadata: withBlob({ ...forged, request_kind: 'own' }) }));
    const blob = JSON.parse(turnMetadata(identity).body) as Record<string, unknown>;
    for (const id of ids) expect(String(blob[id]).trim()).not.toBe('');
    expect(blob.request_kind).toBe('own');
  });

  test('row 29: a caller that sends its history again is in the same session, also after a compaction', () => {
    const first = [says('hi')];
    const later = [...first, { role: 'assistant', id: 'msg_9', content: 'Hello' }, says('more')];
    expect(conversation(later).opening).toBe(conversation(first).opening!);
    const compacted = [{ type: 'compaction', encrypted_content: 'x' }, says('go on')];
    const again = [...compacted, { role: 'assistant', content: 'yes' }, says('more')];
    expect(conversation(again).opening).toBe(conversation(compacted).opening!);
    expect(conversation(compacted).opening).not.toBe(conversation(first).opening!);
    expect(conversation([{ role: 'developer', content: 'x' }]).opening).toBeUndefined();
  });

  test('row 30: it is so on the way that requests really take, on every surface', async () => {
    await using bench = await startBench();
    const messages = [{ role: 'user', content: 'hi' }];
    const later = [...messages, { role: 'assistant', content: 'Hello' }, { role: 'user', content: 'more' }];
    for (const body of [messages, later]) {
      await post(bench, '/v1/chat/completions', { messages: body });
      await post(bench, '/v1/messages', { messages: body, max_tokens: 10 });
      await post(bench, '/v1/responses', { input: body });
    }
    expect(bench.backend.faults).toEqual([]);
    const sessions = bench.backend.asked.map(({ headers }) => headers.get('session-id'));
    expect(sessions.slice(3)).toEqual(sessions.slice(0, 3));
    expect(sessions[0]).toMatch(v4);
  });

  test('row 32: parts of the hash cannot flow into each other, and other openings are other sessions', () => {
    const text = ownSources.find(({ name }) => name === 'conversation.ts')!.text;
    expect(text).toContain(String.raw`'\u0001'`);
    const opening = (...args: Parameters<typeof conversation>) => conversation(...args).opening;
    const base = opening([says('hi')], 'a');
    expect(opening([says('hi')], 'b')).not.toBe(base!);
    expect(opening([says('ho')], 'a')).not.toBe(base!);
    expect(opening([{ role: 'developer', content: 'x' }, says('hi')], 'a')).not.toBe(base!);
    expect(opening([says('hi')], 'a', 'another caller')).not.toBe(base!);
    const random = () => resolveIdentity(sources({ conversation: conversation([]) })).session;
    expect(random()).not.toBe(random());
  });
});

describe('the work itself', () => {
  test('row 19: migrations have numbers of their own, in order', () => {
    const text = readFileSync(join(root, 'src/store/migrations.ts'), 'utf8');
    const numbers = [...text.matchAll(/^ {4}id: (\d+),/gm)].map((match) => Number(match[1]));
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  });

  test('row 22: a comment says in words what a session spans', () => {
    const text = ownSources.find(({ name }) => name === 'conversation.ts')!.text;
    expect(text).toMatch(/same session each time/);
  });

  test('row 23: the rest of the gateway knows nothing of it', () => {
    const words = /\bcodex\b|chatgpt/i;
    const rooms = ['pipeline', 'routing', 'accounts', 'access', 'turn', 'store', 'protocols'];
    const strays = rooms.flatMap((room) =>
      readdirSync(join(root, 'src', room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .filter((name) => words.test(readFileSync(join(root, 'src', room, name), 'utf8'))),
    );
    expect(strays).toEqual([]);
  });

  test('row 25: requests are compared with what the official client sends, not with themselves', () => {
    expect(readFileSync(join(import.meta.dir, 'captures.test.ts'), 'utf8')).toContain('captures/codex-cli');
  });

  test('row 28: no rule of the linter is switched off here', () => {
    expect(ownSources.filter(({ text }) => /oxlint-disable|eslint-disable|@ts-/.test(text))).toEqual([]);
  });

  test('row 31: what is referred to exists', () => {
    const doc = readFileSync(join(root, 'docs/providers/codex.md'), 'utf8');
    expect(doc).toContain('../decisions/0004-codex-identity.md');
    expect(readFileSync(join(root, 'docs/decisions/0004-codex-identity.md'), 'utf8')).toContain('# 4.');
  });

  test('row 33: every requirement has its test', () => {
    const names = [...readFileSync(import.meta.path, 'utf8').matchAll(/test\('row (\d+): /g)].map((m) =>
      Number(m[1]),
    );
    expect([...new Set(names)].sort((a, b) => a - b)).toEqual(Array.from({ length: 33 }, (_, i) => i + 1));
  });

  test('ids are UUIDs of version 7 in the order of time', () => {
    const ids = [1, 2, 1_795_199_121_166].map((ms) => uuidV7(ms));
    for (const id of ids) expect(id).toMatch(v7);
    expect([...ids].sort()).toEqual(ids);
    expect(ids[2]).toStartWith('01a1fa34-b70e');
  });
});
