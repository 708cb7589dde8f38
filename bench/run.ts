/**
 * CPU, delay and memory of the gateway beside nginx as a plain reverse proxy and the least relay that Bun allows.
 * `npm run bench -- [--quick] [--only case,case] [--keys] [--rounds N] [--json FILE]`; about 4 minutes, `--quick` one.
 * With `--keys` the gateway has a key with limits and budgets, and every request shows it.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { runBatches } from './batch.ts';
import type { Bench, Results, Server } from './bench.ts';
import { useKey } from './caller.ts';
import { batchCases, caseIds, pacedCases, remarks } from './cases.ts';
import { runFootprint } from './footprint.ts';
import { startGateway } from './gateway.ts';
import { startNginx } from './nginx.ts';
import { runAborts, runPaced } from './paced.ts';
import { canPin, startLoad, startRelay, startUpstream } from './processes.ts';
import { checkTable, comparisonTable, comparisonVerdict, verdict } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    keys: { type: 'boolean', default: false },
  },
});

const rounds = flags.rounds === undefined ? (flags.quick ? 3 : 7) : Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) refuse('--rounds takes a number from 1');
const only = flags.only?.split(',') ?? caseIds;
for (const id of only) if (!caseIds.includes(id)) refuse(`no case ${id}; there are ${caseIds.join(', ')}`);
const chosen = <T extends { readonly id: string }>(cases: readonly T[]): T[] =>
  cases.filter(({ id }) => only.includes(id));

if (process.platform !== 'linux') refuse('the bench reads /proc: it runs on Linux only');
if (!canPin) console.log('taskset is not installed: processes are not held on their processors');

const startedAt = performance.now();
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};
const results: Results = { comparisons: [], checks: [], faults: [], doubts: [] };

if (flags.keys) await useKey();
const upstream = await startUpstream();
const load = await startLoad();
// A new gateway each time: before the servers that are compared, so that nothing else runs.
if (only.includes('footprint')) await runFootprint(upstream, load, results, progress);

const nginx = await startNginx(upstream.port);
if (nginx === undefined) console.log('nginx is not installed: its column is left out');
const servers: Server[] = [
  { name: 'gateway', running: await startGateway(upstream.port) },
  ...(nginx ? [{ name: 'nginx' as const, running: nginx }] : []),
  { name: 'relay', running: await startRelay(upstream.port) },
];
const pacedRounds = Math.max(1, Math.floor(rounds / 2));
const bench: Bench = { upstream, load, servers, rounds, pacedRounds, progress };
await runBatches(bench, chosen(batchCases), results);
await runPaced(bench, chosen(pacedCases), results);
if (only.includes('aborts')) await runAborts(bench, results);
await nginx?.stop();
progress('');

const { comparisons, checks, faults, doubts } = results;
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
const processor = cpus()[0]?.model ?? 'unknown processor';
console.log(
  `Bun ${Bun.version}, ${processor}, medians of ${rounds} rounds (paced: ${pacedRounds}), ${seconds} s`,
);
for (const remark of remarks) console.log(`  ${remark}`);
if (comparisons.length > 0) console.log(`\n${comparisonTable(comparisons, nginx !== undefined)}`);
if (checks.length > 0) console.log(`\n${checkTable(checks)}`);

const verdicts = [
  ...comparisons.map(comparisonVerdict),
  ...checks.map(({ value, max }) => verdict(value, max)),
];
const count = (word: string): number => verdicts.filter((each) => each === word).length;
console.log(`\n${count('pass')} pass, ${count('miss')} miss`);
for (const doubt of doubts) console.log(`UNSURE: ${doubt}`);
for (const fault of new Set(faults)) console.log(`WRONG: ${fault}`);
if (flags.json !== undefined) {
  const report = {
    date: new Date().toISOString(),
    bun: Bun.version,
    processor,
    rounds,
    pacedRounds,
    ...results,
  };
  await Bun.write(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
process.exit(faults.length === 0 ? 0 : 1);

function refuse(problem: string): never {
  console.error(`error: ${problem}`);
  process.exit(2);
}
