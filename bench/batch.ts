import type { Bench, Results, Server } from './bench.ts';
import { caller } from './caller.ts';
import { isNative, requestTo, wireRequest, type BatchCase } from './cases.ts';
import type { ReplyShape } from './load-messages.ts';
import { cpuUs, median } from './measure.ts';
import { burstWords, jsonReply, burstEvents, models, terminals, type Protocol } from './payload.ts';

const connections = 16;
/** Until its code is compiled for good, a server spends as much again on the compiler. */
const warmUpBatches = 15;

/** CPU per request: rounds over all cases, in each case one batch through each server. */
export async function runBatches(bench: Bench, cases: readonly BatchCase[], results: Results): Promise<void> {
  const plan = cases.flatMap((one) =>
    bench.servers.map((server) => ({
      one,
      server,
      costsUs: [] as number[],
      expected: undefined as ReplyShape | undefined,
    })),
  );
  for (const entry of plan) {
    bench.progress(`warming up: ${entry.one.name}, ${entry.server.name}`);
    entry.expected = await checkedReply(entry.server, entry.one, results.faults);
    for (let n = 0; n < warmUpBatches; n++)
      await runBatch(bench, entry.server, entry.one, entry.expected, results.faults);
  }
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`requests: round ${round} of ${bench.rounds}`);
    for (const { server, one, costsUs, expected } of plan)
      costsUs.push(await runBatch(bench, server, one, expected, results.faults));
  }
  for (const one of cases) {
    const cost = (name: Server['name']): number | undefined => {
      const entry = plan.find(({ one: { id }, server }) => id === one.id && server.name === name);
      return entry && median(entry.costsUs);
    };
    const { id, name, targets } = one;
    results.comparisons.push({
      id,
      name,
      targets,
      gateway: cost('gateway')!,
      nginx: cost('nginx'),
      relay: cost('relay')!,
    });
  }
}

async function runBatch(
  { load }: Bench,
  { name, running }: Server,
  one: BatchCase,
  expected: ReplyShape | undefined,
  faults: string[],
): Promise<number> {
  const before = cpuUs(running.pid);
  const { replies, failures } = await load.ask({
    kind: 'batch',
    port: running.port,
    ...wireRequest(name === 'gateway' ? 'gateway' : 'plain', one),
    count: one.count,
    connections,
  });
  const spentUs = cpuUs(running.pid) - before;
  const say = (fault: string): void => void faults.push(`${one.name}, ${name}: ${fault}`);
  for (const failure of failures) say(failure);
  const total = replies.reduce((sum, { count }) => sum + count, 0);
  if (total !== one.count) say(`${total} of ${one.count} replies`);
  for (const reply of replies) {
    if (expected && !sameReply(reply, expected, one, name))
      say(`${reply.count} × ${JSON.stringify(reply)} instead of ${JSON.stringify(expected)}`);
  }
  return spentUs / one.count;
}

/** A translated reply has identifiers and times of its own, so its hash differs each time. */
const sameReply = (
  reply: ReplyShape,
  expected: ReplyShape,
  one: BatchCase,
  server: Server['name'],
): boolean =>
  reply.status === expected.status &&
  reply.bytes === expected.bytes &&
  reply.events === expected.events &&
  reply.terminal &&
  (reply.hash === expected.hash || (server === 'gateway' && !isNative(one)));

/** Reads one reply through, compares its content with what the upstream says, and gives its outer shape. */
async function checkedReply(
  { name, running }: Server,
  one: BatchCase,
  faults: string[],
): Promise<ReplyShape | undefined> {
  const { path, body } = requestTo(name === 'gateway' ? 'gateway' : 'plain', one);
  const reply = await fetch(`http://127.0.0.1:${running.port}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${caller.key}` },
  });
  const text = await reply.text();
  const translated = name === 'gateway' && !isNative(one);
  const asItCame = one.model === models.json ? jsonReply(one.upstream) : burstEvents(one.upstream).join('');
  const right = translated
    ? textOf(one.client, text) === burstWords(one.upstream) && text.includes(terminals[one.client])
    : text === asItCame;
  if (reply.status !== 200 || !right) {
    faults.push(
      `${one.name}, ${name}: status ${reply.status}, not the reply of the upstream: ${text.slice(0, 300)}`,
    );
    return undefined;
  }
  return {
    status: 200,
    bytes: Buffer.byteLength(text),
    hash: Bun.hash.wyhash(text).toString(16),
    events: text.match(/^data:/gm)?.length ?? 0,
    terminal: true,
  };
}

/** The text that a client of the protocol puts together from a stream. */
function textOf(protocol: Protocol, stream: string): string {
  const texts = stream.split('\n').flatMap((line) => {
    if (!line.startsWith('data: {')) return [];
    const event = JSON.parse(line.slice(6)) as {
      type?: string;
      choices?: { delta: { content?: string | null } }[];
      delta?: string | { text?: string };
    };
    if (protocol === 'openai-chat') return [event.choices?.[0]?.delta.content ?? ''];
    if (event.type === 'response.output_text.delta') return [event.delta as string];
    return event.type === 'content_block_delta' ? [(event.delta as { text?: string }).text ?? ''] : [];
  });
  return texts.join('');
}
