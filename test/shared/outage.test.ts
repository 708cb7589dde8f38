/** A store that stalls, restarts or is locked: turns go on, and what they used is written once it is back, once. */
import { Database } from 'bun:sqlite';
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.ts';
import { eventually } from '../support/eventually.ts';
import { hasPostgres, startPostgres, type Postgres } from '../support/postgres.ts';
import { jsonLines, startProgram } from '../support/program.ts';
import { command, many, startShared, status, type Running } from './setup.ts';

const dir = mkdtempSync(join(tmpdir(), 'dragoman-outage-'));
const running: Running[] = [];
afterAll(async () => {
  await Promise.all(running.map((gateway) => gateway.remove()));
  rmSync(dir, { recursive: true, force: true });
});

const providers = [{ name: 'demo', type: 'demo' }];

/** A gateway with one key. */
async function start(address: string): Promise<{ gateway: Running; turn(): Promise<number> }> {
  const key = await command(address, 'keys', 'create', 'k', '--budget', '1000000tokens/day');
  const authorization = `Bearer ${key}`;
  const gateway = await startShared(address, providers);
  running.push(gateway);
  return { gateway, turn: () => status(gateway, 'demo/echo', { authorization }) };
}

interface Load {
  /** Turns that were answered so far. */
  turns(): number;
  /** How long the slowest of them took. */
  slowestMs(): number;
  /** Asks no more; returns the turns that were answered and how long the slowest of them took. */
  stop(): Promise<{ turns: number; slowestMs: number }>;
}

/** Asks again and again until told to stop. */
function load(turn: () => Promise<number>): Load {
  let on = true;
  let turns = 0;
  let slowestMs = 0;
  const loops = many(4, async () => {
    while (on) {
      const startMs = performance.now();
      expect(await turn()).toBe(200);
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      turns++;
      await Bun.sleep(5);
    }
  });
  return {
    turns: () => turns,
    slowestMs: () => slowestMs,
    async stop() {
      on = false;
      await Promise.all(loops);
      return { turns, slowestMs };
    },
  };
}

async function bookedAt(address: string): Promise<{ requests: number; writers: number }> {
  const store = await openStore(address);
  const [usage] = await store.all('SELECT SUM(requests) AS n FROM usage_hours');
  const [writers] = await store.all('SELECT COUNT(*) AS n FROM usage_writers');
  await store.close();
  return { requests: Number(usage?.n ?? 0), writers: Number(writers?.n) };
}

async function booked(address: string, turns: number): Promise<void> {
  await eventually(async () => (await bookedAt(address)).requests >= turns);
  expect((await bookedAt(address)).requests).toBe(turns);
}

/** The turns go on for so long, and however slow the machine is. */
async function goesOn({ turns }: Load, ms: number): Promise<void> {
  const before = turns();
  await Bun.sleep(ms);
  await eventually(() => turns() >= before + 40);
}
/** Less than any of the stalls here, beside what a busy machine makes of a turn. */
const turnMsMax = (calmMs: number): number => 2_500 + 10 * calmMs;

const eventsOf = (gateway: Running): unknown[] => jsonLines(gateway.stdout()).map(({ event }) => event);

test.concurrent(
  'a database file that another process holds stops no turn and no other request',
  async () => {
    const path = join(dir, 'locked.db');
    const { gateway, turn } = await start(`sqlite:${path}`);
    const asking = load(turn);
    await goesOn(asking, 300);
    const calmMs = asking.slowestMs();
    const other = new Database(path);
    other.run('BEGIN EXCLUSIVE');
    await goesOn(asking, 3_500);
    other.run('ROLLBACK');
    other.close();
    const { turns, slowestMs } = await asking.stop();
    expect(slowestMs).toBeLessThan(turnMsMax(calmMs));
    await booked(`sqlite:${path}`, turns);
    gateway.signal('SIGTERM');
    expect(await gateway.ended).toBe(0);
    // Whoever has written all has no mark to leave.
    expect(await bookedAt(`sqlite:${path}`)).toEqual({ requests: turns, writers: 0 });
  },
  60_000,
);

test.concurrent(
  'a gateway that is killed loses no usage but that of its last moment',
  async () => {
    const address = `sqlite:${join(dir, 'killed.db')}`;
    const { gateway, turn } = await start(address);
    expect(await Promise.all(many(20, turn))).toEqual(Array.from({ length: 20 }, () => 200));
    await booked(address, 20);
    process.kill(gateway.pid, 'SIGKILL');
    await gateway.ended;
    expect((await bookedAt(address)).requests).toBe(20);
  },
  60_000,
);

test.concurrent('a database file that cannot be opened is said at the start', async () => {
  const program = startProgram({
    args: ['serve', '--port', '0'],
    config: { store: 'sqlite:/proc/nowhere/dragoman.db', providers },
  });
  expect(await program.ended).toBe(1);
  expect(program.stderr()).toStartWith('error: the store cannot be opened: ');
  await program.remove();
});

test.concurrent(
  'gateways that start at the same moment on a new file all start',
  async () => {
    const address = `sqlite:${join(dir, 'new.db')}`;
    const four = await Promise.all(many(4, () => startShared(address, providers)));
    running.push(...four);
    const statuses = await Promise.all(four.map((gateway) => status(gateway, 'demo/echo')));
    expect(statuses).toEqual([200, 200, 200, 200]);
  },
  60_000,
);

if (!hasPostgres) console.log('skipped: PostgreSQL is not installed');
describe.concurrent.if(hasPostgres)('PostgreSQL', () => {
  // Each stops a server of its own.
  const servers: Postgres[] = [];
  const startServer = async (): Promise<Postgres> => {
    const server = await startPostgres();
    servers.push(server);
    return server;
  };
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });

  test('that stalls, restarts and loses its connections stops no turn, and has each in the end once', async () => {
    const postgres = await startServer();
    const address = await postgres.database();
    const { gateway, turn } = await start(address);
    const asking = load(turn);
    await goesOn(asking, 700);
    const calmMs = asking.slowestMs();
    postgres.pause();
    await goesOn(asking, 3_000);
    postgres.resume();
    await Bun.sleep(500);
    await postgres.restart();
    const admin = new Bun.SQL({ url: address, max: 1 } as never);
    for (let i = 0; i < 5; i++) {
      // Whatever is being written waits, and then loses its connection.
      await admin.begin(async (tx) => {
        await tx.unsafe('LOCK TABLE usage_hours IN ACCESS EXCLUSIVE MODE');
        await Bun.sleep(300 + 40 * i);
        await tx.unsafe(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        );
      });
    }
    await admin.close();
    const { turns, slowestMs } = await asking.stop();
    expect(slowestMs).toBeLessThan(turnMsMax(calmMs));
    await booked(address, turns);
    expect(eventsOf(gateway)).toContain('store_unavailable');
    gateway.signal('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(await bookedAt(address)).toEqual({ requests: turns, writers: 0 });
  }, 60_000);

  test('that is gone holds up an end for a while only, and a start is refused; both say so', async () => {
    const postgres = await startServer();
    const address = (await postgres.database()).replace('dragoman@', 'dragoman:canary-password@');
    const { gateway, turn } = await start(address);
    expect(await turn()).toBe(200);
    postgres.pause();
    try {
      expect(await turn()).toBe(200);
      const startMs = performance.now();
      const late = refusedStart(address);
      gateway.signal('SIGTERM');
      expect(await gateway.ended).toBe(0);
      expect(performance.now() - startMs).toBeWithin(4_000, 30_000);
      expect(gateway.stdout()).toContain('what was used last is not written');
      await late;
      expect(performance.now() - startMs).toBeLessThan(30_000);
    } finally {
      postgres.resume();
    }
  }, 60_000);

  test('that refuses connections is said at the start', () =>
    refusedStart('postgres://u:canary-password@127.0.0.1:9/x'));

  async function refusedStart(store: string): Promise<void> {
    const program = startProgram({ args: ['serve', '--port', '0'], config: { store, providers } });
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toMatch(/^error: the store cannot be opened: PostgreSQL at 127\.0\.0\.1:\d+: /);
    expect(program.stderr() + program.stdout()).not.toContain('canary-password');
    await program.remove();
  }
});
