import type { Edit } from '../pipeline/asked.ts';
import {
  cutMembers,
  lastMember,
  memberValue,
  scanObject,
  splice,
  valueIn,
  type Member,
} from '../protocols/json-scan.ts';
import { refuse, type Failure } from '../turn/failure.ts';
import { asObject, asString, isObject, type Json, type JsonObject } from '../turn/json.ts';

/** A turn that is asked for in a frame. */
export interface CreateFrame {
  readonly kind: 'create';
  /** What a `POST` of the same turn would bring, with `stream` set. */
  readonly body: Uint8Array;
  /** Nothing is to be generated. */
  readonly isWarmUp: boolean;
  /** The lane of the connection that it belongs to, where it names one. */
  readonly streamId: string | undefined;
}

export interface CancelFrame {
  readonly kind: 'cancel';
  readonly responseId: string | undefined;
  readonly streamId: string | undefined;
}

export type ClientFrame = CreateFrame | CancelFrame;

/**
 * Reads a client's frame: `response.create` with its members at the top or in `response`, or `response.cancel`. Throws
 * a failure that says what is wrong with any other.
 *
 * @example
 * const frame = readFrame('{"type":"response.create","model":"m","input":"hi"}');
 * // { kind: 'create', body: '{"model":"m","input":"hi","stream":true}' as bytes, … }
 */
export function readFrame(message: string | Uint8Array): ClientFrame {
  if (typeof message !== 'string') {
    refuse('a frame must be text; a binary one is not read', undefined, { code: 'invalid_frame' });
  }
  const bytes = Buffer.from(message);
  const frame = membersOf(bytes, 'the frame');
  const type = valueIn(bytes, frame.members, 'type');
  const streamId = streamIdIn(valueIn(bytes, frame.members, 'stream_id'));
  if (type === 'response.cancel') {
    return { kind: 'cancel', responseId: asString(valueIn(bytes, frame.members, 'response_id')), streamId };
  }
  if (type !== 'response.create') {
    refuse(
      typeof type === 'string'
        ? `Invalid value: '${type.slice(0, 100)}'. Supported values are: 'response.create' and 'response.cancel'.`
        : "Missing required parameter: 'type'.",
      'type',
      { code: 'invalid_value' },
    );
  }
  const nested = lastMember(frame.members, 'response');
  if (nested === undefined || bytes[nested.from] !== openBrace) return created(bytes, frame, streamId);
  const inner = bytes.subarray(nested.from, nested.to);
  const members = membersOf(inner, 'response');
  return created(inner, members, streamId ?? streamIdIn(valueIn(inner, members.members, 'stream_id')));
}

const openBrace = 0x7b;

/** What belongs to the connection, not to the turn. */
const ofTheFrame: ReadonlySet<string> = new Set(['type', 'generate', 'stream_id', 'event_id']);

function created(bytes: Uint8Array, { members, end }: Scanned, streamId: string | undefined): CreateFrame {
  const value = (name: string): Json | undefined => valueIn(bytes, members, name);
  const generate = value('generate') ?? undefined;
  if (generate !== undefined && typeof generate !== 'boolean') {
    refuse('generate must be true or false', 'generate', { code: 'invalid_type' });
  }
  if (value('background') === true) {
    refuse('A response is not made in the background over a WebSocket.', 'background', {
      code: 'unsupported_parameter',
    });
  }
  const edits: Edit[] = cutMembers(bytes, members, ({ key }) => ofTheFrame.has(key));
  const stream = lastMember(members, 'stream');
  if (stream === undefined) {
    const at = end - 1;
    const isEmpty = members.every(({ key }) => ofTheFrame.has(key));
    edits.push({ from: at, to: at, text: `${isEmpty ? '' : ','}"stream":true` });
  } else if (value('stream') !== true) {
    edits.push({ ...stream, text: 'true' });
  }
  return {
    kind: 'create',
    body: splice(
      bytes,
      edits.sort((a, b) => a.from - b.from),
    ),
    isWarmUp: generate === false || (generate === undefined && hasNothingToSay(bytes, members)),
    streamId,
  };
}

/** A conversation that begins with no input at all has nothing that a model could answer. */
function hasNothingToSay(bytes: Uint8Array, members: readonly Member[]): boolean {
  const input = lastMember(members, 'input');
  if (input === undefined || input.to - input.from > emptyBytesMax) return false;
  const value = memberValue(bytes, input);
  const continues = ['previous_response_id', 'conversation', 'prompt'].some(
    (name) => (valueIn(bytes, members, name) ?? null) !== null,
  );
  return Array.isArray(value) && value.length === 0 && !continues;
}

/** An empty list is not longer, blanks included. */
const emptyBytesMax = 64;

type Scanned = { readonly members: readonly Member[]; readonly end: number };

function membersOf(bytes: Uint8Array, what: string): Scanned {
  const scan = scanObject(bytes);
  if (!scan.ok) {
    refuse(`${what} is not valid JSON: ${scan.why} (byte ${scan.offset})`, undefined, {
      code: 'invalid_json',
    });
  }
  return scan;
}

function streamIdIn(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || !/^[\w.-]{1,256}$/.test(value)) {
    refuse('stream_id must be 1 to 256 letters, digits, dots, dashes and underscores', 'stream_id', {
      code: 'invalid_value',
    });
  }
  return value;
}

/** Headers of a refusal that say nothing to whoever reads a frame. */
const ofHttp: ReadonlySet<string> = new Set(['content-type', 'content-length', 'cache-control', 'date']);

/** The headers of a reply as a frame holds them. */
export const headersIn = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !ofHttp.has(name)));

/**
 * A failure as one frame: exactly one `status`, and an error with a code, without which clients wait on (Codex CLI
 * 0.169.0 ignores an error frame without a status).
 */
export function errorFrame(
  status: number,
  error: JsonObject,
  more: { headers?: Record<string, string>; streamId?: string; sequence?: Json } = {},
): string {
  const { streamId, sequence, headers } = more;
  return JSON.stringify({
    type: 'error',
    ...(streamId === undefined ? undefined : { stream_id: streamId }),
    ...(sequence === undefined ? undefined : { sequence_number: sequence }),
    status,
    error: {
      ...error,
      message: asString(error.message) ?? 'the request failed',
      code: asString(error.code) ?? asString(error.type) ?? 'server_error',
    },
    ...(headers === undefined ? undefined : { headers }),
  });
}

/** A refusal that would have been the answer to a `POST`, as a frame. */
export async function refusalFrame(answer: Response, streamId: string | undefined): Promise<string> {
  const { status, headers } = answer;
  let body: Json | undefined;
  try {
    body = (await answer.json()) as Json;
  } catch {
    // Whatever it was, its status tells enough.
  }
  const told = asObject(body)?.error;
  const error = isObject(told) ? told : { message: asString(told) };
  return errorFrame(status, error as JsonObject, { headers: headersIn(headers), streamId });
}

/** A failure of the connection itself. */
export const failureFrame = (
  encode: (failure: Failure) => JsonObject,
  failure: Failure,
  streamId?: string,
): string => errorFrame(failure.status, asObject(encode(failure).error) ?? {}, { streamId });
