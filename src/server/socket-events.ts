import type { ByteSink } from '../pipeline/relay.ts';
import { sseReader } from '../protocols/sse.ts';
import type { Failure } from '../turn/failure.ts';
import { asObject, asString, parseObject, type JsonObject } from '../turn/json.ts';
import { errorFrame } from './socket-frames.ts';

/** A stream of server-sent events, as the frames of one turn. */
export interface EventFrames extends ByteSink {
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Ends the turn: what was held back, or `failure` where no event has ended it. */
  finish(failure: () => Failure | undefined): Promise<void> | undefined;
  /** The data of the first event that tells of the response. */
  first(): string | undefined;
}

/**
 * Gives the JSON of each event to `send` as it came, several at once where they came so. An `error` event that comes
 * last is held until then and told with a status: inside a stream it has none, and its clients would wait for more.
 *
 * @param send resolves when the client keeps up; throws when it has left
 */
export function eventFrames(
  streamId: string | undefined,
  encode: (failure: Failure) => JsonObject,
  send: (frames: readonly string[]) => Promise<void> | undefined,
): EventFrames {
  const reader = sseReader();
  const mark = streamId === undefined ? undefined : `{"stream_id":${JSON.stringify(streamId)},`;
  let first: string | undefined;
  let last: string | undefined;
  let error: string | undefined;

  const marked = (data: string): string =>
    mark === undefined || data[0] !== '{' ? data : mark + data.slice(1);

  function framesOf(events: readonly { readonly data: string }[]): string[] {
    const frames: string[] = [];
    for (const { data } of events) {
      if (data === '[DONE]') continue;
      if (error !== undefined) frames.push(marked(error));
      error = undefined;
      if (first === undefined && data.includes('"response"')) first = data;
      last = data;
      if (isError(data)) error = data;
      else frames.push(marked(data));
    }
    return frames;
  }

  function ending(failure: () => Failure | undefined): string | undefined {
    if (error !== undefined) return withStatus(error, failure()?.status ?? 502, streamId);
    if (last !== undefined && terminalTypes.has(typeOf(last) ?? '')) return undefined;
    const told = failure() ?? cutShort;
    return errorFrame(told.status, asObject(encode(told).error) ?? {}, { streamId });
  }

  return {
    write(bytes) {
      const frames = framesOf(reader.push(bytes));
      return frames.length === 0 ? undefined : send(frames);
    },
    close() {},
    finish(failure) {
      const frames = framesOf(reader.end());
      const end = ending(failure);
      if (end !== undefined) frames.push(end);
      return frames.length === 0 ? undefined : send(frames);
    },
    first: () => first,
  };
}

const terminalTypes: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
]);

/** Only then is it worth a look; a response names its error too, and begins otherwise. */
const isError = (data: string): boolean => data.includes('"error"') && typeOf(data) === 'error';

/** The type of an event, without a parse where it stands first. */
const typeOf = (data: string): string | undefined =>
  /^\{\s*"type"\s*:\s*"([\w.]+)"/.exec(data)?.[1] ?? asString(parseObject(data)?.type);

/** An `error` event of a stream as the frame that ends a turn. */
function withStatus(data: string, status: number, streamId: string | undefined): string {
  const event = parseObject(data) ?? {};
  const { code, message, param } = event;
  const error = asObject(event.error) ?? ({ code, message, param } as JsonObject);
  return errorFrame(status, error, { streamId, sequence: event.sequence_number });
}

const cutShort: Failure = {
  kind: 'cut',
  scope: 'provider',
  status: 502,
  message: 'the reply ended before it was complete',
  code: 'upstream_cut',
  retryable: true,
};
