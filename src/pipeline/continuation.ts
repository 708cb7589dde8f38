import { retentionMsOf } from '../access/rules.ts';
import { holds } from '../protocols/bytes.ts';
import {
  cutMembers,
  lastMember,
  memberValue,
  scanMembers,
  scanObject,
  splice,
  valueIn,
  type Member,
} from '../protocols/json-scan.ts';
import type { SurfaceContext } from '../protocols/protocol.ts';
import type { Route } from '../routing/catalog.ts';
import { summaryNeedle, withOpenSummaries } from '../sessions/compaction.ts';
import { inputItems } from '../sessions/items.ts';
import { closeCalls } from '../sessions/open-calls.ts';
import { pendingState, type PendingState } from '../sessions/provider-state.ts';
import type { Snapshot, TurnMemory } from '../sessions/sessions.ts';
import { FailureError, invalidRequest, type Failure } from '../turn/failure.ts';
import { asString, isObject, type Json, type JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { Edit } from './asked.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { continued, createKeeper, type Keeper } from './keeper.ts';

/** A turn of a conversation that the gateway may know or is to keep. */
export interface Continuation {
  /** The request with the whole conversation in it, where it continued one that is stored here. */
  readonly body: Uint8Array;
  /** What had to be done to the history. */
  readonly notes: readonly Note[];
  /** Where it may go: what is not known here may be known by a server that speaks the client's protocol itself. */
  routes(found: readonly Route[]): readonly Route[];
  /** What the reply repeats of the request is what the client sent. */
  context(of: () => SurfaceContext): () => SurfaceContext;
  readonly state: PendingState;
  /** Absent when the turn is not to be stored. */
  readonly keeper: Keeper | undefined;
}

const surface = 'openai-responses';
const names = ['model', 'store', 'previous_response_id', 'conversation'] as const;
const reference = Buffer.from('"item_reference"');
const summary = Buffer.from(summaryNeedle);

/** Whether requests of this kind are looked at here: a client of the other protocols brings its history itself. */
export const isStateful = ({ sessions }: PipelineDeps, { memory, surface: { id } }: Inbound): boolean =>
  (memory ?? sessions) !== undefined && id === surface;

/**
 * Puts the stored conversation that a request continues in front of its input, and says how its reply is kept.
 * `undefined` when there is nothing of both; what is no valid request is left to others to refuse.
 */
export async function continueTurn(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
): Promise<Continuation | undefined> {
  const sessions: TurnMemory = inbound.memory ?? deps.sessions!;
  const scan = scanMembers(body, names);
  if (!scan.ok) return undefined;
  const value = (name: string): Json | undefined => valueIn(body, scan.members, name);
  const previous = asString(value('previous_response_id')) || undefined;
  const conversation = conversationId(value('conversation'));
  const refers = holds(body, reference);
  const retentionMs = retentionMsOf(inbound.caller.key?.rules);
  const isStored = value('store') !== false && deps.sessions?.limits.isOn === true && retentionMs !== 0;
  const isKept = inbound.operation === 'turn' && (isStored || inbound.memory !== undefined);
  const isPlain = previous === undefined && conversation === undefined && !refers;
  if (!isKept && isPlain && !holds(body, summary)) return undefined;

  if (previous !== undefined && conversation !== undefined) throw new FailureError(twoPasts);
  const bytesMax = deps.sessions?.limits.conversationBytesMax ?? Infinity;
  const past = await pastOf(sessions, bytesMax, inbound.caller.id, previous, conversation);
  // What a connection goes on from, it or the store must know; its client sends all of it again when told so.
  if (past.unknown !== undefined && previous !== undefined && inbound.memory !== undefined) {
    throw new FailureError(past.unknown);
  }
  const input = await inputOf(sessions, inbound.caller.id, body, refers);
  const unknown = past.unknown ?? input.unknown;
  const { snapshot } = past;
  const named = conversation === undefined ? undefined : snapshot?.conversation;
  const state = pendingState(snapshot);
  // Part of a conversation, stored as if it were the whole, would be continued wrongly.
  const isWhole = unknown === undefined;
  const { history, closed } = past.history
    ? closeCalls(past.history, () => new Set(input.items().map(({ call_id }) => call_id)))
    : { history: undefined, closed: [] };
  const expanded = isWhole && (history !== undefined || input.resolved !== undefined);
  return {
    notes: closed.map(noOutput),
    body: openSummaries(
      sessions,
      inbound.caller.id,
      expanded ? expand(body, history ?? [], input.resolved) : body,
    ),
    routes(found) {
      if (unknown === undefined) return found;
      const native = found.filter(
        ({ provider, model, options }) =>
          options === undefined &&
          !provider.forgets &&
          provider.protocols(model).includes(inbound.surface.id),
      );
      if (native.length === 0) throw new FailureError(unknown);
      return native;
    },
    context(of) {
      if (snapshot === undefined) return of;
      return () => {
        const context = of();
        return { ...context, body: { ...context.body, ...continued(snapshot, named) } };
      };
    },
    state,
    keeper:
      isKept && isWhole
        ? createKeeper(sessions, {
            caller: inbound.caller.id,
            parent: snapshot,
            conversation: named,
            state,
            retentionMs,
            inputs: input.items,
            isStored,
          })
        : undefined,
  };
}

interface Past {
  readonly snapshot?: Snapshot;
  readonly history?: readonly string[];
  readonly unknown?: Failure;
}

async function pastOf(
  sessions: TurnMemory,
  bytesMax: number,
  caller: string,
  previous: string | undefined,
  conversation: string | undefined,
): Promise<Past> {
  const name = previous ?? conversation;
  if (name === undefined) return {};
  const snapshot = await sessions.find(caller, name, previous === undefined ? 'conversation' : 'id');
  const history = snapshot && (await sessions.history(snapshot));
  if (history === undefined) {
    return { unknown: previous === undefined ? unknownConversation(name) : unknownResponse(name) };
  }
  const length = history.reduce((sum, text) => sum + text.length, 0);
  if (length > bytesMax) {
    throw new FailureError(tooLong(previous === undefined ? 'conversation' : 'previous_response_id'));
  }
  return { snapshot, history };
}

interface Input {
  /** What the request itself brings, references resolved. Read when it is needed, which is at the end. */
  readonly items: () => JsonObject[];
  /** The texts of the input's items, where references were among them. */
  readonly resolved?: readonly string[];
  readonly unknown?: Failure;
}

async function inputOf(
  sessions: TurnMemory,
  caller: string,
  body: Uint8Array,
  refers: boolean,
): Promise<Input> {
  const scan = scanObject(body);
  const member = scan.ok ? lastMember(scan.members, 'input') : undefined;
  if (member === undefined) return { items: () => [] };
  // The body is not held for as long as a stream is open, only what is to be stored of it.
  const own = body.slice(member.from, member.to);
  const items = (): JsonObject[] => inputItems(JSON.parse(decoder.decode(own)) as Json);
  const read = refers ? items() : [];
  const ids = read.filter(isReference).map(({ id }) => id as string);
  if (ids.length === 0) return { items };
  const found = await sessions.references(caller, ids);
  const missing = ids.find((id) => !found.has(id));
  if (missing !== undefined) return { items, unknown: unknownItem(missing) };
  const resolved = read.map((item) =>
    isReference(item) ? found.get(item.id as string)! : JSON.stringify(item),
  );
  return { items: () => resolved.map((text) => JSON.parse(text) as JsonObject), resolved };
}

const isReference = (item: JsonObject): boolean =>
  item.type === 'item_reference' && typeof item.id === 'string';

const decoder = new TextDecoder();

/** Compactions of this gateway go up as the summaries that they hold, to whichever upstream. */
function openSummaries({ sealing }: TurnMemory, caller: string, body: Uint8Array): Uint8Array {
  if (sealing === undefined || !holds(body, summary)) return body;
  const scan = scanObject(body);
  const member = scan.ok ? lastMember(scan.members, 'input') : undefined;
  const input = member && memberValue(body, member);
  if (member === undefined || !Array.isArray(input)) return body;
  try {
    const items = withOpenSummaries(sealing, caller, input);
    return splice(body, [{ from: member.from, to: member.to, text: JSON.stringify(items) }]);
  } catch {
    throw new FailureError(strangeSummary);
  }
}

const quote = 0x22;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** The body with the history before its input and without the id of what it continues; all else byte by byte. */
function expand(
  body: Uint8Array,
  history: readonly string[],
  resolved: readonly string[] | undefined,
): Uint8Array {
  const scan = scanObject(body);
  if (!scan.ok) return body;
  const edits: Edit[] = cutMembers(body, scan.members, namesPast);
  const input = lastMember(scan.members, 'input');
  if (input === undefined) {
    const at = scan.end - 1;
    edits.push({ from: at, to: at, text: `,"input":[${history.join(',')}]` });
  } else {
    edits.push(inputEdit(body, input, history, resolved));
  }
  return splice(
    body,
    edits.sort((a, b) => a.from - b.from),
  );
}

function inputEdit(
  body: Uint8Array,
  { from, to }: Member,
  history: readonly string[],
  resolved: readonly string[] | undefined,
): Edit {
  if (resolved !== undefined) return { from, to, text: `[${[...history, ...resolved].join(',')}]` };
  if (body[from] === openBracket) {
    let at = from + 1;
    while (body[at]! <= 0x20) at++;
    const separator = body[at] === closeBracket ? '' : ',';
    return { from: from + 1, to: from + 1, text: history.length === 0 ? '' : history.join(',') + separator };
  }
  const own = body[from] === quote ? inputItems(memberValue(body, { from, to })) : [];
  return { from, to, text: `[${[...history, ...own.map((item) => JSON.stringify(item))].join(',')}]` };
}

const namesPast = ({ key }: Member): boolean => key === 'previous_response_id' || key === 'conversation';

const noOutput = (id: string): Note => ({
  path: 'previous_response_id',
  action: 'repaired',
  why: `the call ${id} has no output; one that says so is sent`,
  weight: 'degrade',
});

const conversationId = (value: Json | undefined): string | undefined =>
  asString(value) || (isObject(value) ? asString(value.id) : undefined);

/** As OpenAI's API words it; clients send the whole conversation again on this code. */
const unknownResponse = (id: string): Failure =>
  invalidRequest(`Previous response with id '${id.slice(0, 200)}' not found.`, 'previous_response_id', {
    code: 'previous_response_not_found',
  });

const unknownItem = (id: string): Failure =>
  invalidRequest(`Item with id '${id.slice(0, 200)}' not found.`, 'input', {
    status: 404,
    kind: 'not_found',
  });

const unknownConversation = (id: string): Failure =>
  invalidRequest(`Conversation with id '${id.slice(0, 200)}' not found.`, undefined, {
    status: 404,
    kind: 'not_found',
  });

const twoPasts = invalidRequest(
  "Mutually exclusive parameters. Ensure you are only providing one of: 'previous_response_id' or 'conversation'.",
  'previous_response_id',
  { code: 'mutually_exclusive_parameters' },
);

const strangeSummary = invalidRequest(
  'The encrypted content of a compaction could not be verified: it was made for another caller or by another gateway.',
  'input',
  { code: 'invalid_encrypted_content' },
);

const tooLong = (param: string): Failure =>
  invalidRequest(
    'The conversation that is continued is longer than this gateway lets one be: compact it, or begin another.',
    param,
    { code: 'context_length_exceeded' },
  );
