import { bufferOf, find, findLast } from '../protocols/bytes.ts';
import { elementsAt, type Range } from '../protocols/json-paths.ts';
import { lastMember, scanObject, splice, type Member } from '../protocols/json-scan.ts';
import { ownNeedle, type IsForeign } from '../protocols/opaque.ts';
import { asArray, type JsonObject } from '../turn/json.ts';
import { noNotes, type Note } from '../turn/note.ts';
import type { TurnRequest } from '../turn/request.ts';
import { parseBody, readAsked, type Asked, type Edit } from './asked.ts';
import type { Attempt } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { headCharsMin, isMaker, type Origin } from './origins.ts';

/** A request of the upstream's own protocol, in which every opaque value is the upstream's own. */
export interface OwnRequest {
  readonly body: Uint8Array;
  readonly asked: Asked;
  readonly notes: readonly Note[];
}

/**
 * Takes the labels off what this upstream made, and leaves out what others did. All other bytes stay as they are;
 * without a label in it the body is not even looked into. With `bare`, nothing is left that only a maker takes.
 *
 * @returns `undefined` when `bare` changes nothing
 */
export function ownRequest(
  { origins }: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  { route, account }: Attempt,
  bare: boolean,
): OwnRequest | undefined {
  const { surface, caller } = inbound;
  const { opaque } = surface;
  const needle = ownNeedle(opaque);
  let at = find(body, needle);
  if (at < 0 && !bare) return { body, asked, notes: noNotes };

  const labels = new Set<string>();
  const edits: Edit[] = [];
  let isForeignThere = bare;
  const fate = (value: string): 'own' | 'foreign' | 'unknown' => {
    const found = origins.find(value);
    const origin = found === undefined ? 'unknown' : origins.read(caller.id, found.sealed);
    if (origin === 'unknown') return 'unknown';
    const isOwn = origin !== 'strange' && found!.labelLength > 0 && isMaker(origin, route, account, opaque);
    if (isOwn) labels.add(value.slice(0, found!.labelLength));
    return isOwn ? 'own' : 'foreign';
  };

  for (; at >= 0; at = find(body, needle, at + needle.length)) {
    if (!opaque.members.has(keyBefore(body, at))) continue;
    const head = headAt(body, at);
    const is = fate(head);
    if (is === 'foreign') isForeignThere = true;
    else if (is === 'own')
      edits.push({ from: at + 1, to: at + 1 + origins.find(head)!.labelLength, text: '' });
  }
  let notes = noNotes;
  let all: readonly Edit[] = edits;
  if (isForeignThere) {
    const isForeign: IsForeign = (value) => bare || (value !== undefined && fate(value) === 'foreign');
    const json = parseBody(body, asked);
    const left = opaque.without(json, isForeign, route.model);
    notes = left.notes;
    const changes = changesOf(body, json, surface.conversation, left.turns, left.members ?? {}, labels);
    if (bare && changes.length === 0) return undefined;
    const isKept = ({ from }: Edit): boolean =>
      !changes.some((change) => change.from <= from && from < change.to);
    all = [...edits.filter(isKept), ...changes].sort((a, b) => a.from - b.from);
  }
  if (all.length === 0) return { body, asked, notes };
  const spliced = splice(body, all);
  return { body: spliced, asked: { ...readAsked(spliced, inbound), model: asked.model }, notes };
}

/** The maker of the last opaque value that says where it came from. */
export function lastMaker(
  { origins }: PipelineDeps,
  { surface, caller }: Inbound,
  body: Uint8Array,
): Origin | undefined {
  const needle = ownNeedle(surface.opaque);
  let at = findLast(body, needle);
  for (let looks = 0; at >= 0 && looks < looksMax; looks++) {
    const found = surface.opaque.members.has(keyBefore(body, at)) && origins.find(headAt(body, at));
    const origin = found ? origins.read(caller.id, found.sealed) : 'unknown';
    if (typeof origin === 'object') return origin;
    at = at > 0 ? findLast(body, needle, at - 1) : -1;
  }
  return undefined;
}

/** Values that are looked at for a maker. */
const looksMax = 8;

/** Names the provider in the seals that it made itself, and nobody in those that say of another maker. */
export function nameIssuers(
  { origins }: PipelineDeps,
  { caller }: Inbound,
  request: TurnRequest,
  { route, account }: Attempt,
  upstream: Inbound['surface'],
): void {
  for (const { parts } of request.turns) {
    for (const part of parts) {
      const { seal } = part;
      if (seal?.issuer === undefined) continue;
      if (seal.value === '') {
        delete part.seal;
        continue;
      }
      const origin = origins.read(caller.id, seal.issuer);
      if (origin === 'unknown') continue;
      const isOwn = origin !== 'strange' && isMaker(origin, route, account, upstream.opaque);
      part.seal = { ...seal, issuer: isOwn ? route.provider.name : '' };
    }
  }
}

const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  bufferOf(bytes).toString('latin1', from, to);

/** The first characters of the string whose opening quote stands at `at`. */
function headAt(body: Uint8Array, at: number): string {
  const head = latin1(body, at + 1, at + 1 + headCharsMin);
  const end = head.indexOf('"');
  // A packed seal is JSON in a string, whose quotes have backslashes: what is needed comes before or after the first.
  return end < 0 || head[end - 1] === '\\' ? head : head.slice(0, end);
}

const quote = Buffer.from('"');

/** The name of the member whose value begins at `at`; empty where there is none. */
function keyBefore(body: Uint8Array, at: number): string {
  let to = at - 1;
  while (body[to]! <= 0x20) to--;
  if (body[to] !== 0x3a) return '';
  to--;
  while (body[to]! <= 0x20) to--;
  if (body[to] !== 0x22) return '';
  const from = findLast(body, quote, to - 1);
  return to - from > 64 ? '' : latin1(body, from + 1, to);
}

/** The edits that bring the bytes of a body to a conversation and members of which some were changed. */
function changesOf(
  body: Uint8Array,
  json: JsonObject,
  conversation: string,
  turns: readonly unknown[],
  members: JsonObject,
  labels: ReadonlySet<string>,
): Edit[] {
  const bareText = (value: unknown): string => {
    let text = JSON.stringify(value);
    for (const label of labels) text = text.replaceAll(`"${label}`, '"');
    return text;
  };
  const scan = scanObject(body);
  const found: readonly Member[] = scan.ok ? scan.members : [];
  const edits: Edit[] = [];
  for (const [name, value] of Object.entries(members)) {
    const member = lastMember(found, name);
    if (member) edits.push({ from: member.from, to: member.to, text: bareText(value) });
  }
  const list = lastMember(found, conversation);
  const before = asArray(json[conversation]);
  const elements = list === undefined ? [] : elementsAt(body, list.from);
  if (elements.length !== before.length) return edits;
  edits.push(...elementEdits(elements, before, turns, bareText));
  return edits;
}

/** Each element that is left out goes with the comma before it, or while none stays before it with the one behind. */
function elementEdits(
  elements: readonly Range[],
  before: readonly unknown[],
  after: readonly unknown[],
  textOf: (value: unknown) => string,
): Edit[] {
  const edits: Edit[] = [];
  let isKeptBefore = false;
  elements.forEach(({ from, to }, i) => {
    const turn = after[i];
    if (turn === undefined) {
      if (isKeptBefore) edits.push({ from: elements[i - 1]!.to, to, text: '' });
      else edits.push({ from, to: elements[i + 1]?.from ?? to, text: '' });
      return;
    }
    isKeptBefore = true;
    if (turn !== before[i]) edits.push({ from, to, text: textOf(turn) });
  });
  return edits;
}
