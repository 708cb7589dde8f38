/** The real program, with one more kind of provider: `bun test/shared/process.ts serve …`. */
import { processHost } from '../../src/cli/host.ts';
import { run } from '../../src/cli/program.ts';
import { createGateway, schemasWith } from '../../src/gateway.ts';
import { rotating } from './rotating.ts';

const kinds = [rotating];
process.exit(
  await run(process.argv.slice(2), {
    ...processHost(),
    gateway: async () => ({
      createGateway: (options) => createGateway({ ...options, kinds }),
      providerSchemas: schemasWith(kinds),
    }),
  }),
);
