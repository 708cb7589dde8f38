import type { Account } from '../../accounts/account.ts';
import type { Json } from '../../turn/json.ts';
import type { WireRequest } from '../provider.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { SocketTurn } from './socket-frame.ts';

/** The version of the protocol, as the official client states it in its upgrade. */
const protocolVersion = 'responses_websockets=2026-02-06';

/** Headers that belong to one HTTP request, or whose place on a socket is in the frame. */
const ofRequest: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'content-type',
  'cookie',
  'x-codex-turn-state',
  'x-openai-internal-codex-responses-lite',
]);

/** How a request that is ready for HTTP goes over a socket. */
export function socketTurn(
  { url, headers }: WireRequest,
  of: {
    readonly caller: string;
    readonly account: Account;
    readonly client: ClientIdentity;
    readonly members: ReadonlyMap<string, Uint8Array | string>;
    readonly items: readonly Json[];
  },
  metadata: Record<string, string>,
): SocketTurn {
  const { caller, account, client, members, items } = of;
  const state = headers['x-codex-turn-state'];
  const light = headers['x-openai-internal-codex-responses-lite'];
  const kept = Object.entries(headers).filter(([name]) => !ofRequest.has(name));
  return {
    url: url.replace(/^http/, 'ws'),
    headers: { 'openai-beta': protocolVersion, version: client.version, ...Object.fromEntries(kept) },
    // Two callers who name the same thread share nothing, and the route of an upgrade is one model's.
    key: JSON.stringify([caller, account.id, headers['thread-id'], headers['x-codex-routing-hint']]),
    account: account.id,
    token: account.secret.token,
    members,
    items,
    metadata: {
      ...metadata,
      ...(light !== undefined && { ws_request_header_x_openai_internal_codex_responses_lite: light }),
      ...(state !== undefined && { 'x-codex-turn-state': state }),
    },
  };
}
