import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { contracts } from '../../src/protocols/contracts.ts';
import { projectRoot } from '../support/program.ts';
import { parity } from './parity.ts';

const written = readFileSync(join(projectRoot, 'docs/parity.md'), 'utf8');

test('docs/parity.md is what the contracts say; `npm run parity` renews it', async () => {
  const [is, shouldBe] = [written, await parity()].map((text) => text.split('\n'));
  const at = shouldBe!.findIndex((line, i) => line !== is![i]);
  // The first line that differs says enough.
  expect([is![at], is!.length]).toEqual([shouldBe![at], shouldBe!.length]);
});

test('docs/parity.md has a row for every field of every protocol', () => {
  for (const { fields } of contracts.values()) {
    const absent = fields.filter(({ path }) => !written.includes(`| \`${path.replaceAll('|', '\\|')}\``));
    expect(absent.map(({ path }) => path)).toEqual([]);
  }
});

test('docs/parity.md points to no reason that it does not give', () => {
  const given = new Set([...written.matchAll(/^(\d+)\. \S/gm)].map(([, number]) => number));
  const used = [...written.matchAll(/<sup>([\d, ]+)<\/sup>/g)].flatMap(([, numbers]) => numbers!.split(', '));
  expect(used.length).toBeGreaterThan(100);
  expect(used.filter((number) => !given.has(number))).toEqual([]);
});
