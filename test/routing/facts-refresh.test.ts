import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  factsRefresh,
  type FactsRefreshOptions,
  type RefreshOutcome,
} from '../../src/routing/facts-refresh.ts';
import type { ModelCatalog } from '../../src/routing/models-dev.ts';
import { eventually } from '../support/eventually.ts';

const modelsOf = (count: number, price = 1) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`m${i}`, { id: `m${i}`, cost: { input: price, output: 2 } }]),
  );
const snapshot: ModelCatalog = { openai: { models: modelsOf(10) } };
const good = (price = 5) => ({ openai: { models: modelsOf(12, price) }, nobody: { models: modelsOf(3) } });

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** A server of catalogs on loopback, and a refresh that asks it. */
function setup(
  answer: (request: Request) => Response | Promise<Response>,
  more: Partial<FactsRefreshOptions> = {},
) {
  const asked: Request[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      asked.push(request);
      return answer(request);
    },
  });
  const home = mkdtempSync(join(tmpdir(), 'catalog-'));
  const catalogs: ModelCatalog[] = [];
  const outcomes: RefreshOutcome[] = [];
  const file = join(home, 'state', 'model-catalog.json');
  let resolveOutcome: (() => void) | undefined;
  const open = (also: Partial<FactsRefreshOptions> = {}) => {
    const refresh = factsRefresh({
      url: server.url.href,
      everyMs: 3_600_000,
      file,
      snapshot,
      fetch,
      nowMs: Date.now,
      renewed: (catalog) => void catalogs.push(catalog),
      report(outcome) {
        outcomes.push(outcome);
        resolveOutcome?.();
      },
      ...more,
      ...also,
    });
    cleanups.push(() => refresh.stop());
    return refresh;
  };
  cleanups.push(() => {
    void server.stop(true);
    rmSync(home, { recursive: true });
  });
  const nextOutcome = () => new Promise<void>((resolve) => (resolveOutcome = resolve));
  return { asked, catalogs, outcomes, file, home, open, nextOutcome };
}

const json = (body: unknown, headers: Record<string, string> = {}) => Response.json(body, { headers });

describe('asking for a newer catalog', () => {
  test('a good one is taken, without the vendors that nobody asked for, and kept on disk', async () => {
    const { open, catalogs, file, home } = setup(() => json(good(), { etag: '"1"' }));
    expect(await open().refresh()).toEqual({ kind: 'renewed', models: 12 });
    expect(Object.keys(catalogs[0]!)).toEqual(['openai']);
    expect(catalogs[0]!.openai?.models.m0?.cost?.input).toBe(5);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ etag: '"1"', catalog: { openai: {} } });
    expect(readdirSync(join(home, 'state'))).toEqual(['model-catalog.json']);
  });

  test('the tag of the one before goes along, and an unchanged catalog is not sent again', async () => {
    const { open, asked, catalogs } = setup((request) =>
      request.headers.get('if-none-match') === '"1"'
        ? new Response(null, { status: 304 })
        : json(good(), { etag: '"1"' }),
    );
    const refresh = open();
    await refresh.refresh();
    expect(await refresh.refresh()).toEqual({ kind: 'unchanged' });
    expect(asked.map(({ headers }) => headers.get('if-none-match'))).toEqual([null, '"1"']);
    expect(catalogs).toHaveLength(1);
  });

  test.each<[string, () => Response | Promise<Response>, RegExp]>([
    ['far smaller than the snapshot', () => json({ openai: { models: modelsOf(4) } }), /4 models of 10/],
    ['an empty object', () => json({}), /0 models/],
    [
      'not of the shape',
      () => json({ openai: { models: { ...modelsOf(9), a: 1, b: 2 } } }),
      /2 models .* not of the shape/,
    ],
    ['no JSON', () => new Response('<html>'), /JSON/i],
    ['an error page', () => new Response('no', { status: 503 }), /answered 503/],
    ['cut in the middle', () => new Response(JSON.stringify(good()).slice(0, 200)), /JSON/i],
    ['beyond all measure', () => new Response(new Uint8Array(33 * 1024 * 1024)), /larger than/],
  ])('one that is %s is refused, and the last good one stays', async (_, bad, why) => {
    let answer: () => Response | Promise<Response> = () => json(good());
    const { open, catalogs, file } = setup(() => answer());
    const refresh = open();
    await refresh.refresh();
    const kept = readFileSync(file, 'utf8');
    answer = bad;
    const outcome = await refresh.refresh();
    expect(outcome.kind === 'failed' && outcome.why).toMatch(why);
    expect(catalogs).toHaveLength(1);
    expect(readFileSync(file, 'utf8')).toBe(kept);
  });

  test('a server that cannot be reached is no error of ours', async () => {
    const { open, catalogs } = setup(() => json(good()), { url: 'http://127.0.0.1:1/' });
    expect((await open().refresh()).kind).toBe('failed');
    expect(catalogs).toEqual([]);
  });

  test('a directory that cannot be written to does not keep the catalog from being used', async () => {
    const { open, catalogs, home } = setup(() => json(good()));
    writeFileSync(join(home, 'file'), '');
    const refresh = open({ file: join(home, 'file', 'model-catalog.json') });
    expect((await refresh.refresh()).kind).toBe('renewed');
    expect(catalogs).toHaveLength(1);
  });
});

describe('the next start', () => {
  test('takes up what was kept and does not ask again before it is time', async () => {
    const { open, asked, catalogs } = setup(() => json(good(), { etag: '"1"' }));
    await open().refresh();
    open().start();
    await eventually(() => catalogs.length > 1);
    await Bun.sleep(20);
    expect(catalogs[1]).toEqual(catalogs[0]!);
    expect(asked).toHaveLength(1);
  });

  test('asks at once, with the tag that was kept, when it is old', async () => {
    let nowMs = 1_000_000;
    const clock = { nowMs: () => nowMs };
    const { open, asked, nextOutcome, outcomes } = setup((request) =>
      request.headers.get('if-none-match')
        ? new Response(null, { status: 304 })
        : json(good(), { etag: '"1"' }),
    );
    await open(clock).refresh();
    nowMs += 3_600_001;
    const done = nextOutcome();
    open(clock).start();
    await done;
    expect(outcomes.at(-1)).toEqual({ kind: 'unchanged' });
    expect(asked.at(-1)!.headers.get('if-none-match')).toBe('"1"');
  });

  test.each([
    ['damaged', () => '{"url'],
    [
      'of another address',
      (url: string) =>
        JSON.stringify({ url: `${url}other`, etag: '"9"', askedMs: Date.now(), catalog: good() }),
    ],
    ['too small', (url: string) => JSON.stringify({ url, etag: '"9"', askedMs: Date.now(), catalog: {} })],
  ])('passes over a file that is %s, and asks', async (_, textOf) => {
    const { open, asked, catalogs, home, nextOutcome } = setup(() => json(good()));
    const file = join(home, 'model-catalog.json');
    const probe = open({ file });
    await probe.refresh();
    const { url } = JSON.parse(readFileSync(file, 'utf8')) as { url: string };
    writeFileSync(file, textOf(url));
    asked.length = catalogs.length = 0;
    const done = nextOutcome();
    open({ file }).start();
    await done;
    expect(asked.map(({ headers }) => headers.get('if-none-match'))).toEqual([null]);
    expect(catalogs).toHaveLength(1);
  });

  test('waits for nothing, and a stop cuts what is under way', async () => {
    const { open, outcomes, asked } = setup(() => new Promise<Response>(() => {}));
    const refresh = open();
    refresh.start();
    await eventually(() => asked.length > 0);
    expect(asked).toHaveLength(1);
    refresh.stop();
    await Bun.sleep(10);
    expect(outcomes).toEqual([]);
  });
});
