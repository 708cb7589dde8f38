/** The reference documents say what the program has, no less and no more. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../src/config/load.ts';
import { createGateway, providerSchemas } from '../../src/gateway.ts';
import { allAdminRoutes } from '../../src/server/admin.ts';
import { requestFields } from '../../src/telemetry/request-fields.ts';
import { projectRoot } from '../support/program.ts';
import { turnRecord } from '../telemetry/records.ts';
import { readme } from './readme.ts';
import { documents, generated, withGenerated } from './tables.ts';

const read = (name: string): string => readFileSync(join(projectRoot, 'docs', name), 'utf8');

/** What stands between backticks in the first column of the table under a heading. */
function firstColumn(text: string, heading: string): string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading))!;
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
}

describe.each(documents)('docs/%s', (name) => {
  test('is linked from the README', () => {
    expect(readme).toContain(`(docs/${name})`);
  });

  test('has its generated parts as the program is now; `npx bun test/docs/write.ts` renews them', () => {
    expect(read(name)).toBe(withGenerated(read(name)));
  });
});

test('every generated part has its place', () => {
  const text = documents.map(read).join('');
  expect(Object.keys(generated).filter((name) => !text.includes(`<!-- ${name} -->\n\n|`))).toEqual([]);
});

test('every key has a meaning', () => {
  const keys = read('configuration.md').split('## Environment')[0]!;
  const rows = keys.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter((row) => row.split('|').at(-2)!.trim() === '')).toEqual([]);
});

test('the log fields are those that are written', () => {
  const written = Object.keys(requestFields(turnRecord()));
  expect(firstColumn(read('operations.md'), 'Log').sort()).toEqual(
    ['time', 'level', 'event', ...written].sort(),
  );
});

test('the routes of administration are those that there are', () => {
  const routes = allAdminRoutes.map(({ method, path }) => `${method} /admin${path}`);
  expect(firstColumn(read('operations.md'), 'Administration').sort()).toEqual(routes.sort());
});

test('the states of accounts are those that `dragoman accounts` shows', () => {
  const states = firstColumn(read('operations.md'), 'Accounts');
  expect(states).toEqual(['ok', 'cooling', 'suspended', 'needs a login', 'switched off']);
  const source = readFileSync(join(projectRoot, 'src/cli/accounts.ts'), 'utf8');
  for (const state of ['ok', 'needs a login', 'switched off']) expect(source).toContain(state);
});

test('the health routes answer as the table says', async () => {
  const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
  if (!loaded.ok) return expect(loaded.problems).toEqual([]);
  const gateway = createGateway({
    config: loaded.config,
    version: '1.2.3',
    recorder: { record() {}, streamsOpen() {} },
    metrics: () => 'x 1\n',
  });
  const get = async (route: string): Promise<[number, string]> => {
    const response = await gateway.fetch(new Request(`http://127.0.0.1${route.replace('GET ', '')}`));
    return [response.status, await response.text()];
  };
  expect(firstColumn(read('operations.md'), 'Health').map((route) => route.replace('GET ', ''))).toEqual([
    '/healthz',
    '/readyz',
    '/metrics',
  ]);
  expect(await get('/healthz')).toEqual([200, '{"status":"ok","version":"1.2.3"}']);
  expect(await get('/readyz')).toEqual([200, '{"status":"ready"}']);
  expect(await get('/metrics')).toEqual([200, 'x 1\n']);
  await gateway.stop({ drainMs: 0 });
  expect(await get('/readyz')).toEqual([503, '{"status":"draining"}']);
  expect(read('operations.md')).toContain('503 `{"status":"draining"}`');
});
