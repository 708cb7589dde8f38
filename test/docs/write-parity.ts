/** Writes docs/parity.md: `npm run parity`. */
import { join } from 'node:path';
import { projectRoot } from '../support/program.ts';
import { parity } from './parity.ts';

await Bun.write(join(projectRoot, 'docs/parity.md'), await parity());
