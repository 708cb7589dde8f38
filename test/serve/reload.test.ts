/** The configuration is taken up as soon as it is edited, by the real program and with streams open. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createVault, keyFromFile } from '../../src/accounts/vault.ts';
import { storedAccounts } from '../../src/accounts/stored-accounts.ts';
import { openStore } from '../../src/store/open.ts';
import { ask } from '../gateway/setup.ts';
import { eventually } from '../support/eventually.ts';
import { jsonLines, startServe, type Program } from '../support/program.ts';
import { startReplay, type ReplayUpstream } from '../support/replay.ts';
import { heldReply, replies } from './setup.ts';

const home = mkdtempSync(join(tmpdir(), 'dragoman-reload-'));
const cwd = join(home, 'work');
const file = join(cwd, 'dragoman.yaml');
let upstream: ReplayUpstream;
let gateway: Program & { readonly url: string };

const provider = (name: string, key: string) => ({
  name,
  type: 'openai',
  base_url: `${upstream.url}/v1`,
  api_key: key,
  protocols: ['openai-chat'],
  models: ['m'],
});
const config = (providers: readonly object[], more: object = {}) =>
  stringify({ log: { level: 'debug' }, providers, ...more });
const firstKey = 'the-key-of-the-beginning';

beforeAll(async () => {
  upstream = startReplay({ models: ['m'] });
  mkdirSync(cwd);
  writeFileSync(file, config([provider('one', firstKey), provider('two', 'key-of-two')]));
  gateway = await startServe({ cwd, env: { DRAGOMAN_HOME: home } });
});
afterAll(async () => {
  await gateway.remove();
  await upstream.stop();
  rmSync(home, { recursive: true });
});
afterEach(() => upstream.reset());

const events = (name: string): Record<string, unknown>[] =>
  jsonLines(gateway.stdout()).filter(({ event }) => event === name);

/** Edits the file and waits until the gateway has said what it makes of it. */
async function edit(text: string, answer = 'config_taken_up'): Promise<Record<string, unknown>> {
  const before = events(answer).length;
  writeFileSync(file, text);
  await eventually(() => events(answer).length > before);
  return events(answer).at(-1)!;
}

const keyOf = (index: number): string | null => upstream.requests[index]!.headers.get('authorization');
const ended = async (model: string): Promise<number> => {
  const response = await ask(gateway, 'chat', { model, stream: true });
  await response.text();
  return response.status;
};

describe('an edit of the configuration', () => {
  test('is for requests that come after it; an open stream goes on as it began', async () => {
    const { script, hold } = heldReply();
    upstream.enqueue(script, replies('chat'), replies('chat'));
    const open = await ask(gateway, 'chat', { model: 'one/m', stream: true });
    const text = open.text();

    // The one gets a new key, the other goes.
    expect(await edit(config([provider('one', 'a-key-of-later-days')]))).toMatchObject({ level: 'info' });
    expect(await ended('one/m')).toBe(200);
    expect(await ended('two/m')).toBe(404);
    expect([keyOf(0), keyOf(1)]).toEqual([`Bearer ${firstKey}`, 'Bearer a-key-of-later-days']);

    // Even when the provider it came from is gone.
    await edit(config([provider('two', 'key-of-two')]));
    expect(await ended('one/m')).toBe(404);
    expect(await ended('two/m')).toBe(200);
    hold.open();
    expect(await text).toEndWith('data: [DONE]\n\n');
  });

  test('that is not valid leaves the old one in force, and is told with its place and without its values', async () => {
    await edit(config([provider('one', firstKey)]));
    const told = await edit(
      `providers:\n  - name: one\n    type: openai\n    base_url: not-a-secret-address\n`,
      'config_refused',
    );
    expect(told).toMatchObject({ level: 'error' });
    expect(told.why).toMatch(
      /dragoman\.yaml:4:15: providers\[0\]\.base_url: .*; the old configuration stays in force$/,
    );
    const broken = await edit(`providers: [ { api_key: "half-a-secret\n`, 'config_refused');
    expect(JSON.stringify([told, broken])).not.toMatch(/not-a-secret|half-a-secret/);
    upstream.enqueue(replies('chat'));
    expect(await ended('one/m')).toBe(200);
    expect(keyOf(0)).toBe(`Bearer ${firstKey}`);
  });

  test('by an editor that replaces the file is seen as well, and a file that is gone changes nothing', async () => {
    const before = events('config_taken_up').length;
    writeFileSync(`${file}~`, config([provider('three', 'key-of-three')]));
    rmSync(file);
    await Bun.sleep(700);
    upstream.enqueue(replies('chat'), replies('chat'));
    expect(await ended('one/m')).toBe(200);
    renameSync(`${file}~`, file);
    await eventually(() => events('config_taken_up').length > before);
    expect(await ended('three/m')).toBe(200);
  });

  test('of what is read at the start only says so', async () => {
    const told = await edit(
      config([provider('one', firstKey)], {
        server: { port: 4343, body_bytes_max: 200_000_000 },
        log: { level: 'info' },
        store: 'sqlite:other.db',
      }),
    );
    expect(told.after_restart).toBe('server.body_bytes_max, store, log.level');
    expect(events('config_refused').length).toBe(2);
  });
});

test('the log masks the keys of an edit, and of accounts that came later', async () => {
  const refusal = (key: string) => ({
    kind: 'body' as const,
    status: 400,
    body: { error: { message: `no: ${key}`, type: 'invalid_request_error' } },
  });
  await edit(config([provider('one', 'unheard-of-in-the-edit')]));
  // A vendor that quotes another account's key than the one it was asked with.
  const store = await openStore(`sqlite:${join(home, 'dragoman.db')}`);
  const accounts = storedAccounts(store, createVault(keyFromFile(join(home, 'vault.key'))), Date.now);
  await accounts.put({
    provider: 'elsewhere',
    name: 'me',
    kind: 'oauth',
    secret: { token: 'unheard-of-in-the-store' },
  });
  await store.announce('accounts');
  await store.close();
  // The gateway looks at the store twice a second, and says nothing of what it sees.
  await Bun.sleep(2_500);
  for (const key of ['unheard-of-in-the-edit', 'unheard-of-in-the-store', firstKey]) {
    upstream.enqueue(refusal(key));
    await ended('one/m');
  }
  // The last is of the edit before, with which requests may still be under way.
  const errors = (): unknown[] => events('request').map(({ error }) => error);
  await eventually(() =>
    errors()
      .slice(-3)
      .every((error) => error !== undefined),
  );
  expect(errors().slice(-3)).toEqual(['no: [redacted]', 'no: ***', 'no: ***']);
});
