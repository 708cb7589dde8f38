/**
 * The real program, with one more kind of provider: `bun test/shared/process.ts serve …`. With `TEST_NETWORK` all that
 * goes to vendors goes to that address instead.
 */
import { processHost } from '../../src/cli/host.ts';
import { run } from '../../src/cli/program.ts';
import { raiseFetchLimit } from '../../src/cli/fetch-limit.ts';
import { createGateway, schemasWith } from '../../src/gateway.ts';
import { rotating } from './rotating.ts';

raiseFetchLimit(process);
const kinds = [rotating];
const { TEST_NETWORK: network } = process.env;
const redirected = ((input: string, init: RequestInit) =>
  fetch(network + new URL(input).pathname, init)) as typeof fetch;

process.exit(
  await run(process.argv.slice(2), {
    ...processHost(),
    gateway: async () => ({
      createGateway: (options) =>
        createGateway({ ...options, kinds, ...(network === undefined ? {} : { fetch: redirected }) }),
      providerSchemas: schemasWith(kinds),
    }),
  }),
);
