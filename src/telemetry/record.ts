import type { Failure } from '../turn/failure.ts';
import type { Stop } from '../turn/event.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId } from '../turn/part.ts';
import type { Usage } from '../turn/usage.ts';
import type { CostBasis, DispatchCost, Prices } from './cost.ts';

/** How a request ended: answered, failed, left by the client, or cut by the upstream in mid reply. */
export type Outcome = 'ok' | 'error' | 'cancelled' | 'cut';

/** A rate as it stands after a request was let in. */
export interface RateState {
  readonly limit: number;
  readonly remaining: number;
  /** Until it is whole again. */
  readonly resetMs: number;
}

/**
 * What the gateway remembers of one request, whatever its end. It is filled in while the request travels and
 * handed to the recorders once, when the last byte has gone out. It holds no prompt and no reply; only a failure's
 * message is in an upstream's own words.
 */
export interface TurnRecord {
  readonly requestId: string;
  /** The protocol it was asked in, or a word for what else it was: `models`, `health`, `metrics`, `admin`. */
  surface: string;
  readonly method: string;
  /** How it came, where that was not plain HTTP. */
  readonly transport?: 'websocket';
  /** The route's template such as `/{provider}/v1/messages`, never the URL as it came. */
  route: string;
  /** The id of the caller's gateway key; absent where none is needed. */
  keyId?: string;
  /** What is left of the key's rates, for the reply's headers. */
  rates?: { readonly requests?: RateState; readonly tokens?: RateState };
  /** The provider's configured name, once the request has one. */
  provider?: string;
  /** The account that served it, or that was asked last: its name, its id, and why it was chosen. */
  account?: string;
  accountId?: string;
  chosen?: string;
  /** How many accounts were asked. */
  attempts?: number;
  /** Those that did not serve it, in the order they were asked, when another was asked after them or could have been. */
  refusals?: readonly Refusal[];
  /** The model as the client asked for it. */
  model?: string;
  upstreamModel?: string;
  upstreamProtocol?: ProtocolId;
  lane: 'native' | 'translated' | 'none';
  stream: boolean;
  /** HTTP status for the client; 499 when it left before it had one. */
  status: number;
  outcome: Outcome;
  failure?: Pick<Failure, 'kind' | 'scope'> & Partial<Failure>;
  stop?: Stop;
  /** What tokens cost where the request goes; replaced when it goes elsewhere. */
  prices?: Prices;
  /** Of the last dispatch, as far as its upstream got to state it. */
  usage?: Usage;
  /** The dispatch that is charged for now; see `charges.ts`. */
  charging?: {
    readonly provider: string;
    readonly account?: string;
    readonly model: string;
    readonly prices?: Prices;
  };
  /** What each dispatch cost that an upstream began to answer, in order. */
  costs: readonly DispatchCost[];
  /** The sum of them; absent when there are none, and when one of them is not known. */
  costUsd?: number;
  costBasis?: CostBasis;
  notes: readonly Note[];
  /** Points in time on one clock, in milliseconds; only their differences have a meaning. */
  readonly startedMs: number;
  /** When the client's response headers were ready. */
  headersMs?: number;
  /** When the first piece of the reply went to the client. */
  firstTokenMs?: number;
  endedMs: number;
  /** How long, in all, the request waited for its upstream. */
  upstreamMs: number;
  bytesIn: number;
  bytesOut: number;
  /** The client's program, see {@link clientName}. */
  client?: string;
  /** Called once when the record is closed: lets go of what the request held, such as its place at the gate. */
  ended?: (failure: Failure | undefined) => void;
}

/** An account that was asked in vain: why it was chosen, and what was wrong with whom. */
export interface Refusal extends Pick<Failure, 'kind' | 'scope' | 'status'> {
  readonly provider: string;
  readonly account: string;
  readonly model: string;
  readonly chosen: string;
}

/** Takes what the gateway has to tell. Must neither throw nor wait. */
export interface Recorder {
  /** Called once for every request, at its end. */
  record(record: TurnRecord): void;
  /** A stream to a client was opened (`1`) or has ended (`-1`). */
  streamsOpen(change: 1 | -1): void;
  /** A WebSocket connection was opened (`1`) or has ended (`-1`). */
  socketsOpen?(change: 1 | -1): void;
}

/**
 * A record for a request that has just arrived: no provider, no bytes, and an internal error until it is told
 * otherwise, so that a path that forgets to say how it ended is seen.
 *
 * @example
 * const record = startRecord({ requestId: 'req_1', surface: 'models', method: 'GET', route: '/v1/models', startedMs: 0 });
 */
export function startRecord(
  known: Pick<TurnRecord, 'requestId' | 'surface' | 'method' | 'route' | 'startedMs'> & Partial<TurnRecord>,
): TurnRecord {
  // Every member stands here, so that records keep one hidden class while they are filled in.
  const record: { [M in keyof Required<TurnRecord>]: TurnRecord[M] | undefined } = {
    requestId: '',
    surface: '',
    method: '',
    route: '',
    transport: undefined,
    keyId: undefined,
    rates: undefined,
    provider: undefined,
    account: undefined,
    accountId: undefined,
    chosen: undefined,
    attempts: undefined,
    refusals: undefined,
    model: undefined,
    upstreamModel: undefined,
    upstreamProtocol: undefined,
    lane: 'none',
    stream: false,
    status: 500,
    outcome: 'error',
    failure: undefined,
    stop: undefined,
    prices: undefined,
    usage: undefined,
    charging: undefined,
    costs: [],
    costUsd: undefined,
    costBasis: undefined,
    notes: [],
    startedMs: 0,
    headersMs: undefined,
    firstTokenMs: undefined,
    endedMs: known.startedMs,
    upstreamMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    client: undefined,
    ended: undefined,
  };
  return Object.assign(record, known) as TurnRecord;
}

/** One recorder that tells all of `recorders`. */
export function recordTo(...recorders: readonly Recorder[]): Recorder {
  return {
    record(record) {
      for (const recorder of recorders) recorder.record(record);
    },
    streamsOpen(change) {
      for (const recorder of recorders) recorder.streamsOpen(change);
    },
    socketsOpen(change) {
      for (const recorder of recorders) recorder.socketsOpen?.(change);
    },
  };
}

/** The longest client name that is kept. */
const clientNameCharsMax = 48;

/**
 * The program behind a `User-Agent` header: its first product with its version, cut to a bounded length.
 *
 * @example
 * clientName('curl/8.5.0 (linux)'); // 'curl/8.5.0'
 */
export function clientName(userAgent: string | null | undefined): string | undefined {
  if (!userAgent) return undefined;
  const name = userAgent.trimStart();
  const end = name.search(/[\s;,(]/);
  return name.slice(0, end < 0 ? clientNameCharsMax : Math.min(end, clientNameCharsMax)) || undefined;
}
