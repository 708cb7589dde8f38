import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { run, type Ended } from './attempt.ts';
import type { Client, Task } from './client.ts';
import {
  isTurn,
  toolResults,
  type Arrival,
  type Stage,
  type Trouble,
  type UpstreamName,
} from './upstreams.ts';

const taskMs = 90_000;
const waitSeconds = 1;
/** Clocks and timers may be off by a little. */
const waitMsMin = waitSeconds * 1_000 - 50;

/** What passes by itself; a vendor has a status of its own for being overloaded. */
const passing = (upstream: UpstreamName): readonly Trouble[] => [
  { status: 429, headers: { 'retry-after': String(waitSeconds) } },
  { status: upstream === 'messages' ? 529 : 503 },
  { status: 500 },
  'cut',
];

/**
 * Lets a client work while its upstream fails before every answer, each time in another way, and is well when it is
 * asked once more. Judged by what was done: each request that failed came a second time, no more and no less and not
 * before it was due, every command ran once, and the last words reached the client.
 */
export async function perseveres(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
): Promise<string | undefined> {
  const troubles = passing(upstream);
  const calls = troubles.length;
  const next = troubles.flatMap((trouble) => [trouble, undefined]);
  return attempt(client, upstream, stage, calls, next, ({ ended, turns, steps, marker }) => [
    ...(ended.status === 0 ? [] : [`the client ended with ${ended.status}`]),
    ...(turns.length === 2 * calls + 1 ? [] : [`${turns.length} requests where ${2 * calls + 1} were due`]),
    ...troubles.flatMap((trouble, i) => againFaults(trouble, turns[2 * i], turns[2 * i + 1])),
    ...(steps === troubles.map((_, i) => `${marker}-${i}\n`).join('') ? [] : [`the commands did ${steps}`]),
    ...(turns.some((turn) => toolResults(upstream, turn).length === calls) ? [] : ['results got lost']),
    ...(ended.out.includes(`Done after ${calls} calls.`)
      ? []
      : ['the model’s last words did not reach the client']),
  ]);
}

/** Lets a client ask an upstream that refuses it: it is to end in an error, and not to ask again. */
export async function givesUp(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
  status: number,
): Promise<string | undefined> {
  const next = Array.from({ length: 50 }, () => ({ status }));
  return attempt(client, upstream, stage, 1, next, ({ ended, turns, steps }) => [
    ...(ended.status === 0 ? ['the client ended as if all were well'] : []),
    ...(turns.length === 1 ? [] : [`the upstream was asked ${turns.length} times`]),
    ...(steps === '' ? [] : [`the commands did ${steps}`]),
  ]);
}

/** What a client did: how it ended, what its commands left behind, and what it asked for in doing so. */
interface Deeds {
  readonly ended: Ended;
  readonly turns: readonly Arrival[];
  readonly steps: string;
  /** What each line of `steps` begins with. */
  readonly marker: string;
}

async function attempt(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
  calls: number,
  next: readonly (Trouble | undefined)[],
  judge: (deeds: Deeds) => readonly string[],
): Promise<string | undefined> {
  const root = mkdtempSync(join(tmpdir(), 'dragoman-retries-'));
  const marker = `step-${crypto.randomUUID().slice(0, 8)}`;
  const commands = Array.from({ length: calls }, (_, i) => `\`echo ${marker}-${i} >> steps.txt\``);
  const task: Task = {
    folder: join(root, 'work'),
    home: join(root, 'home'),
    gateway: stage.gateway.url,
    provider: upstream,
    model: 'agent',
    secret: marker,
    prompt: `Use the ${client.shellTool} tool with ${commands.join(', ')}, each by itself.`,
    retries: true,
  };
  for (const folder of [task.folder, join(task.home, 'codex'), join(task.home, 'tmp')])
    mkdirSync(folder, { recursive: true });
  client.prepare?.(task);
  stage.forget();
  stage.trouble(next);
  try {
    const ended = await run(client, task, taskMs);
    const turns = stage.arrivals.filter((arrival) => arrival.body.includes(marker) && isTurn(arrival));
    // Opened for appending, it is there in any case.
    const steps = readFileSync(join(task.folder, 'steps.txt'), { encoding: 'utf8', flag: 'a+' });
    const faults = judge({ ended, turns, steps, marker });
    if (faults.length === 0) return undefined;
    const asked = `the upstream said ${turns.map(({ status }) => status).join(', ')}`;
    return [
      ...faults,
      asked,
      `stdout: ${ended.out.slice(-2_000)}`,
      `stderr: ${ended.err.slice(-2_000)}`,
    ].join('\n');
  } finally {
    stage.trouble([]);
    rmSync(root, { recursive: true, force: true });
  }
}

function againFaults(trouble: Trouble, first: Arrival | undefined, again: Arrival | undefined): string[] {
  const what = JSON.stringify(trouble);
  if (first === undefined || again === undefined) return [`nobody asked again after ${what}`];
  const before = conversation(first);
  const now = conversation(again);
  // After a stream that broke, a client may put words of its own behind what it asks again.
  const isSame = isDeepStrictEqual(before, trouble === 'cut' ? now.slice(0, before.length) : now);
  const isDue = trouble === 'cut' || !trouble.headers || again.atMs - first.atMs >= waitMsMin;
  return [
    ...(isSame ? [] : [`after ${what} it asked something else`]),
    ...(isDue ? [] : [`after ${what} it asked again in ${again.atMs - first.atMs} ms`]),
  ];
}

function conversation({ body }: Arrival): readonly unknown[] {
  const read = JSON.parse(body, named) as Record<string, unknown[] | undefined>;
  const { input, messages, contents } = read;
  return input ?? messages ?? contents ?? [];
}

/** A client that sends again what it has been told itself names some members that have no value. */
const named = (_: string, value: unknown): unknown => (value === null ? undefined : value);
