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
// Exit status 1 when there is a fault that is not a forced loss.
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
await Bun.write(resolve(import.meta.dir, '../../docs/conformance.md'), text);
process.stdout.write(text);
const failed = [...replies, ...carried, ...requests].some(({ misses }) => misses.length > 0);
process.exit(failed ? 1 : 0);
