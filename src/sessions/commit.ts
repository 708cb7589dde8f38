import type { Queries, SqlValue } from '../store/store.ts';
import { asString } from '../turn/json.ts';
import { newBranch, placeAfter, trim } from './branches.ts';
import { countUses, keepItems, useItems, type Cover } from './item-store.ts';
import { entriesText, type Entry } from './items.ts';
import { aboutOf, unname } from './names.ts';
import { checkStates, type LeftStates } from './provider-state.ts';
import type { FinishedTurn, Snapshot } from './sessions.ts';
import type { WrittenForm } from './written.ts';

/** What holds for one write. */
export interface Writing {
  readonly cover: Cover;
  /** What is told of the conversation, sealed, where nothing is told of it yet. */
  readonly about: string;
  readonly nowMs: number;
  readonly expiresMs: number;
}

/** Writes a turn, in the transaction of `queries`. */
export async function commitTurn(
  queries: Queries,
  { caller, parent, conversation, response, state, parentState }: FinishedTurn,
  written: WrittenForm,
  { cover, about, nowMs, expiresMs }: Writing,
): Promise<void> {
  const id = asString(response.id) ?? null;
  const told = conversation && (await aboutOf(queries, caller, conversation.id));
  // A server may give an id again, even to what follows it: what had it stays where others need it.
  const before = [
    id === null ? undefined : await unname(queries, caller, 'id', id),
    conversation && (await unname(queries, caller, 'conversation', conversation.id)),
  ];
  const place =
    parent === undefined || written.isCompacted
      ? await newBranch(queries, caller, expiresMs)
      : await placeAfter(queries, caller, parent, expiresMs);
  await keepItems(queries, caller, written.items, written.uses, cover);
  await insertSnapshot(queries, {
    branch: place.branch,
    seq: place.seq,
    caller,
    id,
    conversation: conversation?.id ?? null,
    about: conversation === undefined ? null : (told ?? about),
    entries: entriesText([...place.repeated, ...written.entries]),
    inputs: place.repeated.length + written.inputs,
    body: cover.seal(written.body),
    members: JSON.stringify(written.members),
    state: stateText({ ...parent?.state, ...state }),
    created_ms: nowMs,
  });
  await queries.run('UPDATE session_branches SET bytes = bytes + ? WHERE id = ?', [
    written.bytes,
    place.branch,
  ]);
  if (parent !== undefined && parentState !== undefined) {
    await queries.run('UPDATE session_snapshots SET state = ? WHERE branch = ? AND seq = ?', [
      stateText({ ...parent.state, ...parentState }),
      parent.branch,
      parent.seq,
    ]);
  }
  for (const branch of before) if (branch !== undefined) await trim(queries, caller, branch);
}

/**
 * Has a conversation go on from these entries alone, for as long as it was to be kept; the responses that led here keep
 * what they had.
 */
export async function rewriteConversation(
  queries: Queries,
  { caller, state, branch }: Snapshot,
  conversation: string,
  entries: readonly Entry[],
  { cover, about, nowMs }: Omit<Writing, 'expiresMs'>,
): Promise<void> {
  const [held] = await queries.all('SELECT expires_ms FROM session_branches WHERE id = ?', [branch]);
  const expiresMs = Number(held?.expires_ms ?? nowMs);
  const told = await aboutOf(queries, caller, conversation);
  const before = await unname(queries, caller, 'conversation', conversation);
  const place = await newBranch(queries, caller, expiresMs);
  await useItems(queries, caller, countUses(entries.map(({ hash }) => hash)));
  await insertSnapshot(queries, {
    branch: place.branch,
    seq: place.seq,
    caller,
    id: null,
    conversation,
    about: told ?? about,
    entries: entriesText(entries),
    inputs: entries.length,
    body: cover.seal('{}'),
    members: '{}',
    state: stateText(state),
    created_ms: nowMs,
  });
  if (before !== undefined) await trim(queries, caller, before);
}

async function insertSnapshot(queries: Queries, row: Readonly<Record<string, SqlValue>>): Promise<void> {
  const columns = Object.keys(row);
  await queries.run(
    `INSERT INTO session_snapshots (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

const stateText = (state: LeftStates): string | null =>
  Object.keys(state).length === 0 ? null : JSON.stringify(checkStates(state));
