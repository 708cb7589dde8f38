import type { Account } from '../../accounts/account.ts';
import type { ProtocolId } from '../../turn/part.ts';
import { FailureError } from '../../turn/failure.ts';
import { baseHeaders, pick, sendHttp } from '../http.ts';
import type { Call, Operation, ProviderDeps, WireRequest } from '../provider.ts';
import { refusalOf, type Asked } from './gateway-refusals.ts';
import type { Grant, Grants } from './grant.ts';
import { readText } from '../http.ts';
import { shapeResponses } from './responses-body.ts';

/** A request that still lacks the grant of its account; its `url` is relative to the gateway's root. */
export interface GatewayRequest extends WireRequest {
  readonly account: Account;
  readonly protocol: ProtocolId;
  readonly asked: Asked;
}

/** The routes of the gateway's model proxy. All others are answered 404, also these with another query. */
const paths: Record<Operation, Partial<Record<ProtocolId, string>>> = {
  turn: {
    'anthropic-messages': '/v1/proxy/anthropic/v1/messages',
    'openai-chat': '/v1/proxy/openai/v1/chat/completions',
    'openai-responses': '/v1/proxy/openai/v1/responses',
  },
  // Without the query it is 404.
  count: { 'anthropic-messages': '/v1/proxy/anthropic/v1/messages/count_tokens?beta=true' },
  compact: {},
  embed: { 'openai-chat': '/v1/proxy/openai/v1/embeddings' },
  embed_batch: {},
};

/** Whether the proxy has a route for this. */
export const hasRoute = (operation: Operation, protocol: ProtocolId): boolean =>
  paths[operation][protocol] !== undefined;

/** The gateway passes no other header of a client on. */
const anthropicHeaders = ['anthropic-beta', 'anthropic-version'] as const;
const anthropicVersion = '2023-06-01';
const betaQuery = '?beta=true';

/** Addresses a call, as far as that can be done without the grant. */
export function prepare(call: Call, account: Account, deps: ProviderDeps): GatewayRequest {
  const { protocol, operation, model, native, inbound, search, stream } = call;
  const headers = baseHeaders(deps, undefined);
  const isAnthropic = protocol === 'anthropic-messages';
  if (isAnthropic && native) pick(inbound, anthropicHeaders, headers);
  if (isAnthropic) headers['anthropic-version'] ??= anthropicVersion;
  headers.accept = stream ? 'text/event-stream' : 'application/json';
  const path = paths[operation][protocol]!;
  const query = isAnthropic && operation === 'turn' && native && search === betaQuery ? search : '';
  const { body, notes } =
    protocol === 'openai-responses' && operation === 'turn' && native
      ? shapeResponses(call.body, call.state !== undefined)
      : { body: call.body };
  return { url: path + query, headers, body, notes, account, protocol, asked: { account, model, operation } };
}

/** Refusals are a few KiB. */
const refusalBytesMax = 256 * 1024;
/** Before something is asked once more. */
const againMs = 500;

/** How a request is sent with the grant of its account. */
export function sender(deps: ProviderDeps, grants: Grants, gatewayUrl: string) {
  const once = ({ url, headers, body }: GatewayRequest, grant: Grant, signal: AbortSignal) =>
    sendHttp(
      deps.fetch,
      {
        url: (grant.baseUrl ?? gatewayUrl) + url,
        headers: { ...grant.headers, ...headers, authorization: `Bearer ${grant.token}` },
        body,
      },
      signal,
    );

  /**
   * Sends it, and once more with another grant when this one was refused, or when the gateway may have meant something
   * else. Throws a failure for what the gateway itself refuses; the answers of vendors are returned as they are.
   */
  return async function send(request: GatewayRequest, signal: AbortSignal): Promise<Response> {
    let grant = await grants.of(request.account, signal);
    const tried = new Set<string>();
    for (;;) {
      const response = await once(request, grant, signal);
      if (response.ok || response.status < 400) return response;
      const text = (await readText(response, refusalBytesMax)).replaceAll(grant.token, '[redacted]');
      const refusal = refusalOf(response.status, text, request.asked);
      if (refusal === undefined) return again(response, text);
      const { failure, mend } = refusal;
      if (mend === undefined || tried.has(mend)) throw new FailureError(failure);
      tried.add(mend);
      if (mend === 'again') await pause(againMs, signal);
      else {
        const other = await grants.replace(request.account, grant, signal);
        if (other === undefined) throw new FailureError(failure);
        grant = other;
      }
    }
  };
}

/** A response whose body was read. */
const again = ({ status, headers }: Response, text: string): Response =>
  new Response(text === '' ? null : text, { status, headers });

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const leave = () => {
      clearTimeout(timer);
      failed(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      done();
    }, ms);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}
