import { blocksOfSse, payloadsOf, type StreamFixture } from '../support/corpus.ts';
import { gate, type Gate, type ReplayRequest, type ReplayUpstream } from '../support/replay.ts';
import { type Canonical, canonicalOfEvents } from './canonical.ts';
import { type Cell, cellOf } from './cell.ts';
import type { Miss } from './check.ts';
import { wireCanonical } from './checks.ts';
import { deliveredFixtures } from './deliveries.ts';
import { type Surface, surfaces } from './finish.ts';
import { type Answer, ask } from './oracles.ts';
import { askFor, requestBody } from './requests.ts';
import { askedOf, post, providerOf, type Stage, startStage } from './stage.ts';

/** How long a client may wait for what its upstream has sent, on a busy machine. */
const promptMs = 5_000;
/** How long after its client's leaving an upstream's request may go on. */
const closedMs = 1_000;

/**
 * L1: of what the upstream has said so far, the client has got all text, all reasoning, and all calls but one that
 * may still be arriving.
 */
export function lateMisses(said: Canonical, got: Canonical): Miss[] {
  const misses: Miss[] = [];
  const late = (what: string): void => void misses.push({ check: 'L1', detail: `${what} is held back` });
  if (!got.deltas.text.startsWith(said.deltas.text)) late('text');
  if (got.deltas.reasoning.length < said.deltas.reasoning.length) late('reasoning');
  const begun = said.tools.slice(0, -1).map(({ name }) => name);
  if (begun.some((name, i) => got.tools[i]?.name !== name)) late('a call');
  return misses;
}

/** L2: the upstream's request was closed by the gateway within a second of the client's leaving. */
export function abortMisses(
  request: Pick<ReplayRequest, 'closedAt' | 'closedByPeer'>,
  abortedAt: number,
): Miss[] {
  const inTime = request.closedAt !== undefined && request.closedAt - abortedAt <= closedMs;
  return inTime && request.closedByPeer
    ? []
    : [{ check: 'L2', detail: 'the upstream goes on after the client has left' }];
}

/** L2: a reply that breaks off raises an error and does not end well. */
export function cutMisses(where: string, answer: Answer): Miss[] {
  const misses: Miss[] = [];
  if (!answer.error) misses.push({ check: 'L2', detail: `${where}: the SDK raised no error` });
  const word = answer.status === 200 ? wireCanonical(answer)?.finish?.word : undefined;
  if (word !== undefined && word !== 'failed') {
    misses.push({ check: 'L2', detail: `${where}: the finish is ${word}` });
  }
  return misses;
}

/** What each model of the stage stands for: a reply, held or broken off at one of its events. */
interface Scene {
  readonly fixture: StreamFixture;
  readonly before: number;
  readonly how: 'hold' | 'cut' | 'end';
}

/** Holds, aborts and breaks off a few replies of each protocol, asked for on every surface. */
export async function runLifecycle(): Promise<Cell[]> {
  const scenes = deliveredFixtures().flatMap(scenesOf);
  const gates = new Map<string, Gate>();
  const model = (scene: Scene, surface: Surface): string =>
    `c${scenes.indexOf(scene)}-${providerOf[surface]}`;
  const stage = await startStage(scenes.flatMap((scene) => surfaces.map((surface) => model(scene, surface))));
  stage.upstream.handle((request) => {
    const asked = askedOf(request).model;
    const { fixture, before, how } = scenes[Number(/^c(\d+)/.exec(asked)?.[1])]!;
    const opened = gate();
    gates.set(asked, opened);
    const delivery = {
      hold: { hold: { before, gate: opened } },
      cut: { cutBefore: before },
      end: { endBefore: before },
    }[how];
    return { kind: 'stream', blocks: fixture.blocks, delivery: { split: 'event', ...delivery } };
  });
  try {
    const cells: Cell[] = [];
    for (const scene of scenes) {
      const played = surfaces.map((surface) => play(stage, scene, surface, model(scene, surface), gates));
      cells.push(...(await Promise.all(played)));
    }
    return cells;
  } finally {
    for (const each of gates.values()) each.open();
    await stage.stop();
  }
}

function scenesOf(fixture: StreamFixture): Scene[] {
  const events = fixture.blocks.filter(({ data }) => data !== undefined);
  const found = events.findIndex(({ data }) =>
    /"(finish_reason|finishReason)": ?"|"type": ?"(message_delta|response\.completed)"/.test(data!),
  );
  // Where every event has a finish, the last is the one that counts.
  const terminal = found < 2 ? events.length - 1 : found;
  const { deltas, text } = canonicalOfEvents(fixture.protocol, payloadsOf(events));
  // One source left deltas out: there, what has come cannot be told from the deltas.
  const isTold = deltas.text === text.join('');
  const places = [...new Set([1, Math.floor(terminal / 2), terminal])].filter((at) => at > 0);
  return [
    ...places.slice(isTold ? 1 : places.length).map((before): Scene => ({ fixture, before, how: 'hold' })),
    // A stream of which every event has a finish may end after any of them.
    ...(found === 0
      ? []
      : places.flatMap((before): Scene[] =>
          ['cut', 'end'].map((how) => ({ fixture, before, how }) as Scene),
        )),
  ];
}

async function play(
  stage: Stage,
  scene: Scene,
  surface: Surface,
  name: string,
  gates: ReadonlyMap<string, Gate>,
): Promise<Cell> {
  const { fixture, before, how } = scene;
  const said = canonicalOfEvents(fixture.protocol, payloadsOf(fixture.blocks));
  const model = `${providerOf[fixture.protocol]}/${name}`;
  const body = requestBody(surface, askFor(said, model, true));
  const bare = { subject: fixture.name, upstream: fixture.protocol, surface, stream: true };
  if (how !== 'hold') {
    const answer = await ask(surface, stage.gateway.url, body, true);
    const misses = cutMisses(`${how === 'cut' ? 'cut' : 'ended'} before event ${before}`, answer);
    return cellOf({ ...bare, ran: ['L2'], misses });
  }
  const events = fixture.blocks.filter(({ data }) => data !== undefined);
  const early = canonicalOfEvents(fixture.protocol, payloadsOf(events.slice(0, before - 1)));
  // Chat may go on with any of its calls until it finishes, and Gemini writes none before it is whole.
  if (fixture.protocol === 'openai-chat' && surface === 'google-gemini') early.tools = [];
  const misses = await heldMisses(stage, surface, body, model, early);
  gates.get(name)?.open();
  return cellOf({ ...bare, ran: ['L1', 'L2'], misses });
}

/** Reads while the upstream holds, then leaves. */
export async function heldMisses(
  { gateway, upstream }: { gateway: { url: string }; upstream: ReplayUpstream },
  surface: Surface,
  body: Record<string, unknown>,
  model: string,
  early: Canonical,
  waitMs = promptMs,
): Promise<Miss[]> {
  const client = new AbortController();
  const asked = post(gateway.url, surface, body, { model, stream: true, signal: client.signal });
  const isLate = (got: Canonical): boolean => lateMisses(early, got).length > 0;
  const nothing = canonicalOfEvents(surface, []);
  const headMs = isLate(nothing) ? waitMs : Math.min(waitMs, closedMs);
  const response = await Promise.race([asked, Bun.sleep(headMs)]);
  // A surface that writes calls whole may have had nothing to write yet, not even a head.
  const got = response ? await readWhile(response, surface, isLate, waitMs) : nothing;
  const misses = lateMisses(early, got);
  asked.catch(() => {});
  const abortedAt = Date.now();
  client.abort();
  const at = upstream.requests.findLastIndex(
    (request) => model === askedOf(request).model || model.endsWith(`/${askedOf(request).model}`),
  );
  await Promise.race([upstream.closed(at), Bun.sleep(waitMs)]);
  return [...misses, ...abortMisses(upstream.requests[at]!, abortedAt)];
}

/** What has come of a stream once `isLate` is content with it, or after `waitMs`. */
async function readWhile(
  response: Response,
  surface: Surface,
  isLate: (got: Canonical) => boolean,
  waitMs: number,
): Promise<Canonical> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  const until = Date.now() + waitMs;
  let text = '';
  let got = canonicalOfEvents(surface, []);
  let pending = reader.read();
  while (isLate(got) && Date.now() < until) {
    const piece = await Promise.race([pending, Bun.sleep(until - Date.now())]);
    if (!piece || piece.done) break;
    text += decoder.decode(piece.value, { stream: true });
    got = canonicalOfEvents(surface, payloadsOf(blocksOfSse(text)));
    pending = reader.read();
  }
  pending.catch(() => {});
  return got;
}
