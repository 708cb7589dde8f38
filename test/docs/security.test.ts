import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/program.ts';

const text = readFileSync(join(projectRoot, 'docs/security.md'), 'utf8');
const rows = text
  .slice(text.indexOf('## Promises'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2);

test('every promise names the test that holds it', () => {
  expect(rows.length).toBeGreaterThan(20);
  const lost = rows.filter((row) => {
    const file = /\]\(\.\.\/(test\/[^)]+)\)/.exec(row)?.[1];
    return file === undefined || !existsSync(join(projectRoot, file));
  });
  expect(lost).toEqual([]);
});

test('every security test holds a promise', () => {
  const tests = readdirSync(join(projectRoot, 'test/security')).filter((name) => name.endsWith('.test.ts'));
  expect(tests.filter((name) => !text.includes(`](../test/security/${name})`))).toEqual([]);
});
