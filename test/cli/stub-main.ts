import { processHost } from '../../src/cli/host.ts';
import { run } from '../../src/cli/program.ts';
import { stubGateway } from './stub-gateway.ts';

// The program as main.ts starts it, but with the gateway of these tests.
process.exit(await run(process.argv.slice(2), { ...processHost(), gateway: async () => stubGateway() }));
