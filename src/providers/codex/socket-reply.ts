import { sseText } from '../../protocols/sse.ts';
import { asNumber, asObject, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { byteQueue } from './byte-queue.ts';
import { limitHeaders } from './socket-limits.ts';
import type { Connection } from './socket.ts';

/** Nothing of what a reply says has come and nothing will: the turn can be sent again, in full. */
export class SocketLost extends Error {
  override readonly name = 'SocketLost';
  /** The backend had taken the turn up, which may have cost something. */
  readonly hasBegun: boolean;

  constructor(why: string, hasBegun: boolean) {
    super(why);
    this.hasBegun = hasBegun;
  }
}

export interface ReplyHooks {
  /** What would stand in the headers of a reply over HTTP, as often as there is something new. */
  told(headers: Headers): void;
  /** The connection has no turn any more. `completed` is absent where the turn has ended in any other way. */
  ended(completed?: { readonly responseId: string; readonly output: readonly Json[] }): void;
}

/** With these the backend takes a turn up, and says nothing yet. */
const preliminary: ReadonlySet<string> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
]);
/** How long a reply that says nothing yet is kept back, so that nobody has it when its connection breaks. */
const heldMsMax = 10_000;
/** After these nothing follows. */
const terminal: ReadonlySet<string> = new Set([
  'response.completed',
  'response.failed',
  'response.incomplete',
  'response.cancelled',
]);
/** Codes that speak of the connection and not of the turn. */
const ofConnection: ReadonlySet<string> = new Set([
  'websocket_connection_limit_reached',
  'previous_response_not_found',
]);
/** The headers that a reply over HTTP is read for. */
const ofReplies = /^(?:x-[\w-]{1,128}|retry-after(?:-ms)?)$/i;
/**
 * Sends the frame of a turn, and gives the reply the form of one over HTTP. It is there as soon as it says something,
 * or after `heldMs`; an error before that is a reply of its status. Rejects with {@link SocketLost}, or with the
 * signal's reason.
 */
export function carryTurn(
  connection: Connection,
  frame: string,
  signal: AbortSignal,
  hooks: ReplyHooks,
  heldMs = heldMsMax,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  let head = new Headers({ 'content-type': 'text/event-stream', 'dragoman-transport': 'websocket' });
  const body = byteQueue(connection, () => leave());
  const output: string[] = [];
  let held: ReturnType<typeof setTimeout> | undefined;
  let hasBegun = false;
  let isOver = false;

  function finish(completed?: Parameters<ReplyHooks['ended']>[0]): void {
    isOver = true;
    clearTimeout(held);
    signal.removeEventListener('abort', leave);
    hooks.ended(completed);
  }

  function fail(error: unknown): void {
    if (isOver) return;
    finish();
    if (hasBegun) body.end(error);
    else reject(error);
  }
  const leave = (): void => fail(signal.reason ?? new Error('the reply is not wanted any more'));
  const lost = (why: string): SocketLost => new SocketLost(why, held !== undefined);

  function begin(): void {
    if (hasBegun) return;
    hasBegun = true;
    clearTimeout(held);
    const response = new Response(body.stream, { status: 200, headers: head });
    // They go on growing: what is told in mid reply explains how it ends.
    head = response.headers;
    resolve(response);
  }

  function pass(type: string, text: string): void {
    body.push(sseText(type, /[\r\n]/.test(text) ? JSON.stringify(JSON.parse(text)) : text));
    if (preliminary.has(type)) held ??= setTimeout(begin, heldMs);
    else begin();
  }

  function tell(headers: Record<string, unknown>): void {
    const news = new Headers();
    for (const [name, value] of Object.entries(headers)) {
      if (!ofReplies.test(name) || typeof value !== 'string' || !/^[\x20-\x7e]{0,8192}$/.test(value))
        continue;
      news.set(name, value);
      head.set(name, value);
    }
    hooks.told(news);
  }

  function failed(text: string): void {
    const { type: _, headers, status: one, status_code: other, ...said } = objectOf(text);
    const error = asObject(said.error) ?? asObject(asObject(said.body)?.error);
    if (!hasBegun && ofConnection.has(asString(error?.code) ?? '')) {
      fail(lost(asString(error?.code) ?? ''));
      return;
    }
    tell(asObject(headers) ?? {});
    const status = asNumber(one) ?? asNumber(other);
    if (hasBegun || status === undefined || status < 400 || status > 599) {
      // The headers are the account's affair.
      pass('error', JSON.stringify({ type: 'error', ...said }));
      body.end();
    } else {
      hasBegun = true;
      head.set('content-type', 'application/json');
      resolve(new Response(JSON.stringify(error ? { error } : said), { status, headers: head }));
    }
    finish();
  }

  function frameCame(text: string): void {
    const type = typeOf(text);
    if (type === 'codex.rate_limits') tell(limitHeaders(objectOf(text)));
    else if (type === 'response.metadata') metadataCame(text);
    else if (type === 'error') failed(text);
    else {
      if (type === 'response.output_item.done') output.push(text);
      pass(type, text);
      if (!terminal.has(type)) return;
      body.end();
      finish(type === 'response.completed' ? completion(text, output) : undefined);
    }
  }

  /** Over HTTP these are headers, which the client does not get to see either. */
  function metadataCame(text: string): void {
    const { headers, ...rest } = objectOf(text);
    tell(asObject(headers) ?? {});
    if (Object.keys(rest).some((name) => name !== 'type' && name !== 'sequence_number'))
      pass('response.metadata', JSON.stringify(rest));
  }

  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  else {
    connection.begin(frame, {
      frame(text) {
        if (isOver) return;
        try {
          frameCame(text);
        } catch (error) {
          // No frame of the protocol: another way may bring a better one.
          fail(hasBegun ? error : lost('the reply could not be read'));
        }
      },
      cut: () => fail(hasBegun ? cutError() : lost('the connection was closed')),
    });
  }
  return promise;
}

/** What a cut stream of `fetch` fails with. */
const cutError = (): Error =>
  Object.assign(new Error('the connection was closed in mid reply'), { code: 'ECONNRESET' });

/** What the next turn can go on from; nothing where the reply cannot be read well enough for that. */
function completion(text: string, output: readonly string[]): Parameters<ReplyHooks['ended']>[0] {
  try {
    const responseId = asString(asObject(objectOf(text).response)?.id);
    return responseId === undefined
      ? undefined
      : { responseId, output: output.map((each) => objectOf(each).item ?? null) };
  } catch {
    return undefined;
  }
}

/** The type of an event, which stands first where the backend writes it. */
function typeOf(text: string): string {
  const first = /^\{"type":"([\w.]{1,64})"/.exec(text)?.[1];
  return first ?? asString(objectOf(text).type) ?? 'message';
}

function objectOf(text: string): JsonObject {
  const value = JSON.parse(text) as Json;
  if (!isObject(value)) throw new TypeError('a frame is no object');
  return value;
}
