/**
 * What it costs to go on with one of many stored conversations, and what a turn takes in the store:
 * `bun bench/conversations.ts [--conversations 10000] [--turns 50] [--engine sqlite|postgres]`; some minutes for both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createVault } from '../src/accounts/vault.ts';
import { defaultSessionLimits, openSessions, type Sessions } from '../src/sessions/sessions.ts';
import { openStore } from '../src/store/open.ts';
import type { Queries, Row, SqlValue, Store } from '../src/store/store.ts';
import type { JsonObject } from '../src/turn/json.ts';
import { hasPostgres, startPostgres } from '../test/support/postgres.ts';

const { values: flags } = parseArgs({
  options: {
    conversations: { type: 'string', default: '10000' },
    turns: { type: 'string', default: '50' },
    engine: { type: 'string' },
  },
});
const many = Number(flags.conversations);
const turns = Number(flags.turns);
const few = 10;
const samples = 200;
const caller = 'bench';
const vault = createVault(new Uint8Array(32).fill(1));

/** A store that counts the rows that it gives out. */
function counting(store: Store): Store & { rows: number } {
  const counted = {
    ...store,
    rows: 0,
    async all(sql: string, values?: readonly SqlValue[]): Promise<Row[]> {
      const rows = await store.all(sql, values);
      counted.rows += rows.length;
      return rows;
    },
    transaction: <T>(work: (queries: Queries) => Promise<T>): Promise<T> =>
      store.transaction((queries) =>
        work({
          ...queries,
          async all(sql, values) {
            const rows = await queries.all(sql, values);
            counted.rows += rows.length;
            return rows;
          },
        }),
      ),
  };
  return counted;
}

const tools: JsonObject[] = Array.from({ length: 12 }, (_, i) => ({
  type: 'function',
  name: `tool_${i}`,
  description: 'What a tool of an agent says of itself. '.repeat(8),
  parameters: { type: 'object', properties: { path: { type: 'string' } } },
}));
const instructions = 'You are an agent that works in a repository. '.repeat(80);

/** What a turn of an agent adds: a result of a tool or a wish, then a word and a call. */
function turnOf(conversation: number, turn: number): { inputs: JsonObject[]; response: JsonObject } {
  const name = `${conversation}_${turn}`;
  const input: JsonObject =
    turn % 3 === 0
      ? { type: 'message', role: 'user', content: `Wish ${name}: ${'please look at it again. '.repeat(6)}` }
      : {
          type: 'function_call_output',
          call_id: `call_${name}`,
          output: `Result ${name}: ${'a line of a file\n'.repeat(40)}`,
        };
  return {
    inputs: [input],
    response: {
      id: `resp_${name}`,
      object: 'response',
      status: 'completed',
      model: 'm',
      instructions,
      tools,
      output: [
        {
          type: 'message',
          id: `msg_${name}`,
          role: 'assistant',
          content: [{ type: 'output_text', text: `Word ${name}: ${'I will do that. '.repeat(10)}` }],
        },
        {
          type: 'function_call',
          id: `fc_${name}`,
          call_id: `call_${conversation}_${turn + 1}`,
          name: 'tool_1',
          arguments: '{"path":"src/index.ts"}',
        },
      ],
    },
  };
}

async function begin(sessions: Sessions, conversation: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const parent = turn === 0 ? undefined : await sessions.find(caller, `resp_${conversation}_${turn - 1}`);
    await sessions.commit({ caller, parent, native: false, ...turnOf(conversation, turn) });
  }
}

/** Copies the first conversation, under names of its own, straight into the tables: one turn at a time takes too long. */
async function fill(store: Store, from: number, to: number): Promise<void> {
  const branch = (
    await store.all(
      `SELECT * FROM session_branches WHERE id = (SELECT branch FROM session_snapshots WHERE id = 'resp_0_0')`,
    )
  )[0]!;
  const snapshots = await store.all(
    'SELECT * FROM session_snapshots WHERE branch = ? AND seq < ? ORDER BY seq',
    [branch.id!, turns],
  );
  const own = new Set(snapshots.flatMap(({ entries }) => String(entries).split(' ')));
  const items = (await store.all('SELECT * FROM session_items')).filter(({ hash }) => own.has(String(hash)));
  const hashOf = (hash: string, i: number): string =>
    `${hash.slice(0, 14)}${i.toString(36).padStart(8, '_')}`;
  for (let i = from; i < to; i++) {
    await store.transaction(async (queries) => {
      await insert(queries, 'session_branches', [{ ...branch, id: `branch${i}`, length: turns }]);
      await insert(
        queries,
        'session_snapshots',
        snapshots.map((row) => ({
          ...row,
          branch: `branch${i}`,
          id: String(row.id).replace('resp_0_', `resp_${i}_`),
          entries: String(row.entries)
            .split(' ')
            .map((hash) => hashOf(hash, i))
            .join(' '),
        })),
      );
      await insert(
        queries,
        'session_items',
        items.map((row) => ({
          ...row,
          hash: hashOf(String(row.hash), i),
          item_id: row.item_id === null ? null : String(row.item_id).replace('_0_', `_${i}_`),
        })),
      );
    });
    if (i % 500 === 0) console.error(`  ${i} of ${to}`);
  }
}

async function insert(queries: Queries, table: string, rows: readonly Row[]): Promise<void> {
  for (let at = 0; at < rows.length; at += 100) {
    const some = rows.slice(at, at + 100);
    const columns = Object.keys(some[0]!);
    await queries.run(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${some.map(() => `(${columns.map(() => '?').join(', ')})`).join(', ')}`,
      some.flatMap((row) => columns.map((column) => row[column]!)),
    );
  }
}

interface Side {
  readonly store: Store & { rows: number };
  readonly sessions: Sessions;
  readonly count: number;
  readonly times: number[];
  readonly rows: number[];
}

async function sideOf(address: string, count: number): Promise<Side> {
  const store = counting(await openStore(address));
  const limits = { ...defaultSessionLimits, sweepEveryMs: 2 ** 30 };
  const sessions = openSessions(store, Date.now, undefined, limits, vault);
  await begin(sessions, 0);
  await fill(store, 1, count);
  if (store.engine === 'postgres') await store.run('ANALYZE');
  return { store, sessions, count, times: [], rows: [] };
}

/** What a turn asks the store before and after its model; the store is then as it was. */
async function goOn({ store, sessions, times, rows }: Side, conversation: number, id: string): Promise<void> {
  const { inputs, response } = turnOf(conversation, turns);
  store.rows = 0;
  const startedAt = performance.now();
  const parent = (await sessions.find(caller, `resp_${conversation}_${turns - 1}`))!;
  const history = await sessions.history(parent);
  if (history?.length !== turns * 3) throw new Error(`a history of ${history?.length} items`);
  await sessions.commit({ caller, parent, native: false, inputs, response: { ...response, id } });
  times.push(performance.now() - startedAt);
  rows.push(store.rows);
  await sessions.remove(caller, id);
}

/** In turns, so that whatever else the machine does hits both; each conversation twice, of which the second counts. */
async function interleaved(sides: readonly Side[]): Promise<void> {
  let state = 7;
  for (let i = 0; i < samples; i++) {
    state = (state * 48_271) % 2_147_483_647;
    for (const side of sides) {
      await goOn(side, state % side.count, `resp_first_${i}`);
      side.times.pop();
      await goOn(side, state % side.count, `resp_then_${i}`);
    }
  }
}

async function bytesOf(store: Store): Promise<number> {
  if (store.engine === 'sqlite') {
    const [pages] = await store.all('PRAGMA page_count');
    const [size] = await store.all('PRAGMA page_size');
    return Number(pages!.page_count) * Number(size!.page_size);
  }
  const [row] = await store.all(
    `SELECT SUM(pg_total_relation_size(oid)) AS n FROM pg_class WHERE relname IN ('session_items', 'session_branches', 'session_snapshots')`,
  );
  return Number(row!.n);
}

/** What a store takes that holds, with every turn, the whole conversation and the response as JSON. */
function naiveBytes(): number {
  let history = 0;
  let total = 0;
  for (let turn = 0; turn < turns; turn++) {
    const { inputs, response } = turnOf(0, turn);
    history += JSON.stringify(inputs).length + JSON.stringify(response.output).length;
    total += history + JSON.stringify({ ...response, output: [] }).length;
  }
  return total / turns;
}

async function measure(addresses: readonly [string, string]): Promise<void> {
  const sides = [await sideOf(addresses[0], few), await sideOf(addresses[1], many)] as const;
  await interleaved(sides);
  const at = (values: readonly number[], share: number): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length * share)]!;
  const { engine } = sides[0].store;
  for (const { count, times, rows } of sides) {
    const shown = [at(times, 0.1), at(times, 0.5), at(times, 0.95)].map((ms) => ms.toFixed(2)).join(' | ');
    console.log(`| ${engine} | ${count} | ${shown} | ${at(rows, 0.5)} |`);
  }
  const [small, large] = [await bytesOf(sides[0].store), await bytesOf(sides[1].store)];
  const bytes = (large - small) / ((many - few) * turns);
  const naive = naiveBytes();
  console.log(
    `${engine}: ${Math.round(bytes)} bytes a turn, whole copies ${Math.round(naive)}: ${(naive / bytes).toFixed(1)} times as much`,
  );
  for (const { store, sessions } of sides) {
    sessions.close();
    await store.close();
  }
}

console.log(`| engine | conversations of ${turns} turns | p10, ms | p50, ms | p95, ms | rows read |`);
if (flags.engine !== 'postgres') {
  const directory = mkdtempSync(join(tmpdir(), 'dragoman-bench-'));
  const file = (name: string): string => `sqlite:${join(directory, name)}`;
  await measure([file('few.db'), file('many.db')]).finally(() =>
    rmSync(directory, { recursive: true, force: true }),
  );
}
if (flags.engine !== 'sqlite' && hasPostgres) {
  const postgres = await startPostgres();
  const addresses = [await postgres.database(), await postgres.database()] as const;
  await measure(addresses).finally(() => postgres.stop());
}
