import { readFileSync, readdirSync } from 'node:fs';
import { FFIType, dlopen, ptr } from 'bun:ffi';

/** The middle value; the mean of the two middle ones when their number is even. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least value that at least the share (0 to 1) of all values does not exceed. NaN of nothing. */
export function quantile(values: Float64Array, share: number): number {
  const sorted = values.toSorted();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** CPU time in µs that the process and its living descendants have used, ended threads included. */
export function cpuUs(pid: number): number {
  return tree(pid).reduce((sum, member) => sum + processCpuUs(member), 0);
}

/** Resident memory in bytes of the process and its descendants. */
export function rssBytes(pid: number): number {
  return tree(pid).reduce((sum, member) => sum + residentPages(member) * 4096, 0);
}

/** A process and all below it. */
function tree(pid: number): number[] {
  const below = threads(pid).flatMap((thread) => {
    const children = readOr(`/proc/${pid}/task/${thread}/children`, '');
    return children.split(' ').filter(Boolean).map(Number);
  });
  return [pid, ...below.flatMap(tree)];
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return otherwise;
  }
}

const residentPages = (pid: number): number => Number(readOr(`/proc/${pid}/statm`, '0 0').split(' ')[1]);

let clock: ((id: number, time: BigInt64Array) => number) | undefined;

/** clock_gettime(2) on the CPU clock of another process: to the ns, where /proc/<pid>/stat counts 10 ms ticks. */
function processCpuUs(pid: number): number {
  clock ??= openClock();
  const time = new BigInt64Array(2);
  const schedClock = 2;
  return clock((~pid << 3) | schedClock, time) === 0
    ? Number(time[0]! * 1_000_000_000n + time[1]!) / 1000
    : 0;
}

function openClock(): (id: number, time: BigInt64Array) => number {
  const { symbols } = dlopen('libc.so.6', {
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  return (id, time) => symbols.clock_gettime(id, ptr(time));
}
