#!/usr/bin/env bun
import { raiseFetchLimit } from './fetch-limit.ts';

raiseFetchLimit(process);

const { run } = await import('./program.ts');
const { processHost } = await import('./host.ts');
// Everything is written by now; an idle connection to an upstream must not keep the process.
process.exit(await run(process.argv.slice(2), processHost()));
