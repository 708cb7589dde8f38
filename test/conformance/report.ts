import { resolve } from 'node:path';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { runMatrix, subjects } from './matrix.ts';
import { report } from './report-text.ts';

// Runs every recorded reply through the gateway, prints the scores and writes them to docs/conformance.md.
// Exit status 1 when there is a fault that is not a forced loss.
if (!corpusAvailable) {
  console.error(`no corpus at ${corpusRoot}; set DRAGOMAN_CORPUS`);
  process.exit(2);
}
const cells = await runMatrix(subjects());
const text = report(cells);
await Bun.write(resolve(import.meta.dir, '../../docs/conformance.md'), text);
process.stdout.write(text);
process.exit(cells.some(({ misses }) => misses.length > 0) ? 1 : 0);
