import type { Labels } from '../protocols/opaque-stream.ts';
import type { DecodeSource, Protocol, SurfaceContext } from '../protocols/protocol.ts';
import type { Operation, Provider } from '../providers/provider.ts';
import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { Caller, Gatekeeper } from '../access/gatekeeper.ts';
import type { Catalog } from '../routing/catalog.ts';
import type { Chooser } from '../routing/choice.ts';
import type { Sessions, TurnMemory } from '../sessions/sessions.ts';
import type { Recorder, TurnRecord } from '../telemetry/record.ts';
import type { JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId } from '../turn/part.ts';
import type { TurnRequest } from '../turn/request.ts';
import type { IdleWatch } from './idle-watch.ts';
import type { Keeper } from './keeper.ts';
import type { Origins } from './origins.ts';
import type { Relayed } from './relay.ts';
import type { TokenEstimator } from './token-estimator.ts';

/** What a path says where other protocols say it in the body. */
export interface AskedByPath {
  readonly model: string;
  readonly stream: boolean;
  /** A stream is to come as one JSON array instead of server-sent events; so does its failure. */
  readonly asArray: boolean;
}

/** A request to a model as the server hands it over. */
export interface Inbound {
  readonly requestId: string;
  readonly surface: Protocol;
  readonly operation: Operation;
  /** Absent where the body names the model. */
  readonly asked: AskedByPath | undefined;
  /** The client's headers. */
  readonly headers: Headers;
  /** The query string with its `?`, or an empty one. */
  readonly search: string;
  /** Reads and decompresses the body; throws a failure when it is too large. */
  readonly body: () => Promise<Uint8Array>;
  /** Aborts when the client leaves. */
  readonly client: AbortSignal;
  readonly caller: Caller;
  /** The conversation's id, where the client's headers hold one. */
  readonly sessionId: string | undefined;
  /** The same, where the body's `metadata` holds one. */
  readonly sessionIn: (metadata: JsonObject) => string | undefined;
  /** Only this provider may serve it. */
  readonly only: string | undefined;
  /** Takes out of a request for a foreign upstream what its client means for its own vendor only. */
  readonly leaveOut: (request: TurnRequest) => Note[];
  /** The model that is meant by a name under which it was listed to this client. */
  readonly meant?: (model: string) => string;
  /** What tells this client in a silent stream that there is more to come; absent where it takes nothing of the kind. */
  readonly keepAlive?: Uint8Array;
  readonly record: TurnRecord;
  /** What the connection remembers beside the store, where it outlives the request. */
  readonly memory?: TurnMemory;
  /** Takes the reply's stream where it does not become the body of a response, as on a socket. */
  readonly take?: (stream: Relayed) => void;
  /** Gives the client something before there is a reply, where that begins none. */
  readonly tell?: (bytes: Uint8Array) => void;
}

export interface PipelineDeps {
  readonly catalog: Catalog;
  readonly chooser: Chooser;
  readonly accounts: Accounts;
  readonly gatekeeper: Gatekeeper;
  readonly origins: Origins;
  readonly protocols: ReadonlyMap<ProtocolId, Protocol>;
  readonly recorder: Recorder;
  readonly watch: IdleWatch;
  readonly tokens: TokenEstimator;
  /** Secrets of the configuration, to be taken out of what upstreams say. */
  readonly secrets: readonly string[];
  /** How long an upstream may take to answer at all; no limit of its own when absent. */
  readonly firstByteMs?: number;
  readonly nowMs: () => number;
  readonly strict: boolean;
  /** What conversations remember; absent without a store. */
  readonly sessions?: Sessions;
}

/** A turn whose upstream has answered with headers. */
export interface Exchange {
  readonly deps: PipelineDeps;
  readonly inbound: Inbound;
  readonly provider: Provider;
  readonly account: Account;
  readonly upstream: Protocol;
  readonly native: boolean;
  /** The client asked for a stream. */
  readonly stream: boolean;
  /** The stream states its usage because the gateway asked: the client does not get to see it. */
  readonly hideUsage: boolean;
  readonly source: DecodeSource;
  /** The client's request, decoded when it is needed. */
  readonly context: () => SurfaceContext;
  readonly abort: AbortController;
  readonly response: Response;
  /** Another account may serve it: a failure at the beginning of a stream is looked for before the client has any. */
  readonly mayMove: boolean;
  /** Says in each opaque value of the reply where it came from; absent where there is one maker only. */
  readonly labels?: Labels;
  /** Stores the turn; absent where it is not to be stored. */
  readonly keeper?: Keeper;
}
