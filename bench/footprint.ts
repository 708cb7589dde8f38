import type { Check, Results } from './bench.ts';
import { endless, limits, wireRequest, type Exchange } from './cases.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { median, rssBytes } from './measure.ts';
import { models } from './payload.ts';
import type { Load, Running } from './processes.ts';

const openStreams = 1000;
const idleMs = 500;
const settleMs = 2000;
const samples = 5;
const sampleEveryMs = 200;

const kib = 1024;
const mib = 1024 * 1024;

/** Time to listening, memory at rest and per open stream: each kind of stream on a gateway that is new. */
export async function runFootprint(
  upstream: Running,
  load: Load,
  results: Results,
  progress: (text: string) => void,
): Promise<void> {
  const gateways: Gateway[] = [];
  const idle: number[] = [];
  const perStream: Check[] = [];
  for (const one of endless) {
    progress(`memory: ${openStreams} streams open, ${one.name}`);
    const gateway = await startGateway(upstream.port);
    gateways.push(gateway);
    await Bun.sleep(idleMs);
    idle.push(rssBytes(gateway.pid) / mib);
    await warmUp(load, gateway, one);
    const before = rssBytes(gateway.pid);
    await load.ask({
      kind: 'open',
      port: gateway.port,
      ...wireRequest('gateway', one),
      streams: openStreams,
    });
    await Bun.sleep(settleMs);
    const taken: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      taken.push(rssBytes(gateway.pid));
      await Bun.sleep(sampleEveryMs);
    }
    await load.ask({ kind: 'leave' });
    await gateway.stop();
    perStream.push({
      name: `memory of an open stream, ${one.name}, ${openStreams} open`,
      value: (median(taken) - before) / openStreams / kib,
      unit: 'KiB',
      max: one.streamKibMax,
    });
  }
  const { wallMs, cpuMs } = {
    wallMs: gateways.map((one) => one.wallMs),
    cpuMs: gateways.map((one) => one.cpuMs),
  };
  results.checks.push(
    ...perStream,
    { name: 'memory at rest (RSS)', value: median(idle), unit: 'MiB', max: limits.idleRssMib },
    { name: 'start to listening, wall', value: median(wallMs), unit: 'ms', max: limits.listeningWallMs },
    { name: 'start to listening, CPU', value: median(cpuMs), unit: 'ms', max: limits.listeningCpuMs },
  );
}

/** What any first streams take once, the code compiled for them above all, is not memory of open streams. */
async function warmUp(load: Load, { port }: Gateway, one: Exchange): Promise<void> {
  const wire = wireRequest('gateway', { ...one, model: models.burst });
  await load.ask({ kind: 'batch', port, ...wire, count: 300, connections: 16 });
  await Bun.sleep(idleMs);
}
