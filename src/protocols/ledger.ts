import { isObject, type Json, type JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { Extras, NativePart, ProtocolId } from '../turn/part.ts';
import type { TurnRequest } from '../turn/request.ts';
import type { Case, Fate, Field, Member, Treatment } from './contract.ts';
import { contracts, fieldAt, fieldOf, holdsFields, memberTreatment, treatment } from './contracts.ts';
import { reasoningCases, type ReasoningChange } from './reasoning.ts';

/**
 * Collects what an encoder could not carry as it was. What is said of a field stands in the contracts: its path in
 * the half of the protocol that it came in, the rest in the half of the one that it is written for. The same
 * loss is told once, with the place where it first happened.
 */
export interface Ledger {
  readonly from: ProtocolId;
  readonly to: ProtocolId;
  readonly notes: Note[];
  /**
   * The member is lost, or done by other means, as the target's contract says.
   * @param at where the part, turn or tool stands that it belongs to: `messages[3].content[1]`; the field's own
   * name within that is added (`.cache_control`)
   * @param detail added to the reason, where it names a value
   */
  lose(member: Member, at?: string, detail?: string): void;
  /** The same for a case of the member's treatment. */
  loseWhen(member: Member, name: string, at?: string, detail?: string): void;
  /** The same for a field that is no neutral member, by its path. */
  loseField(path: string, options?: { readonly when?: string; readonly at?: string }): void;
  /** What became of the client's wish for reasoning. */
  reasoning(changes: readonly ReasoningChange[]): void;
  /** A part that only its own protocol knows cannot be sent. */
  native(part: Pick<NativePart, 'protocol' | 'type'>, at: string): void;
  /** What a thing holds that was translated from its own protocol's form, beside its modelled members. */
  wire(wire: { readonly protocol: ProtocolId; readonly value: JsonObject }, place: string): void;
  /** What other protocols left on a thing that stands at `place`. */
  foreign(extras: Extras | undefined, place: string): void;
  /** What other protocols left on the request, its reasoning and its output. */
  foreignRequest(request: TurnRequest): void;
  /** A change of shape that no field stands for. */
  repair(path: string, why: string, weight?: Note['weight']): void;
}

/**
 * A ledger for a request of one protocol that is written in another.
 *
 * @example
 * const ledger = createLedger('anthropic-messages', 'openai-responses');
 * ledger.lose('sampling.topK');
 * ledger.notes; // [{ path: 'top_k', action: 'dropped', why: …, weight: 'degrade' }]
 */
export function createLedger(from: ProtocolId, to: ProtocolId): Ledger {
  const notes: Note[] = [];
  const told = new Set<string>();

  const note = (entry: Note): void => {
    const key = `${entry.action} ${entry.path.replace(/\[\d+\]/g, '[]')} ${entry.why}`;
    if (told.has(key)) return;
    told.add(key);
    notes.push(entry);
  };
  const add = (path: string, what: Treatment | Case | undefined, detail?: string): void => {
    const { fate, why = 'no counterpart', weight } = what ?? unforeseen;
    note({
      path,
      action: actions[fate] ?? 'dropped',
      why: detail === undefined ? why : `${why}: ${detail}`,
      weight: weight ?? (fate === 'refuse' ? 'refuse' : 'note'),
    });
  };
  const fieldFor = (member: Member): Field | undefined =>
    fieldOf(from, member) ?? fieldOf(from, member.slice(0, member.lastIndexOf('.')) as Member);
  const own = (member: Member): Treatment | undefined =>
    fieldOf(from, member)?.at?.[to] ?? memberTreatment(to, member);

  const foreignField = (protocol: ProtocolId, path: string, field: Field | undefined, value: Json): void => {
    if (field?.usual?.some((usual) => same(usual, value))) return;
    const fate = field === undefined ? undefined : treatment(field, protocol, to);
    if (fate && silent.has(fate.fate)) return;
    add(path, fate ?? { fate: 'drop', why: `not known to ${to}` });
  };
  const foreignMember = (protocol: ProtocolId, path: string, value: Json, held: Held): void => {
    if (value === null) return;
    const field = fieldAt(protocol, path);
    if (field?.is !== undefined && held(field.is)) {
      // The encoder sees to it, but for what nobody models inside.
      if (isObject(value)) foreignInside(protocol, path, field, value, held);
      return;
    }
    if (Array.isArray(value)) {
      const entries = value.map((entry) => [entry, fieldAt(protocol, `${path}${variant(entry)}`)] as const);
      if (entries.some(([, found]) => found !== undefined && found !== field)) {
        entries.forEach(([entry, found], i) => {
          if (found?.is === undefined) foreignField(protocol, `${path}[${i}]`, found ?? field, entry);
        });
        return;
      }
    }
    if (field === undefined && isObject(value) && holdsFields(protocol, path)) {
      foreignMembers(protocol, path, value, held);
    } else {
      // A value that its decoder could not read as the member that it stands for is no better than unknown.
      foreignField(protocol, path, field?.is === undefined ? field : undefined, value);
    }
  };
  const foreignInside = (
    protocol: ProtocolId,
    place: string,
    holder: Field,
    members: JsonObject,
    held: Held,
  ): void => {
    for (const key in members) {
      const value = members[key];
      const path = `${place}.${key}`;
      if (value === undefined || fieldAt(protocol, path) === holder) continue;
      foreignMember(protocol, path, value, held);
    }
  };
  const foreignMembers = (
    protocol: ProtocolId,
    place: string,
    members: JsonObject,
    held: Held = always,
  ): void => {
    const head = place === '' ? '' : `${place}.`;
    for (const key in members) {
      const value = members[key];
      if (value !== undefined) foreignMember(protocol, head + key, value, held);
    }
  };
  /** Modelled members were translated; what stands in them or beside them and is not modelled was not. */
  const wireMembers = (protocol: ProtocolId, kind: string, place: string, members: JsonObject): void => {
    for (const key in members) {
      const value = members[key];
      if (key === 'type' || value === undefined || value === null) continue;
      const field = fieldAt(protocol, `${kind}.${key}`);
      if (field?.is === undefined) foreignField(protocol, `${place}.${key}`, field, value);
      else if (isObject(value)) wireMembers(protocol, `${kind}.${key}`, `${place}.${key}`, value);
    }
  };
  /** Responses keeps an item's members apart from those of a piece of its content. */
  const foreignResponses = (place: string, { item, content, ...members }: JsonObject): void => {
    const { type: _t, role: _r, ...ofItem } = isObject(item) ? item : {};
    const { type: _c, ...ofContent } = isObject(content) ? content : {};
    foreignMembers('openai-responses', place.replace(/\.content\[\d+\]$/, ''), ofItem);
    foreignMembers('openai-responses', place, ofContent);
    foreignMembers('openai-responses', place, members);
  };

  return {
    from,
    to,
    notes,
    lose(member, at, detail) {
      add(pathOf(fieldFor(member), member, at), own(member), detail);
    },
    loseWhen(member, name, at, detail) {
      const row = own(member)?.cases?.[name] ?? memberTreatment(to, member)?.cases?.[name];
      add(pathOf(fieldFor(member), member, at), row, detail);
    },
    loseField(path, { when, at = path } = {}) {
      const field = fieldAt(from, path);
      const row = field && treatment(field, from, to);
      add(at, when === undefined ? row : row?.cases?.[when]);
    },
    reasoning(changes) {
      for (const { member, name, detail } of changes) {
        const row = own(member)?.cases?.[name] ?? reasoningCases[name];
        add(pathOf(fieldFor(member), member, undefined), row, detail);
      }
    },
    native(part, at) {
      const type = part.type.replace(/^content:/, '');
      const field = fieldAt(part.protocol, at.replace(/\[\d+\]$/, `[type=${type}]`));
      // Things of a protocol's own that stand in no table are content all the same.
      const known = field && !field.path.endsWith('[]') && field.is === undefined;
      const row = known ? treatment(field, part.protocol, to) : unforeseen;
      add(at, row, known ? undefined : part.type);
    },
    wire({ protocol, value }, place) {
      const kind = place.replace(/\[\d+\]$/, `[type=${String(value.type)}]`);
      wireMembers(protocol, kind, place, value);
    },
    foreign(extras, place) {
      for (const id in extras) {
        const protocol = id as ProtocolId;
        if (protocol === to) continue;
        const members = extras[protocol]!;
        if (protocol === 'openai-responses') foreignResponses(place, members);
        else foreignMembers(protocol, place, members);
      }
    },
    foreignRequest(request) {
      const held = (member: Member): boolean => isHeld(request, member);
      for (const part of ['request', 'reasoning', 'output'] as const) {
        const extras = part === 'request' ? request.extras : request[part]?.extras;
        for (const id in extras) {
          const protocol = id as ProtocolId;
          const home = part === 'request' ? '' : (contracts.get(protocol)?.homes[part] ?? '');
          if (protocol !== to) foreignMembers(protocol, home, extras[protocol]!, held);
        }
      }
    },
    repair(path, why, weight = 'note') {
      note({ path, action: 'repaired', why, weight });
    },
  };
}

type Held = (member: Member) => boolean;
const always: Held = () => true;

const unforeseen: Treatment = { fate: 'drop', why: 'no counterpart', weight: 'degrade' };

const actions: Partial<Record<Fate, Note['action']>> = { emulate: 'emulated', clamp: 'clamped' };

/** Fates that lose nothing, or that an encoder has already seen to. */
const silent: ReadonlySet<Fate> = new Set<Fate>(['carry', 'translate', 'moot']);

/** A field's path, or its name within the thing at `at`; what belongs to a message is not that of its content. */
function pathOf(field: Field | undefined, member: Member, at: string | undefined): string {
  if (field === undefined) return at ?? member;
  if (at === undefined) return field.path;
  const holder = field.path.slice(0, field.path.lastIndexOf(']') + 1);
  if (holder === '') return at;
  const outer = holder.indexOf(']') === holder.length - 1;
  return (outer ? at.slice(0, at.indexOf(']') + 1) || at : at) + field.path.slice(holder.length);
}

/** How an entry of a list is told in a path: by its type, or a word by itself. */
const variant = (entry: Json): string =>
  typeof entry === 'string'
    ? `[${entry}]`
    : isObject(entry) && typeof entry.type === 'string'
      ? `[type=${entry.type}]`
      : '[]';

/** Whether a member of the request is set, so that its encoder sees to it. */
function isHeld(request: TurnRequest, member: Member): boolean {
  const [head, name] = member.split('.') as [string, string | undefined];
  if (head === 'format') return request.output?.format !== undefined;
  const holder = (request as unknown as Record<string, unknown>)[head];
  if (name === undefined) return holder !== undefined;
  if (!isObject(holder)) return head === 'parts' || head === 'tools' || head === 'turns';
  return holder[name] !== undefined;
}

const same = (a: Json, b: Json): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
