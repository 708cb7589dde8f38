import { createHash } from 'node:crypto';
import { isObject, type Json, type JsonObject } from '../../turn/json.ts';

/** A request as it would go over a socket. */
export interface SocketTurn {
  readonly url: string;
  readonly headers: Record<string, string>;
  /** The conversation of one caller at one account and model: turns of another do not share its connection. */
  readonly key: string;
  readonly account: string;
  readonly token: string;
  /** The members of the HTTP request, as JSON text. */
  readonly members: ReadonlyMap<string, Uint8Array | string>;
  readonly items: readonly Json[];
  /** `client_metadata`; here it stands for headers too, because those of the upgrade stay as they were. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a connection remembers of the last turn that it has carried to its end. */
export interface Memory {
  readonly responseId: string;
  /** Of everything in the request that is no item and says nothing about the turn. */
  readonly rest: string;
  /** Of each item through the last one of the reply. */
  readonly items: readonly string[];
}

/** A turn with what it is compared by, so that a turn that is sent again is read only once. */
export interface ComparedTurn extends SocketTurn {
  readonly digests: readonly string[];
  readonly rest: string;
}

/** Members that differ from turn to turn by their nature. */
const apart: ReadonlySet<string> = new Set(['input', 'client_metadata']);

export function compared(turn: SocketTurn): ComparedTurn {
  const hash = createHash('sha256');
  for (const [name, value] of turn.members)
    if (!apart.has(name))
      hash
        .update(`${JSON.stringify(name)}:`)
        .update(value)
        .update(',');
  return { ...turn, digests: turn.items.map(digestOf), rest: hash.digest('base64') };
}

/** Whether a turn goes on from what a connection remembers, so that its new items are enough. */
export function continues({ digests, rest }: ComparedTurn, memory: Memory | undefined): memory is Memory {
  return (
    memory !== undefined &&
    memory.rest === rest &&
    digests.length > memory.items.length &&
    memory.items.every((digest, i) => digest === digests[i])
  );
}

/** The frame of a turn: all of it, or with a memory that it goes on from only what is new. */
export function writeFrame(turn: ComparedTurn, memory: Memory | undefined, nowMs: number): string {
  const { members, items, metadata } = turn;
  const goesOn = continues(turn, memory) ? memory : undefined;
  const pieces = ['"type":"response.create"'];
  for (const [name, value] of members) {
    if (name === 'client_metadata') continue;
    if (name === 'input' && goesOn !== undefined) {
      pieces.push(`"previous_response_id":${JSON.stringify(goesOn.responseId)}`);
      pieces.push(`"input":${JSON.stringify(items.slice(goesOn.items.length))}`);
    } else {
      pieces.push(
        `${JSON.stringify(name)}:${typeof value === 'string' ? value : Buffer.from(value).toString()}`,
      );
    }
  }
  const own = { ...metadata, 'x-codex-ws-stream-request-start-ms': String(nowMs) };
  pieces.push(`"client_metadata":${JSON.stringify(own)}`);
  return `{${pieces.join()}}`;
}

/** What to remember of a turn that was answered by these items. */
export const remember = (turn: ComparedTurn, responseId: string, output: readonly Json[]): Memory => ({
  responseId,
  rest: turn.rest,
  items: [...turn.digests, ...output.map(digestOf)],
});

const digestOf = (item: Json): string =>
  createHash('sha256')
    .update(JSON.stringify(lasting(item)))
    .digest('base64');

/** What a client may leave out or add when it sends an item of a reply back, without changing the conversation. */
const passing: ReadonlySet<string> = new Set(['id', 'status', 'internal_chat_message_metadata_passthrough']);

function lasting(item: Json): Json {
  if (!isObject(item)) return item;
  const kept: JsonObject = { type: 'message' };
  for (const name of Object.keys(item).sort()) if (!passing.has(name)) kept[name] = item[name]!;
  if (kept.type === 'message' && typeof kept.content === 'string') {
    const type = kept.role === 'assistant' ? 'output_text' : 'input_text';
    kept.content = [{ type, text: kept.content }];
  }
  return sorted(kept);
}

/** In one order of keys, without members that say nothing: `annotations: []`, `content: null`. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const name of Object.keys(value).sort()) {
    const member = value[name]!;
    if (member === null || (Array.isArray(member) && member.length === 0)) continue;
    kept[name] = sorted(member);
  }
  return kept;
}
