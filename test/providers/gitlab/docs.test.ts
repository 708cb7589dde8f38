/** docs/providers/gitlab-duo.md says what the provider does. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cures } from '../../../src/providers/gitlab/account-failure.ts';
import { gitlab } from '../../../src/providers/gitlab/index.ts';
import { projectRoot } from '../../support/program.ts';
import { matrix } from './matrix.ts';

const page = readFileSync(join(projectRoot, 'docs/providers/gitlab-duo.md'), 'utf8');
const section = (title: string): string => page.split(`## ${title}\n`)[1]!.split('\n## ')[0]!;

test('the matrix of capabilities is what the code gives', () => {
  const [, table] = /<!-- capabilities -->\n\n([\s\S]*?)\n\n<!-- \/capabilities -->/.exec(page) ?? [];
  expect(table).toBe(matrix());
});

test('every verdict is explained', () => {
  for (const word of [...Object.keys(cures), 'unproven'])
    // These two come of the configuration, not of a person's account.
    if (!['gateway_token_refused', 'grant_not_for_proxy'].includes(word))
      expect(page).toContain(`\`${word}\``);
});

test('every setting that it names exists', () => {
  const known = Object.keys((gitlab.configSchema as unknown as { shape: object }).shape);
  const named = [...page.matchAll(/`([a-z]+_[a-z_]+|transport|grant|scope|models|preferred): /g)].map(
    (match) => match[1]!,
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

describe.each(['Codex features', "The plan's tasks"])('%s', (title) => {
  const rows = section(title)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2);

  test('name tests that exist', () => {
    const files = rows.flatMap((row) => [...row.matchAll(/`([a-z]+\.test\.ts)`/g)].map((match) => match[1]!));
    expect(files.length).toBeGreaterThan(8);
    expect(files.filter((file) => !existsSync(join(import.meta.dir, file)))).toEqual([]);
  });
});

test('every required feature of Codex has a test', () => {
  const required = section('Codex features')
    .split('\n')
    .filter((line) => line.includes('| required '));
  expect(required.length).toBeGreaterThan(5);
  expect(required.filter((row) => !row.includes('.test.ts`'))).toEqual([]);
});

test('every task of the plan has its row', () => {
  const tasks = section("The plan's tasks")
    .match(/^\| \d\.\d/gm)!
    .map((match) => match.slice(2));
  expect(tasks).toEqual([
    '1.1',
    '1.2',
    '1.3',
    '2.1',
    '2.2',
    '2.3',
    '3.1',
    '3.2',
    '3.3',
    '4.1',
    '4.2',
    '4.3',
    '5.1',
    '5.2',
    '5.3',
  ]);
});
