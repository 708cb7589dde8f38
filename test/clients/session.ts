import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { logFlushMs, run, transportFaults } from './attempt.ts';
import type { Client, Task } from './client.ts';
import {
  isTurn,
  refusedBy,
  thoughts,
  toolResults,
  upstreams,
  type Arrival,
  type Stage,
  type UpstreamName,
} from './upstreams.ts';

const sessionMs = 6 * 60_000;

/** What a session came to: the turns that the model took, and what went wrong. */
export interface SessionResult {
  readonly turns: number;
  readonly faults: readonly string[];
  /** What the client and the gateway said, for whoever looks for the cause. */
  readonly said: string;
}

/**
 * Lets a client work through `calls` tool calls on a model of `upstream` that thinks before each and makes two at
 * once now and then. Judged by what was done: every command ran once, every request that reached the upstream goes on
 * from the one before it without a change to what was there, none was repeated, refused, or not streamed, what the model
 * thought came back to it, and its last words reached the client.
 */
export async function session(
  client: Client,
  upstream: UpstreamName,
  stage: Stage,
  calls: number,
): Promise<SessionResult> {
  const root = mkdtempSync(join(tmpdir(), 'dragoman-session-'));
  const marker = `step-${crypto.randomUUID().slice(0, 8)}`;
  const commands = Array.from({ length: calls }, (_, i) => `echo ${marker}-${i} >> steps.txt`);
  const task: Task = {
    folder: join(root, 'work'),
    home: join(root, 'home'),
    gateway: stage.gateway.url,
    provider: upstream,
    model: 'agent',
    secret: marker,
    prompt: `Use the ${client.shellTool} tool with ${commands.map((word) => `\`${word}\``).join(', ')}, each by itself.`,
  };
  for (const folder of [task.folder, join(task.home, 'codex'), join(task.home, 'tmp')])
    mkdirSync(folder, { recursive: true });
  client.prepare?.(task);
  stage.forget();
  const logged = stage.gateway.logs().length;
  const begun = new Date().toISOString();
  try {
    const ended = await run(client, task, sessionMs);
    await Bun.sleep(logFlushMs);
    const turns = stage.arrivals.filter((arrival) => arrival.body.includes(marker) && isTurn(arrival));
    const file = join(task.folder, 'steps.txt');
    const done = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    const log = stage.gateway.logs().slice(logged);
    const faults = [
      ...(ended.status === 0 ? [] : [`the client ended with ${ended.status}`]),
      ...workFaults(
        done,
        commands.map((_, i) => `${marker}-${i}`),
      ),
      ...turnFaults(client, upstream, turns, calls),
      ...stage.arrivals.flatMap(({ status, path }) =>
        status === 200 ? [] : [`${path} was answered with ${status}`],
      ),
      ...logFaults(log, stage.arrivals.length),
      ...(await transportFaults(client, stage, begun)),
      ...(ended.out.includes(`Done after ${calls} calls.`)
        ? []
        : ['the model’s last words did not reach the client']),
    ];
    const said = `stdout: ${ended.out.slice(-2_000)}\nstderr: ${ended.err.slice(-2_000)}\nlog: ${log.slice(-3_000)}`;
    return { turns: turns.length, faults, said };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function workFaults(done: readonly string[], expected: readonly string[]): string[] {
  // Two calls that were made at once may end in any order.
  return isDeepStrictEqual(done.toSorted(), expected.toSorted())
    ? []
    : [`${new Set(done).size} of ${expected.length} commands ran, in ${done.length} runs`];
}

/** Upstreams that take no thoughts without what seals them. */
const wantSeals: ReadonlySet<UpstreamName> = new Set(['responses', 'messages']);

const conversations = {
  responses: 'input',
  chat: 'messages',
  messages: 'messages',
  gemini: 'contents',
} as const;

function turnFaults(
  client: Client,
  upstream: UpstreamName,
  turns: readonly Arrival[],
  calls: number,
): string[] {
  const faults: string[] = [];
  const translated = client.protocol !== upstreams[upstream].protocol;
  let before: { results: number; items: unknown[] } | undefined;
  for (const [i, arrival] of turns.entries()) {
    const results = toolResults(upstream, arrival).length;
    const items = JSON.parse(arrival.body, unmarked)[conversations[upstream]] as unknown[];
    if (before !== undefined && results <= before.results) faults.push(`request ${i} repeats an earlier one`);
    const kept = before?.items ?? [];
    if (!kept.every((item, at) => isDeepStrictEqual(item, items[at])))
      faults.push(`request ${i} changes what request ${i - 1} had: ${difference(kept, items)}`);
    if (translated) faults.push(...refusedBy(upstream, arrival).filter((fault) => !isExtension(fault)));
    before = { results, items };
  }
  const last = turns.at(-1);
  // What the model thought goes back to it with every call that it made.
  const due = client.forgets === undefined || (client.forgets === 'seals' && !wantSeals.has(upstream));
  if (last !== undefined && due && thoughts(upstream, last) !== turns.length - 1)
    faults.push(`the upstream saw ${thoughts(upstream, last)} of its thoughts again`);
  if (before?.results !== calls) faults.push(`the upstream saw ${before?.results ?? 0} of ${calls} results`);
  return [...new Set(faults)].slice(0, 10);
}

const difference = (kept: readonly unknown[], items: readonly unknown[]): string => {
  const at = kept.findIndex((item, i) => !isDeepStrictEqual(item, items[i]));
  return `${at} was ${JSON.stringify(kept[at])?.slice(-300)}, is ${JSON.stringify(items[at])?.slice(-300)}`;
};

/** Marks of the prompt cache move along with the conversation, and what loses one may become a plain text. */
const unmarked = (name: string, value: unknown): unknown => {
  if (name === 'cache_control') return undefined;
  const [only, ...more] = name === 'content' && Array.isArray(value) ? (value as unknown[]) : [];
  const text = (only as { type?: string; text?: unknown } | undefined)?.text;
  return typeof text === 'string' && more.length === 0 ? text : value;
};

/** Reasoning has no place in OpenAI's own Chat Completions; these are where compatible servers have it. */
const isExtension = (fault: string): boolean =>
  /^messages\[\d+\]\.reasoning_(?:content|details)$/.test(fault);

/** Every request of the client is one of the upstream, streamed and answered. */
function logFaults(log: string, arrivals: number): string[] {
  const records = log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"event":"request"'))
    .map((line) => JSON.parse(line) as { status: number; route: string; lane?: string; stream: boolean });
  const turns = records.filter(({ lane }) => lane !== undefined);
  return [
    ...records
      .filter(({ status }) => status >= 400)
      .map(({ route, status }) => `${route} was refused with ${status}`),
    ...turns.filter(({ stream }) => !stream).map(({ route }) => `${route} was not streamed`),
    ...(turns.length === arrivals
      ? []
      : [`${turns.length} turns of the client, ${arrivals} of the upstream`]),
  ];
}
