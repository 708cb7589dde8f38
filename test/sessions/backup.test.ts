import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault } from '../../src/accounts/vault.ts';
import { conversationBackup } from '../../src/sessions/backup.ts';
import { defaultSessionLimits, openSessions, type Sessions } from '../../src/sessions/sessions.ts';
import { exportStore, importStore } from '../../src/store/backup.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';

const vault = createVault(new Uint8Array(32).fill(3));
let postgres: Postgres | undefined;
const directory = mkdtempSync(join(tmpdir(), 'dragoman-backup-'));
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
  else console.log('skipped: PostgreSQL is not installed');
}, 60_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
});

let files = 0;
const sqlite = async () => `sqlite:${join(directory, `${++files}.db`)}`;
const elsewhere = () => (hasPostgres ? postgres!.database() : sqlite());

interface Side extends AsyncDisposable {
  readonly store: Store;
  readonly sessions: Sessions;
  turn(id: string, text: string, after?: string, conversation?: string): Promise<void>;
  words(id: string): Promise<string[] | undefined>;
  rows(table: string): Promise<number>;
}

async function open(address: string): Promise<Side> {
  const store = await openStore(address);
  const sessions = openSessions(store, Date.now, undefined, defaultSessionLimits, vault);
  return {
    store,
    sessions,
    async turn(id, text, after, conversation) {
      await sessions.commit({
        caller: 'ann',
        parent: after === undefined ? undefined : await sessions.find('ann', after),
        conversation:
          conversation === undefined
            ? undefined
            : { id: conversation, createdAt: 1, metadata: { of: 'ann' } },
        inputs: [{ role: 'user', content: text }],
        response: {
          id,
          instructions: 'canary '.repeat(100),
          output: [{ type: 'message', id: `m-${id}`, content: `re: ${text}` }],
        },
        native: false,
        state: { panes: { pane: 3 } },
      });
    },
    async words(id) {
      const snapshot = await sessions.find('ann', id);
      const history = snapshot && (await sessions.history(snapshot));
      return history?.map((item) => (JSON.parse(item) as { content: string }).content);
    },
    async rows(table) {
      return Number((await store.all(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n);
    },
    async [Symbol.asyncDispose]() {
      sessions.close();
      await store.close();
    },
  };
}

async function backupOf({ store }: Side): Promise<string> {
  let all = '';
  for await (const line of exportStore(store, conversationBackup)) all += line;
  return all;
}

async function* inPieces(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 1_000) yield text.slice(at, at + 1_000);
}

describe.each([
  ['sqlite to the other', sqlite, elsewhere],
  ['the other to sqlite', elsewhere, sqlite],
])('conversations in a backup from %s', (_name, from, to) => {
  test('go on where they were, forks and names with them, and are sealed on the way', async () => {
    await using here = await open(await from());
    await here.turn('a', 'one');
    await here.turn('b', 'two', 'a', 'conv_1');
    await here.turn('c', 'or so', 'a');
    const backup = await backupOf(here);
    expect(backup).not.toContain('canary');
    expect(backup).not.toContain('re: one');

    await using there = await open(await to());
    const counts = await importStore(there.store, inPieces(backup), 'alone', conversationBackup);
    expect(counts).toMatchObject({ session_branches: 2, session_snapshots: 3 });
    expect(await there.words('b')).toEqual(['one', 're: one', 'two', 're: two']);
    expect(await there.words('c')).toEqual(['one', 're: one', 'or so', 're: or so']);
    const named = await there.sessions.find('ann', 'conv_1', 'conversation');
    expect(named).toMatchObject({ conversation: { metadata: { of: 'ann' } }, state: { panes: { pane: 3 } } });
    expect((await there.sessions.response('ann', 'a'))!.instructions).toContain('canary');
    await there.turn('d', 'three', 'b');
    expect(await there.words('d')).toHaveLength(6);
    // What nothing refers to any more goes, and nothing else does.
    for (const id of ['b', 'd']) await there.sessions.remove('ann', id);
    await there.sessions.remove('ann', 'conv_1', 'conversation');
    expect(await there.words('c')).toHaveLength(4);
    for (const id of ['a', 'c']) await there.sessions.remove('ann', id);
    expect(await there.rows('session_items')).toBe(0);
  }, 60_000);

  test('stand beside others, and come twice to no harm', async () => {
    await using here = await open(await from());
    await here.turn('a', 'one');
    const early = await backupOf(here);
    await here.turn('b', 'two', 'a');
    const late = await backupOf(here);
    await using there = await open(await to());
    await importStore(there.store, early, 'alone', conversationBackup);
    await there.turn('x', 'elsewhere', 'a');
    const items = await there.rows('session_items');
    expect(await importStore(there.store, late, 'beside', conversationBackup)).toMatchObject({
      session_branches: 0,
      session_snapshots: 0,
    });
    expect(await there.rows('session_items')).toBe(items);
    expect(await there.words('x')).toEqual(['one', 're: one', 'elsewhere', 're: elsewhere']);
    expect(await there.words('b')).toBeUndefined();
  }, 60_000);
});

test('a backup is of one moment, while turns go on', async () => {
  const address = await sqlite();
  await using here = await open(address);
  await here.turn('r0', 'first');
  let id = 'r0';
  let all = '';
  let count = 0;
  for await (const line of exportStore(here.store, conversationBackup)) {
    all += line;
    const next = `r${++count}`;
    await here.turn(next, `turn ${count}`, id);
    id = next;
  }
  await using there = await open(await sqlite());
  await importStore(there.store, all, 'alone', conversationBackup);
  expect(await there.words('r0')).toEqual(['first', 're: first']);
  expect(await there.rows('session_snapshots')).toBe(1);
});

test('a branch that lost a turn is not gone on from as if it were whole', async () => {
  await using here = await open('sqlite::memory:');
  await here.turn('a', 'one');
  await here.turn('b', 'two', 'a');
  await here.store.run('DELETE FROM session_snapshots WHERE seq = 0');
  expect(await here.words('b')).toBeUndefined();
});

test('a large backup is written and read page by page', async () => {
  await using here = await open(await sqlite());
  for (let i = 0; i < 1_201; i++) await here.turn(`r${i}`, `turn ${i}`);
  await using there = await open(await sqlite());
  await importStore(there.store, exportStore(here.store, conversationBackup), 'alone', conversationBackup);
  expect(await there.rows('session_snapshots')).toBe(1_201);
  expect(await there.words('r1200')).toEqual(['turn 1200', 're: turn 1200']);
}, 60_000);
