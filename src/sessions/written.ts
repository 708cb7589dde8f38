import { asArray, isObject, type Json, type JsonObject } from '../turn/json.ts';
import { countUses } from './item-store.ts';
import { isCompaction, isMuteItem, storedItem, storedValue, type Entry, type Stored } from './items.ts';
import type { FinishedTurn } from './sessions.ts';

export class SessionTooLarge extends Error {
  override readonly name = 'SessionTooLarge';
}

/** Members of a response from this length of their text on are stored once, as tools and instructions repeat. */
const longMemberMin = 256;

/** A turn as the store has it. */
export interface WrittenForm {
  readonly entries: readonly Entry[];
  readonly inputs: number;
  readonly items: ReadonlyMap<string, Stored>;
  readonly uses: ReadonlyMap<string, number>;
  readonly body: string;
  readonly members: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly isCompacted: boolean;
}

/** Throws a `SessionTooLarge`. */
export function writtenForm({ inputs, response, native }: FinishedTurn, bytesMax: number): WrittenForm {
  const { output, ...others } = response;
  const replied = asArray(output).filter(isObject);
  const isCompacted = replied.some(isCompaction);
  const items = new Map<string, Stored>();
  const keep = (stored: Stored): string => {
    items.set(stored.hash, stored);
    return stored.hash;
  };
  const kept = isCompacted ? [] : inputs;
  const entries: Entry[] = kept.map((item) => ({ hash: keep(storedItem(item)), isMute: false }));
  for (const item of replied) {
    entries.push({ hash: keep(storedItem(item)), isMute: native && isMuteItem(item) });
  }
  const body: JsonObject = {};
  const members: Record<string, string> = {};
  for (const [name, value] of Object.entries(others)) {
    const stored = isObject(value) || Array.isArray(value) || typeof value === 'string';
    const long = stored ? storedIfLong(value) : undefined;
    if (long === undefined) body[name] = value;
    else members[name] = keep(long);
  }
  const bodyText = JSON.stringify(body);
  const bytes = items.values().reduce((sum, { text }) => sum + text.length, bodyText.length);
  if (bytes > bytesMax) throw new SessionTooLarge(`a turn of ${bytes} bytes is not stored`);
  const uses = countUses([...entries.map(({ hash }) => hash), ...Object.values(members)]);
  return { entries, inputs: kept.length, items, uses, body: bodyText, members, bytes, isCompacted };
}

function storedIfLong(value: Json): Stored | undefined {
  const stored = storedValue(value);
  return stored.text.length < longMemberMin ? undefined : stored;
}
