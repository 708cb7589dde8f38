import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { allPairs, quickPairs } from '../clients/matrix.ts';
import { cell, cellKey, pagePath, readCells, withCells } from '../clients/table.ts';
import { readme } from './readme.ts';

const page = readFileSync(pagePath, 'utf8');

test('docs/clients.md is linked from the README', () => {
  expect(readme).toContain('(docs/clients.md)');
});

test('the table of sessions has every client on every upstream, and all are well', () => {
  const cells = readCells(page);
  expect([...cells.keys()]).toEqual(allPairs.map(([client, upstream]) => cellKey(client, upstream)));
  expect([...cells].filter(([, text]) => !/^✓ (?:[5-9]\d|\d{3,})$/.test(text))).toEqual([]);
});

test('the table is as `npm run sessions -- --write` writes it', () => {
  expect(withCells(page, readCells(page))).toBe(page);
});

test('a session that went wrong, and one that was not run, show in the table', () => {
  const [[client, upstream]] = quickPairs as [(typeof quickPairs)[0]];
  const key = cellKey(client, upstream);
  const worse = withCells(page, new Map([[key, cell({ turns: 12, faults: ['it stopped'] })]]));
  const cells = readCells(worse);
  expect(cells.get(key)).toBe('✗ 12');
  expect([...cells.values()].filter((text) => text === '?')).toHaveLength(allPairs.length - 1);
});
