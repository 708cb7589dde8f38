import { resolve } from 'node:path';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { runNames } from './asked/names.ts';
import { runRejections } from './asked/rejections.ts';
import { runRequests } from './asked/run.ts';
import { runDeliveries } from './deliveries.ts';
import { runLifecycle } from './lifecycle.ts';
import { runMatrix } from './matrix.ts';
import { runRefusals } from './refusals.ts';
import { report } from './report-text.ts';
import { runSplits } from './splits.ts';
import { subjects } from './subjects.ts';

// Runs the whole corpus through the gateway, prints the scores and writes them to docs/conformance.md.
// With --check it writes nothing, holds the file against what it would write, and ends with a count.
// Exit status 1 when there is a fault that is not a forced loss, or the file is not what it would write.
const isCheck = process.argv.includes('--check');
if (!corpusAvailable && isCheck) {
  console.log(`skipped: no corpus at ${corpusRoot}\n0 passed, 0 failed`);
  process.exit(0);
}
if (!corpusAvailable) {
  console.error(`no corpus at ${corpusRoot}; set DRAGOMAN_CORPUS`);
  process.exit(2);
}
const replies = await runMatrix(subjects());
const carried = [
  ...runSplits(),
  ...(await runDeliveries()),
  ...(await runLifecycle()),
  ...(await runRefusals()),
];
const requests = [
  ...(await runRequests('recorded')),
  ...(await runRequests('tools')),
  ...(await runNames()),
  ...(await runRejections()),
  ...(await runRequests('fuzz')),
];
const text = report({ replies, carried, requests });
const cells = [...replies, ...carried, ...requests];
const faults = cells.filter(({ misses }) => misses.length > 0).length;
const file = Bun.file(resolve(import.meta.dir, '../../docs/conformance.md'));
if (isCheck) {
  const isSame = (await file.text()) === text;
  if (!isSame) console.log('docs/conformance.md is not what this run would write: npm run conformance');
  console.log(`${cells.length - faults + (isSame ? 1 : 0)} passed, ${faults + (isSame ? 0 : 1)} failed`);
  process.exit(faults === 0 && isSame ? 0 : 1);
}
await Bun.write(file, text);
process.stdout.write(text);
process.exit(faults === 0 ? 0 : 1);
