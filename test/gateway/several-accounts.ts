/** Gateways with several accounts and a clock of their own for health, and answers of their upstreams. */
import { afterEach } from 'bun:test';
import { memoryState, type State } from '../../src/server/state.ts';
import type { Script } from '../support/replay.ts';
import { errorBody } from './fault-scripts.ts';
import { hello, startBench, type Bench, type BenchOptions, type SurfaceName } from './setup.ts';

let nowMs = Date.now();
const benches: Bench[] = [];
afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.stop()));
});

/** Starts one with the accounts a, b and c, asked in that order, and stops it after the test. */
export function start(options: BenchOptions = {}): Bench & { readonly bench: Bench; readonly state: State } {
  nowMs = Date.now();
  const { state = memoryState(() => nowMs) } = options;
  const bench = startBench({
    accounts: ['a', 'b', 'c'],
    top: { routing: { strategy: 'fill-first' } },
    ...options,
    state,
  });
  benches.push(bench);
  return { ...bench, bench, state };
}

/** Health is as much older. */
export function pass(ms: number): void {
  nowMs += ms;
}

export const good = (upstream: SurfaceName): Script => ({ kind: 'stream', blocks: hello[upstream].blocks });

export const bad = (
  upstream: SurfaceName,
  status: number,
  headers: Record<string, string> = {},
  message?: string,
): Script => ({ kind: 'body', status, body: errorBody(upstream, status, { message }), headers });
