import { describe, expect, test } from 'bun:test';
import type { Field } from '../../src/protocols/contract.ts';
import { contracts, fieldAt } from '../../src/protocols/contracts.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { doubledRows, isContainer, isShared, missingFields, staleRows } from './coverage.ts';
import { sourcesOf } from './sources.ts';

if (!corpusAvailable)
  console.warn(`no corpus at ${corpusRoot}: the tables are held against the SDKs' types alone`);

/** A list that should be empty; a failure prints what is in it. */
const nothing: string[] = [];

describe.each([...contracts.values()])('the table of $protocol', ({ protocol, fields }) => {
  test("has every field that the SDK and the vendor's documents have", () => {
    expect(missingFields(fields, sourcesOf(protocol))).toEqual(nothing);
  });

  test.skipIf(!corpusAvailable)('has no field that none of them has', () => {
    expect(staleRows(fields, sourcesOf(protocol))).toEqual(nothing);
  });

  test('names each place once', () => {
    expect(doubledRows(fields)).toEqual(nothing);
  });

  test('answers for every documented field when an encoder asks', () => {
    const paths = sourcesOf(protocol).flatMap((source) =>
      source.fields.filter(({ leaf }) => leaf).map(({ path }) => path),
    );
    const unanswered = paths.filter((path) => !fieldAt(protocol, path) && !/(^|\.)(type|role)$/.test(path));
    expect([...new Set(unanswered)]).toEqual(nothing);
  });

  test.skipIf(!corpusAvailable)(
    'is found wanting when any one row is taken away',
    () => {
      const sources = sourcesOf(protocol);
      const needed = fields.filter((row) => row.beyond === undefined && !isContainer(row, sources));
      const unnoticed = needed.filter((row) => {
        const others = fields.filter((other) => other !== row);
        return missingFields(others, sources).length === 0 && !isShared(row, fields);
      });
      expect(unnoticed.map(({ path }) => path)).toEqual(nothing);
    },
    60_000,
  );

  test('is found wanting when an SDK gains a field, a kind of tool or a kind of content', () => {
    const [source] = sourcesOf(protocol);
    const tool = source!.fields.find(({ path }) => /^tools\[type=\w+\]$/.test(path));
    const places = ['brand_new', ...(tool ? ['tools[type=brand_new]', `${tool.path}.brand_new`] : [])];
    const next = { name: 'next', fields: places.map((path) => ({ path, leaf: true })) };
    const found = missingFields(fields, [next]);
    expect(found).toEqual(places.map((path) => `${path} (next)`).sort());
  });

  test('is found stale when a row names what does not exist', () => {
    const wrong: Field = { path: 'no_such_field', is: 'model' };
    expect(staleRows([...fields, wrong], sourcesOf(protocol))).toContain(
      'no_such_field is in no description',
    );
    const { path } = sourcesOf(protocol)[0]!.fields[0]!;
    expect(staleRows([{ path, is: 'model', beyond: true }], sourcesOf(protocol))).toEqual([
      `${path} is called beyond, and the vendor's documents have it`,
    ]);
  });
});
