import type { Bench, Results } from './bench.ts';
import { endless, limits, wireRequest, type PacedCase } from './cases.ts';
import { cpuUs, median } from './measure.ts';
import { models } from './payload.ts';
import { openUpstream } from './processes.ts';

/** From the time when all streams have begun. */
const settleMs = 800;
const windowMs = 1500;
/** A server this late gathers events, and what it spends on one looks like less. */
const behindUs = 5000;
const abortStreams = 200;

interface Way {
  readonly name: 'gateway' | 'nginx' | 'relay' | 'direct';
  readonly port: number;
  readonly pid?: number;
  readonly costsUs: number[];
  readonly delaysUs: number[];
  /** Streams that did not end as they had to, over all rounds. */
  broken: number;
}

/** CPU per event of streams at the pace of a model, and the delay that a server adds to an event. */
export async function runPaced(bench: Bench, cases: readonly PacedCase[], results: Results): Promise<void> {
  for (const one of cases) {
    const ways: Way[] = bench.servers.map(({ name, running: { pid, port } }) => ({
      name,
      port,
      pid,
      costsUs: [],
      delaysUs: [],
      broken: 0,
    }));
    ways.push({ name: 'direct', port: bench.upstream.port, costsUs: [], delaysUs: [], broken: 0 });
    for (const way of ways) await warmUp(bench, one, way);
    for (let round = 1; round <= bench.pacedRounds; round++) {
      bench.progress(`${one.name}: round ${round} of ${bench.pacedRounds}`);
      for (const way of ways) await runOnce(bench, one, way, results.faults);
    }
    const way = (name: Way['name']): Way | undefined => ways.find((each) => each.name === name);
    const nginx = way('nginx');
    for (const each of ways) doubt(one, each, results);
    const { id, name, targets } = one;
    results.comparisons.push({
      id,
      name,
      targets,
      gateway: cost(way('gateway')!),
      nginx: nginx && cost(nginx),
      relay: cost(way('relay')!),
    });
    results.checks.push({
      name: `streams not whole, ${id}`,
      value: way('gateway')!.broken,
      unit: 'streams',
      max: 0,
    });
    const direct = way('direct')!;
    for (const each of ways) {
      if (each === direct) continue;
      results.checks.push({
        name: `added delay p50, ${id}, ${each.name}`,
        value: (median(each.delaysUs) - median(direct.delaysUs)) / 1000,
        unit: 'ms',
        max: each.name === 'gateway' ? one.addedDelayMsMax : undefined,
      });
    }
  }
}

const isBehind = (delayUs: number): boolean => delayUs > behindUs;

/** The median over the rounds in which the server kept up; over all when there is none. */
function cost({ costsUs, delaysUs }: Way): number {
  const keptUp = costsUs.filter((_, round) => !isBehind(delaysUs[round]!));
  return median(keptUp.length > 0 ? keptUp : costsUs);
}

function doubt(one: PacedCase, { name, delaysUs }: Way, { doubts }: Results): void {
  const behind = delaysUs.filter(isBehind).length;
  if (behind === 0) return;
  const rest = behind === delaysUs.length ? 'its cost is of gathered events' : 'they are left out';
  doubts.push(`${one.name}: ${name} ran behind in ${behind} of ${delaysUs.length} rounds; ${rest}`);
}

/** Code that has not been compiled yet costs several times as much. */
async function warmUp({ load }: Bench, one: PacedCase, { name, port }: Way): Promise<void> {
  const wire = wireRequest(name === 'gateway' ? 'gateway' : 'plain', { ...one, model: models.apart });
  await load.ask({ kind: 'batch', port, ...wire, count: 400, connections: 16 });
}

async function runOnce({ load }: Bench, one: PacedCase, way: Way, faults: string[]): Promise<void> {
  const { name, port, pid } = way;
  const { request, terminal } = wireRequest(name === 'gateway' ? 'gateway' : 'plain', one);
  await load.ask({ kind: 'open', port, request, terminal, streams: one.streams });
  await Bun.sleep(settleMs);
  await load.ask({ kind: 'mark' });
  const before = pid === undefined ? 0 : cpuUs(pid);
  await Bun.sleep(windowMs);
  const spentUs = pid === undefined ? 0 : cpuUs(pid) - before;
  const { events, delayP50Us } = await load.ask({ kind: 'read' });
  way.costsUs.push(spentUs / events);
  way.delaysUs.push(delayP50Us);
  const { complete, failures } = await load.ask({ kind: 'finish' });
  way.broken += one.streams - complete;
  if (complete !== one.streams)
    faults.push(
      `${one.name}, ${name}: ${complete} of ${one.streams} whole; ${failures.slice(0, 3).join('; ')}`,
    );
}

/** Clients that leave in the middle of their streams: what the upstream still holds open a moment later. */
export async function runAborts(
  { load, upstream, servers, progress }: Bench,
  results: Results,
): Promise<void> {
  const { port } = servers.find(({ name }) => name === 'gateway')!.running;
  for (const one of endless) {
    progress(`aborts: ${one.name}`);
    await load.ask({ kind: 'open', port, ...wireRequest('gateway', one), streams: abortStreams });
    await Bun.sleep(300);
    const open = await openUpstream(upstream.port);
    if (open !== abortStreams)
      results.faults.push(`aborts, ${one.name}: ${open} of ${abortStreams} streams open`);
    await load.ask({ kind: 'leave' });
    await Bun.sleep(limits.abortMs);
    results.checks.push({
      name: `left open upstream ${limits.abortMs} ms after ${abortStreams} clients left, ${one.name}`,
      value: await openUpstream(upstream.port),
      unit: 'streams',
      max: 0,
    });
  }
}
