import { createHash } from 'node:crypto';
import { asObject, asString, parseObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Conversation } from './conversation.ts';
import { uuidOf } from './uuid.ts';
import { firstWindow } from './window.ts';

/** The ids of one turn. */
export interface Identity {
  readonly session: string;
  readonly thread: string;
  /** The official client sends its thread's id in every request. */
  readonly request: string;
  readonly turn: string;
  /** `{thread}:{generation}` */
  readonly window: string;
  /** The caller's, where it names one. */
  readonly ownWindow?: string;
  /** One of the gateway's accounts, unless the caller has one. */
  readonly installation: string;
  /** The caller's, where it has one: the same at every account. */
  readonly ownInstallation?: string;
  /** Of a thread that another one has begun. */
  readonly parentThread?: string;
  /** What such a thread is for: `review`, `collab_spawn` and others. */
  readonly subagent?: string;
  /** What else the caller says of the turn, key by key. */
  readonly turnMetadata: JsonObject;
  /** What else stands in its `client_metadata`. */
  readonly clientMetadata: Readonly<Record<string, string>>;
  readonly compacts: boolean;
  /** At the route that does nothing else, whose requests say no more of it. */
  readonly alone?: boolean;
}

/**
 * Which of a caller's words goes first where they disagree. `body`: what the body says, which is right on sockets
 * (headers are frozen at the upgrade) and on HTTP. `header`: the dedicated headers. `transport`: the body on sockets,
 * the headers on HTTP.
 */
export type IdentityOrder = 'body' | 'header' | 'transport';

/** Everything that ids are taken from. */
export interface IdentitySources {
  /** The body's `client_metadata`. */
  readonly metadata: Json | undefined;
  readonly headers: Headers;
  readonly order: IdentityOrder;
  readonly transport: 'http' | 'socket';
  readonly conversation: Conversation;
  /** The id of the conversation in another client's words. */
  readonly callerSession?: string;
  /** Tells callers apart where such words are no ids of their own. */
  readonly caller: string;
  /** What a stored conversation knows, for whoever keeps them. */
  readonly stored?: { readonly session: string; readonly window?: string };
  /** Of the account. */
  readonly installation: string;
  /** The turn that this request goes on with. */
  readonly begunTurn?: string;
  /** Makes a UUIDv7. */
  readonly mint: () => string;
}

const blobName = 'x-codex-turn-metadata';
const installationName = 'x-codex-installation-id';
const windowName = 'x-codex-window-id';
const parentName = 'x-codex-parent-thread-id';
const subagentName = 'x-openai-subagent';

/** Members of `client_metadata` that the gateway writes itself. */
const mirrored: ReadonlySet<string> = new Set([
  installationName,
  'session_id',
  'thread_id',
  windowName,
  'turn_id',
  blobName,
  parentName,
  subagentName,
]);
/** The same of the turn's metadata. */
const mirroredInBlob: ReadonlySet<string> = new Set([
  'installation_id',
  'session_id',
  'thread_id',
  'turn_id',
  'window_id',
]);
/** Members that belong to another transport. */
const ofSockets = /^(?:ws_request_header_|x-codex-ws-)/;

const idCharsMax = 256;
/** A header of more is refused by the servers on the way. */
const blobCharsMax = 8 * 1024;

/** Finds each id once, through one ordered chain. */
export function resolveIdentity(sources: IdentitySources): Identity {
  const { conversation, stored, headers, mint } = sources;
  const metadata = asObject(sources.metadata) ?? {};
  const headerFirst =
    sources.order === 'header' || (sources.order === 'transport' && sources.transport === 'http');
  const inHeader = (...names: string[]) => first(names.map((name) => idOf(headers.get(name))));
  const blob =
    first(inTurn(headerFirst, [objectIn(metadata[blobName])], [objectIn(headers.get(blobName))])) ?? {};
  const find = (member: string, inBlob: string | undefined, ...names: string[]) =>
    first(
      inTurn(
        headerFirst,
        [idOf(metadata[member]), inBlob === undefined ? undefined : idOf(blob[inBlob])],
        [inHeader(...names)],
      ),
    );

  const session =
    find('session_id', 'session_id', 'session-id', 'session_id') ??
    foreignId(sources.callerSession, sources.caller) ??
    stored?.session ??
    conversation.opening ??
    mint();
  const thread = find('thread_id', 'thread_id', 'thread-id') ?? session;
  const ownWindow = find(windowName, 'window_id', windowName);
  const ownInstallation = find(installationName, 'installation_id');
  return {
    session,
    thread,
    request: inHeader('x-client-request-id') ?? thread,
    turn: first([idOf(metadata.turn_id), idOf(blob.turn_id)]) ?? sources.begunTurn ?? mint(),
    window: ownWindow ?? stored?.window ?? firstWindow(thread),
    ownWindow,
    installation: ownInstallation ?? sources.installation,
    ownInstallation,
    parentThread: find(parentName, 'parent_thread_id', parentName),
    subagent: find(subagentName, undefined, subagentName),
    turnMetadata: without(blob, mirroredInBlob),
    clientMetadata: extras(metadata),
    compacts: conversation.compacts,
  };
}

/** The turn's metadata as they go into the body; the copy for the header is ASCII and bounded. */
export function turnMetadata(identity: Identity): { readonly body: string; readonly header: string } {
  const own: JsonObject = {
    installation_id: identity.installation,
    session_id: identity.session,
    thread_id: identity.thread,
    turn_id: identity.turn,
    window_id: identity.window,
  };
  const kind: JsonObject = identity.compacts
    ? { request_kind: 'compaction', ...(identity.alone !== true && { compaction }) }
    : { request_kind: 'turn' };
  const whole = { ...own, ...kind, ...identity.turnMetadata };
  // It grows with the caller's tools.
  const { tool_namespaces_info: _, ...short } = whole;
  const header = ascii(JSON.stringify(short));
  return {
    body: JSON.stringify(whole),
    header: header.length <= blobCharsMax ? header : ascii(JSON.stringify({ ...own, ...kind })),
  };
}

/** The headers of a request to the backend that say who and where. */
export function identityHeaders(identity: Identity): Record<string, string> {
  return {
    [windowName]: identity.window,
    [blobName]: turnMetadata(identity).header,
    ...(identity.parentThread !== undefined && { [parentName]: identity.parentThread }),
    ...(identity.subagent !== undefined && { [subagentName]: identity.subagent }),
    'x-client-request-id': identity.request,
    'session-id': identity.session,
    'thread-id': identity.thread,
  };
}

/** The body's `client_metadata`. */
export const clientMetadata = (identity: Identity): Record<string, string> => ({
  ...identity.clientMetadata,
  session_id: identity.session,
  thread_id: identity.thread,
  turn_id: identity.turn,
  [installationName]: identity.installation,
  [windowName]: identity.window,
  ...(identity.parentThread !== undefined && { [parentName]: identity.parentThread }),
  ...(identity.subagent !== undefined && { [subagentName]: identity.subagent }),
  [blobName]: turnMetadata(identity).body,
});

/** What a compaction that somebody asked for is called; a caller's own words go before it. */
const compaction: JsonObject = {
  trigger: 'manual',
  reason: 'user_requested',
  implementation: 'responses_compaction_v2',
  phase: 'standalone_turn',
  strategy: 'memento',
};

function inTurn<T>(headerFirst: boolean, body: readonly T[], header: readonly T[]): readonly T[] {
  return headerFirst ? [...header, ...body] : [...body, ...header];
}

const first = <T>(values: readonly (T | undefined)[]): T | undefined =>
  values.find((value) => value !== undefined);

/** An id that may stand in a header; blank, overlong and other values count as none. */
function idOf(value: Json | undefined): string | undefined {
  const id = asString(value)?.trim();
  return id !== undefined && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(id) && id.length <= idCharsMax
    ? id
    : undefined;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Other clients' ids are made into ids of the shape that the backend knows. */
function foreignId(id: string | undefined, caller: string): string | undefined {
  if (id === undefined || uuid.test(id)) return id;
  return uuidOf(createHash('sha256').update(caller).update('\u0001').update(id).digest());
}

const objectIn = (text: Json | undefined): JsonObject | undefined =>
  typeof text === 'string' ? parseObject(text) : undefined;

function without(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.has(name)));
}

/** The backend takes a map of strings only. */
function extras(metadata: JsonObject): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === 'string' && !mirrored.has(name) && !ofSockets.test(name)) kept[name] = value;
  }
  return kept;
}

const ascii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
