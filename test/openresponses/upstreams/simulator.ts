import type { SseBlock } from '../../support/corpus.ts';
import { answer, type Heard, type Said } from './model.ts';

export type Body = Record<string, unknown>;

/** One vendor's side of the wire: what its API refuses, and how it writes what its model says. */
export interface Wire {
  /** Whether a path is this API's, and what it says beside the body: the model's name, for one. */
  route(url: URL): { model?: string; stream?: boolean; compacts?: boolean } | undefined;
  /** Why the request is refused before its body is read: a header that lacks. */
  unwelcome(headers: Headers): string | undefined;
  /** Everything that the real API would not take, one line each. */
  faults(body: Body): string[];
  heard(body: Body): Heard;
  whole(said: Said, body: Body): Body;
  /** The events of the same reply; a reply that breaks loses those after the first that carries text. */
  events(said: Said, body: Body): SseBlock[];
  /** The event with which the real API reports a failure in mid-stream. */
  failure(): SseBlock;
  refusal(
    kind: RefusalKind,
    message: string,
  ): { status: number; body: Body; headers?: Record<string, string> };
}

export type RefusalKind = 'invalid' | 'unauthorized' | 'not_found' | 'rate_limited' | 'overloaded';

export interface Simulator {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  /** Bodies that were taken, in order. */
  readonly bodies: readonly Body[];
  stop(): Promise<void>;
}

/** Starts an upstream that speaks `wire` on a free port of loopback. */
export function startSimulator(wire: Wire): Simulator {
  const bodies: Body[] = [];
  const refuse = (kind: RefusalKind, message: string): Response => {
    const { status, body, headers } = wire.refusal(kind, message);
    return Response.json(body, { status, headers });
  };
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const route = request.method === 'POST' ? wire.route(new URL(request.url)) : undefined;
      if (!route) return refuse('not_found', `nothing is served at ${request.method} ${request.url}`);
      const unwelcome = wire.unwelcome(request.headers);
      if (unwelcome) return refuse('unauthorized', unwelcome);
      if (!request.headers.get('content-type')?.startsWith('application/json')) {
        return refuse('invalid', 'the body must be application/json');
      }
      const body = (await request.json()) as Body;
      const stream = route.stream ?? body['stream'] === true;
      if ((route.model ?? body['model']) !== 'm') return refuse('not_found', 'no such model');
      const faults = wire.faults(body);
      if (faults.length > 0) return refuse('invalid', faults.join('; '));
      bodies.push(body);
      const heard = wire.heard(body);
      const said = answer(route.compacts ? { ...heard, compacts: true } : heard);
      if (said.refuses) return refuse(said.refuses, 'not now');
      if (!stream)
        return said.breaks
          ? refuse('overloaded', 'not now')
          : Response.json(route.compacts ? resource(wire.whole(said, body)) : wire.whole(said, body));
      return streamed(wire, said, wire.events(said, body));
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    bodies,
    stop: () => server.stop(true),
  };
}

const resource = ({ id, created_at, output, usage }: Body): Body => ({
  id,
  object: 'response.compaction',
  created_at,
  output,
  usage,
});

/** Each event goes out by itself, as from a model that takes its time. */
function streamed(wire: Wire, said: Said, events: readonly SseBlock[]): Response {
  const middle = events.findIndex(({ data }) => data?.includes('This will')) + 1;
  const blocks = said.breaks ? events.slice(0, middle) : [...events];
  if (said.breaks === 'error') blocks.push(wire.failure());
  let next = 0;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await new Promise((turn) => setImmediate(turn));
        const block = blocks[next++];
        if (block) controller.enqueue(encoder.encode(`${block.text}\n\n`));
        else if (said.breaks === 'cut') controller.error(new Error('the simulated upstream breaks off'));
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** Pieces of a text, so that a stream has several deltas; a short text is one. */
export const pieces = (text: string): string[] => text.match(/.{1,9}/gs) ?? [];

/** The media type and base64 of a data URL; of another URL the URL itself. */
export function dataUrl(url: unknown): { mime: string; data: string } {
  const [, mime, data] = /^data:([^;,]+);base64,(.*)$/s.exec(String(url)) ?? [];
  return { mime: mime ?? 'at a URL', data: data ?? btoa(String(url)) };
}
