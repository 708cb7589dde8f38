import type { z } from 'zod';
import type { Account, ConfiguredAccount } from '../accounts/account.ts';
import type { Renew } from '../accounts/accounts.ts';
import type { Login } from '../accounts/login.ts';
import type { Quota } from '../accounts/quota.ts';
import type { Abilities } from '../protocols/protocol.ts';
import type { ProviderState } from '../sessions/provider-state.ts';
import type { Failure } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId } from '../turn/part.ts';
import type { Socket } from './open-socket.ts';

/** A model as a provider offers it. */
export interface ModelInfo {
  /** The name the upstream takes. */
  readonly id: string;
  readonly name?: string;
  /** Unix seconds. */
  readonly created?: number;
  readonly ownedBy?: string;
  /** Limits that the upstream states of it, in tokens. */
  readonly contextTokensMax?: number;
  readonly inputTokensMax?: number;
  readonly outputTokensMax?: number;
  /** Reasoning efforts that it takes, least first, and what it reads (`text`, `image`, …), where the upstream says so. */
  readonly efforts?: readonly string[];
  readonly inputs?: readonly string[];
  /** How it stands in the upstream's own catalog, for clients that read such catalogs. */
  readonly ownEntry?: JsonObject;
  /** It makes embeddings and takes no turns. */
  readonly embeds?: boolean;
}

/**
 * What a request asks a model for: a turn, the number of tokens of a would-be turn, an embedding of one text, or
 * of many at once (a route of its own on Gemini only); `compact` puts a short form in the place of a conversation.
 */
export type Operation = 'turn' | 'count' | 'compact' | 'embed' | 'embed_batch';

/**
 * One turn of the gateway, the same object over all tries, accounts and renewals. A provider may hang what it has
 * decided for the turn on it.
 */
export interface TurnScope {
  /** Tells callers apart; never sent anywhere. */
  readonly caller: string;
  /** The conversation's id, where the client's headers hold one in any of the spellings that clients have. */
  readonly session?: string;
  readonly startedMs: number;
}

/** One request to an upstream, before the provider has addressed it. */
export interface Call {
  /** Whose wire form it has. OpenAI's embeddings go by `openai-chat`. */
  readonly protocol: ProtocolId;
  readonly operation: Operation;
  readonly model: string;
  readonly stream: boolean;
  readonly body: Uint8Array | string;
  /** The client's headers; a provider takes only what is on its own allow-list. */
  readonly inbound: Headers;
  /** The client's query string with its `?`, or an empty string. */
  readonly search: string;
  /** Set when the client speaks the upstream's protocol, so that its protocol headers may pass. */
  readonly native: boolean;
  /** Absent for what is no turn. */
  readonly scope?: TurnScope;
  /** What the provider has left with the conversation; absent where none can be stored. */
  readonly state?: ProviderState;
}

/** How a turn that is to be stored has ended: with `replace` its reply takes the place of the conversation. */
export interface TurnOutcome {
  readonly responseId: string;
  readonly mode: 'append' | 'replace';
}

/** A request as it goes out. Headers are built from an empty set. */
export interface WireRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string;
  /** What the provider had to change of the request beside its address. */
  readonly notes?: readonly Note[];
}

/** One configured upstream. */
export interface Provider {
  readonly name: string;
  readonly type: string;
  /** What it speaks for a model, best first. Never empty. */
  protocols(model: string): readonly ProtocolId[];
  abilities(protocol: ProtocolId, model: string): Abilities;
  /** Whether it has a route for this in the wire form of this protocol; absent where it serves turns only. */
  offers?(operation: Exclude<Operation, 'turn'>, protocol: ProtocolId): boolean;
  /** Whether it compacts a conversation itself in a turn that ends in the wish for it. */
  compacts?(model: string): boolean;
  /**
   * Set where nothing is kept between requests, so that no id of an earlier response can mean anything there: what
   * the gateway does not know itself is unknown.
   */
  readonly forgets?: boolean;
  /** Takes opaque values of any maker, and no other upstream is in earnest shown its own. */
  readonly readsAnySeal?: boolean;
  /**
   * The top-level members that a request to it may have, beside the model, the conversation and `stream`; all
   * others are left out with a note. Every member may pass where this is absent or `undefined`.
   */
  allows?(protocol: ProtocolId, model: string): ReadonlySet<string> | undefined;
  /** The model that another name for it stands for; `undefined` for names that are no such. */
  named?(name: string): string | undefined;
  /** The models named in the configuration; `undefined` when they are to be discovered. */
  readonly configured: readonly ModelInfo[] | undefined;
  /** The accounts that the configuration states; others come by login. */
  readonly accounts: readonly ConfiguredAccount[];
  /**
   * The vendor, by its id in the catalog of models, whose list prices tell what a turn is worth; for a place that is
   * that vendor's, is paid in another way, and has models under the vendor's own names.
   */
  readonly pricedAs?: string;
  /** It serves without an account where none is stated, as local servers do. */
  readonly anonymous: boolean;
  /** How a person gets an account there, beside what the configuration states. */
  readonly login?: Login;
  /** Gets a new access token for an account that was logged in. */
  readonly renew?: Renew;
  /** Asks the upstream what it offers to an account. */
  discover(signal: AbortSignal, account: Account): Promise<ModelInfo[]>;
  /** Asks what is used of an account's quota, without spending any; absent where that cannot be asked. */
  askQuota?(signal: AbortSignal, account: Account): Promise<Quota | undefined>;
  /** The last edit of a request: address and headers. */
  prepare(call: Call, account: Account): WireRequest;
  /**
   * Sends a prepared request by whatever transport it has. The answer has the form of one over HTTP: a status, headers
   * and a body, for a stream of server-sent events; the header `dragoman-transport` says how it came, if not by HTTP.
   * @param told takes what is lost of the request only on the way it now goes; it throws where that is refused
   */
  send(request: WireRequest, signal: AbortSignal, told?: (notes: readonly Note[]) => void): Promise<Response>;
  /** Lets go of connections that wait for another request; those in use end with it. Nothing is sent after it. */
  close?(): void;
  /** The last moment to leave something with a conversation, before its turn is stored. */
  settle?(outcome: TurnOutcome, state: ProviderState): void;
  /** Says more exactly what a refusal or a failed stream means, where the protocol alone cannot tell. */
  classify?(failure: Failure, response: Pick<Response, 'status' | 'headers'>): Failure;
}

export interface ProviderDeps {
  readonly fetch: typeof fetch;
  /** Sent as the user agent. */
  readonly userAgent: string;
  /** Told what an upstream has said of the quota of an account, whenever it says so. */
  readonly sawQuota?: (account: Account, quota: Quota) => void;
  /** The environment of the process, for files that lie where it says. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Opens a WebSocket with these headers; absent where the network is replaced. */
  readonly openSocket?: (url: string, headers: Record<string, string>) => Socket;
}

/** A word of what a kind of upstream tells of itself, and where it is from. */
export interface InspectedWord {
  readonly name: string;
  readonly value: string;
  /** `detected`: read from the files of another program on this machine. */
  readonly origin: 'built-in' | 'config' | 'detected';
  /** What says so: a file, or what the program's own word was taken from. */
  readonly source?: string;
  /** When that was written, or last compared; milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** It is not for everybody's eyes. */
  readonly secret?: boolean;
  /** It is there, and the configuration does not want it. */
  readonly unused?: boolean;
}

/** Something that a kind of upstream tells people of itself, by `dragoman {type} {name}`. Nothing is asked or started. */
export interface Inspection<Config = never> {
  readonly name: string;
  /** One line for the help. */
  readonly about: string;
  inspect(config: Config, env: Readonly<Record<string, string | undefined>>): readonly InspectedWord[];
}

/** One whose kind's configuration is its own affair. */
export type AnyInspection = Omit<Inspection, 'inspect'> & {
  inspect(config: never, env: Readonly<Record<string, string | undefined>>): readonly InspectedWord[];
};

/** A kind of upstream: the one thing a provider folder exports. */
export interface ProviderKind<Config extends { name: string } = never> {
  readonly type: string;
  readonly configSchema: z.ZodType<Config>;
  readonly inspections?: readonly Inspection<Config>[];
  create(config: Config, deps: ProviderDeps): Provider;
}

/** A kind whose configuration is its own affair. */
export interface AnyProviderKind extends Pick<ProviderKind, 'type'> {
  readonly configSchema: z.ZodType;
  readonly inspections?: readonly AnyInspection[];
  create(config: never, deps: ProviderDeps): Provider;
}
