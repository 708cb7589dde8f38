/** Rewrites the generated parts of the documents: `npx bun test/docs/write.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documents, withGenerated } from './tables.ts';

for (const name of documents) {
  const path = join(import.meta.dir, '../../docs', name);
  writeFileSync(path, withGenerated(readFileSync(path, 'utf8')));
}
