/** Upstreams that sign what they think, and refuse what they have not signed. */
import { createHmac } from 'node:crypto';
import { lastMember, scanObject } from '../../../src/protocols/json-scan.ts';
import type { SseBlock } from '../../support/corpus.ts';

export type Body = Record<string, unknown>;

/** Who is asked: a vendor has accounts and models. */
export interface Place {
  readonly vendor: string;
  readonly account: string;
  readonly model: string;
}

/** What the model says: at most one thought, then text, then calls of the one tool. */
export interface Said {
  readonly number: number;
  readonly thought: string | undefined;
  readonly text: string;
  /** Unique ids. */
  readonly calls: readonly string[];
}

/** One API. */
export interface Wire {
  /** Its part of a URL behind the vendor, and what it says of model and stream. */
  route(path: string, search: string): { readonly model?: string; readonly stream?: boolean } | undefined;
  /** The member that holds the conversation. */
  readonly conversation: string;
  /** Everything that the real API refuses. */
  faults(body: Body, place: Place): string[];
  /** Whether the model is told results rather than words. */
  endsInResults(body: Body): boolean;
  /** The reply, whole and as events. */
  reply(said: Said, body: Body, place: Place): { whole: Body; events: SseBlock[] };
  refusal(status: number, message: string): Body;
}

/** A request as it was taken. */
export interface Taken extends Place {
  /** The conversation's bytes, without the closing bracket. */
  readonly conversation: string;
  readonly body: Body;
}

const key = 'of the makers';

/** A signature of those who are named over a text: base64 of some length. */
export const sign = (by: readonly string[], text: string): string => {
  const mac = createHmac('sha256', key)
    .update(JSON.stringify([by, text]))
    .digest();
  return Buffer.concat([mac, mac, mac]).toString('base64');
};

export interface Makers {
  readonly url: string;
  readonly taken: readonly Taken[];
  /** What was answered, byte by byte. */
  readonly replies: readonly string[];
  /** What was refused for the request's own sake. */
  readonly refused: string[];
  /** `vendor`, `vendor/account`, or `vendor/account/model`: these answer 429, a vendor 503. */
  readonly down: Set<string>;
  stop(): void;
}

/** Starts all vendors, each at `/VENDOR/…`. */
export function startMakers(wires: ReadonlyMap<string, Wire>): Makers {
  const taken: Taken[] = [];
  const replies: string[] = [];
  const refused: string[] = [];
  const down = new Set<string>();
  let number = 0;

  function say(wire: Wire, body: Body): Said {
    const n = ++number;
    const isDone = wire.endsInResults(body) && n % 3 !== 0;
    const calls = isDone ? [] : Array.from({ length: 1 + (n % 2) }, (_, i) => `call_${n}_${i}`);
    return {
      number: n,
      thought: n % 5 === 0 ? undefined : `Thought ${n}: "quoted", näher.`,
      text: isDone ? `Answer ${n}.` : `I will look (${n}).`,
      calls,
    };
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const [, vendor = '', path = ''] = /^\/([^/]+)(\/.*)$/.exec(pathname) ?? [];
      const wire = wires.get(vendor);
      const route = wire?.route(path, search);
      if (wire === undefined || route === undefined)
        return Response.json({ error: 'nowhere' }, { status: 404 });
      const text = await request.text();
      const body = JSON.parse(text) as Body;
      const model = route.model ?? String(body.model);
      const account = (
        request.headers.get('authorization')?.slice('Bearer '.length) ??
        request.headers.get('x-api-key') ??
        request.headers.get('x-goog-api-key') ??
        ''
      ).replace(/^sk-/, '');
      if (down.has(vendor)) return Response.json(wire.refusal(503, 'not now'), { status: 503 });
      if (down.has(`${vendor}/${account}`))
        return Response.json(wire.refusal(429, 'not now'), { status: 429 });
      const place = { vendor, account, model };
      const faults = wire.faults(body, place);
      if (faults.length > 0) {
        refused.push(`${vendor}/${account}/${model}: ${faults[0]} (of ${faults.length})`);
        return Response.json(wire.refusal(400, faults.join('; ')), { status: 400 });
      }
      taken.push({ ...place, conversation: conversationIn(text, wire.conversation), body });
      const { whole, events } = wire.reply(say(wire, body), body, place);
      const isStream = route.stream ?? body.stream === true;
      replies.push(
        isStream ? events.map((block) => `${block.text}\n\n`).join('') : JSON.stringify(whole, null, 1),
      );
      return new Response(replies.at(-1), {
        headers: { 'content-type': isStream ? 'text/event-stream' : 'application/json' },
      });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    taken,
    replies,
    refused,
    down,
    stop: () => void server.stop(true),
  };
}

function conversationIn(text: string, name: string): string {
  const bytes = Buffer.from(text);
  const scan = scanObject(bytes);
  const member = scan.ok ? lastMember(scan.members, name) : undefined;
  return member === undefined ? '' : bytes.toString('utf8', member.from, member.to).replace(/\s*\]$/, '');
}

/** Ids that occur more than once. */
export const repeated = (ids: readonly string[]): string[] => [
  ...new Set(ids.filter((id, i) => ids.indexOf(id) !== i)),
];

export const listOf = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);
