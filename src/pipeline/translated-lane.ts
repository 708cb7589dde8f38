import type { DecodeSource, Protocol, SurfaceContext } from '../protocols/protocol.ts';
import { sseReader } from '../protocols/sse.ts';
import type { Sight } from '../protocols/tap.ts';
import type { TurnEvent } from '../turn/event.ts';
import type { Failure } from '../turn/failure.ts';
import type { Note } from '../turn/note.ts';
import { replyFold, type Reply } from '../turn/reply.ts';
import type { LaneStream } from './relay.ts';
import { sealUnsealed } from './unsealed-reasoning.ts';

const encoder = new TextEncoder();
const nothing = new Uint8Array(0);

/** The lane between two protocols: upstream frames → events → client frames, all in one synchronous push. */
export function translatedStream(
  upstream: Protocol,
  source: DecodeSource,
  surface: Protocol,
  context: SurfaceContext,
): LaneStream & { readonly notes: readonly Note[] } {
  const reader = eventReader(upstream, source);
  const seal = sealingOf(surface, context);
  const out = surface.streamEncoder(context);
  const sight: Sight = { done: false };
  let closed = false;

  /** Encodes what was read; a failed stream is cut off after its error. */
  function encode(events: readonly TurnEvent[]): string {
    let text = '';
    for (const event of seal(events)) {
      if (closed) break;
      see(event, sight);
      text += out.encode(event);
      if (event.kind === 'error') text += close();
    }
    return text;
  }

  function close(): string {
    if (closed) return '';
    closed = true;
    sight.done = true;
    return out.end();
  }

  return {
    sight,
    notes: out.notes,
    push(chunk) {
      let text = encode(reader.push(chunk));
      if (reader.done) text += close();
      return text === '' ? nothing : encoder.encode(text);
    },
    end(failure: Failure | undefined) {
      if (closed) return nothing;
      const text = encode(reader.end(failure)) + close();
      return text === '' ? nothing : encoder.encode(text);
    },
  };
}

/** What gives a seal to reasoning that has none, where the client's protocol wants one. */
export function sealingOf(
  surface: Protocol,
  { unsealed }: SurfaceContext,
): (events: readonly TurnEvent[]) => readonly TurnEvent[] {
  return unsealed !== undefined && surface.opaque.sealsAll ? sealUnsealed(unsealed) : (events) => events;
}

/** Folds a whole streamed body into the reply, for a client that did not ask for a stream. */
export function foldStream(
  upstream: Protocol,
  source: DecodeSource,
  seal: (events: readonly TurnEvent[]) => readonly TurnEvent[],
): { push(chunk: Uint8Array): void; end(failure: Failure | undefined): Reply; readonly done: boolean } {
  const reader = eventReader(upstream, source);
  const fold = replyFold();
  const take = (events: readonly TurnEvent[]): void => {
    for (const event of seal(events)) fold.push(event);
  };

  return {
    push: (chunk) => take(reader.push(chunk)),
    end(failure) {
      take(reader.end(failure));
      return fold.reply();
    },
    get done() {
      return reader.done;
    },
  };
}

/** The events of an upstream's bytes. The lists that it returns are its own, good until the next call. */
export function eventReader(
  upstream: Protocol,
  source: DecodeSource,
): {
  push(chunk: Uint8Array): readonly TurnEvent[];
  end(failure: Failure | undefined): readonly TurnEvent[];
  readonly done: boolean;
} {
  const frames = sseReader();
  const decoder = upstream.streamDecoder(source);
  const events: TurnEvent[] = [];

  return {
    push(chunk) {
      events.length = 0;
      for (const frame of frames.push(chunk)) {
        decoder.decode(frame, events);
        if (decoder.done) break;
      }
      return events;
    },
    end(failure) {
      events.length = 0;
      for (const frame of frames.end()) decoder.decode(frame, events);
      if (failure === undefined || decoder.done) decoder.end(events);
      else events.push({ kind: 'error', failure });
      return events;
    },
    get done() {
      return decoder.done;
    },
  };
}

/** Folds the events of a whole result. */
export function foldEvents(events: readonly TurnEvent[]): Reply {
  const fold = replyFold();
  for (const event of events) fold.push(event);
  return fold.reply();
}

/** Keeps what the record wants to know. */
export function see(event: TurnEvent, sight: Sight): void {
  switch (event.kind) {
    case 'start':
      sight.id = event.id ?? sight.id;
      sight.model = event.model ?? sight.model;
      break;
    case 'usage':
      sight.usage = { ...sight.usage, ...event.usage };
      break;
    case 'stop':
      if (event.choice === 0) sight.stop = event.stop;
      break;
    case 'error':
      sight.failure = event.failure;
      break;
  }
}
