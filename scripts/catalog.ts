/**
 * Renews the snapshot of the model catalog: `npm run catalog`. It takes models.dev's own document unless another
 * one of its shape is named: `npm run catalog -- --from FILE|URL [--source TEXT] [--date YYYY-MM-DD] [--to FILE]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCatalog, type CatalogModel } from '../src/routing/models-dev.ts';
import { vendors } from '../src/routing/vendors.ts';

const standard = 'https://models.dev/api.json';
const usual = join(import.meta.dir, '../src/routing/models-snapshot.json');
/** A snapshot that loses more than this share of the models of the one before is an accident. */
const lossMax = 0.25;
/** The members that come first in a model's line; the others follow by name. */
const order = ['id', 'name', 'release_date', 'limit', 'modalities', 'cost'];

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: standard },
    source: { type: 'string' },
    date: { type: 'string' },
    to: { type: 'string', default: usual },
    force: { type: 'boolean', default: false },
  },
});

const reading = readCatalog(JSON.parse(await read(values.from)), Object.keys(vendors));
const before = countBefore();
if (reading.models < before * (1 - lossMax) && !values.force) {
  throw new Error(
    `only ${reading.models} models where there were ${before}; --force takes them all the same`,
  );
}
for (const name of reading.faulty) console.warn(`not of the shape, left out: ${name}`);

const text = written({
  source: values.source ?? values.from,
  date: values.date ?? new Date().toISOString().slice(0, 10),
});
writeFileSync(values.to, text);
console.log(`${reading.models} models, ${Math.round(text.length / 1024)} KiB, before ${before}`);

async function read(from: string): Promise<string> {
  if (!/^https?:/.test(from)) return readFileSync(from, 'utf8');
  const response = await fetch(from);
  if (!response.ok) throw new Error(`${from} answered ${response.status}`);
  return response.text();
}

function countBefore(): number {
  try {
    return readCatalog(JSON.parse(readFileSync(values.to, 'utf8')).catalog, Object.keys(vendors)).models;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return 0;
    throw error;
  }
}

/** One model a line, so that a change can be read. */
function written(head: { source: string; date: string }): string {
  const vendorTexts = Object.entries(reading.catalog).map(([vendor, { models }]) => {
    const lines = Object.entries(models).map(
      ([id, model]) => `${JSON.stringify(id)}:${JSON.stringify(ordered(model))}`,
    );
    return `${JSON.stringify(vendor)}:{"models":{\n${lines.join(',\n')}\n}}`;
  });
  return `{"source":${JSON.stringify(head.source)},"date":"${head.date}","catalog":{\n${vendorTexts.join(',\n')}\n}}\n`;
}

function ordered(model: CatalogModel): object {
  return Object.fromEntries(Object.entries(model).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1)));
}

function rank(member: string): number {
  const at = order.indexOf(member);
  return at < 0 ? order.length : at;
}
