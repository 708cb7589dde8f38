/** The model proxy of the AI gateway. It checks in the order in which the real one does. */
import { reply, type Reply } from './vendors.ts';
import { refuse, type RefusalName } from './words.ts';

/** A grant as the gateway knows it: what its headers must say. */
export interface Issued {
  readonly token: string;
  readonly claims: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly endsMs: number;
  revoked: boolean;
}

/** A request that came as far as a vendor. */
export interface Passed {
  readonly path: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

const proxyPrimitive = 'ai_gateway_model_provider_proxy';
const primitives = new Set([proxyPrimitive, 'complete_code']);

const anthropicPaths = new Set([
  '/v1/messages',
  '/v1/messages?beta=true',
  '/v1/messages/count_tokens?beta=true',
]);
const openaiPaths = new Set(['/v1/chat/completions', '/v1/responses', '/v1/embeddings']);

export const listedModels = {
  anthropic: [
    'claude-opus-5',
    'claude-sonnet-5',
    'claude-sonnet-4-6',
    'claude-opus-4-8',
    'claude-haiku-4-5-20251001',
  ],
  openai: ['gpt-5.6-sol', 'gpt-5.4-2026-03-05', 'gpt-5.3-codex'],
};

export function modelProxy(nowMs: () => number) {
  const issued = new Map<string, Issued>();
  const proxy = {
    issued,
    models: listedModels,
    /** Older gateways look at no purpose. */
    anyPurpose: false,
    allowListed: true,
    credits: true,
    /** Answers of the quota service that come before its ordinary one. */
    quota: [] as RefusalName[],
    passed: [] as Passed[],
    /** Requests that the gateway refused, by what it said. */
    refused: [] as RefusalName[],
    /** Each refusal comes this much later than the one before. */
    refusalsApartMs: 0,
    /** What vendors answer next, first to last. */
    replies: [] as Reply[],
    /** Answers in place of the vendors, where those are played by somebody else. */
    vendor: undefined as ((path: string, body: string) => Promise<Response>) | undefined,
    /** A header that must never come. */
    strays: [] as string[],

    async ask(request: Request, path: string): Promise<Response> {
      for (const name of ['x-api-key', 'private-token', 'cookie'])
        if (request.headers.has(name)) proxy.strays.push(name);
      const refusal = checkToken(request) ?? checkClaims(request);
      if (refusal !== undefined) return no(refusal);
      const [, vendor, rest] = /^\/(anthropic|openai)(\/.*)$/.exec(path) ?? [];
      const paths = vendor === 'anthropic' ? anthropicPaths : openaiPaths;
      if (rest === undefined || request.method !== 'POST' || !paths.has(rest))
        return no('gateway-errors/path-not-allowed.404');
      let body: Record<string, unknown>;
      try {
        body = (await request.json()) as Record<string, unknown>;
      } catch {
        return no('gateway-errors/bad-json.400');
      }
      if (typeof body.model !== 'string') return no('gateway-errors/no-model.400');
      if (!proxy.models[vendor as 'anthropic' | 'openai'].includes(body.model))
        return no('gateway-errors/unsupported-model.400');
      const quota =
        proxy.quota.shift() ?? (proxy.credits ? undefined : 'gateway-errors/insufficient-credits.402');
      if (quota !== undefined) return no(quota);
      proxy.passed.push({ path: rest, headers: request.headers, body });
      if (
        vendor === 'anthropic' &&
        !/^\d{4}-\d\d-\d\d$/.test(request.headers.get('anthropic-version') ?? '')
      ) {
        const error = { type: 'invalid_request_error', message: 'anthropic-version: header is required' };
        return Response.json({ type: 'error', error }, { status: 400 });
      }
      if (proxy.vendor) return stripped(await proxy.vendor(rest, JSON.stringify(body)));
      return reply(rest, body, proxy.replies.shift());
    },
  };

  async function no(name: RefusalName): Promise<Response> {
    const before = proxy.refused.push(name) - 1;
    if (proxy.refusalsApartMs > 0) await Bun.sleep(before * proxy.refusalsApartMs);
    return refuse(name);
  }

  const grantOf = ({ headers }: Request): Issued | undefined =>
    issued.get(/^Bearer (\S+)$/.exec(headers.get('authorization') ?? '')?.[1] ?? '');

  function checkToken(request: Request): RefusalName | undefined {
    const { headers } = request;
    if (!headers.has('authorization')) return 'gateway-errors/no-authorization.401';
    if (!/^Bearer \S+$/.test(headers.get('authorization')!)) return 'gateway-errors/bad-authorization.401';
    if (headers.get('x-gitlab-authentication-type') !== 'oidc') return 'gateway-errors/not-oidc.401';
    const grant = grantOf(request);
    if (grant === undefined || grant.revoked || grant.endsMs <= nowMs())
      return 'gateway-errors/token-rejected.401';
    const fits = (name: string) => headers.get(name) === grant.claims[name];
    if (!fits('x-gitlab-realm')) return 'gateway-errors/realm-mismatch.401';
    if (!fits('x-gitlab-instance-id')) return 'gateway-errors/instance-mismatch.401';
    if (!fits('x-gitlab-global-user-id')) return 'gateway-errors/user-mismatch.401';
    return undefined;
  }

  function checkClaims(request: Request): RefusalName | undefined {
    const { headers } = request;
    const { claims, scopes } = grantOf(request)!;
    const isSaas = claims['x-gitlab-realm'] === 'saas';
    if (!proxy.allowListed)
      return isSaas
        ? 'gateway-errors/namespace-not-allowlisted.402'
        : 'gateway-errors/instance-not-allowlisted.402';
    const primitive = headers.get('x-gitlab-unit-primitive');
    if (primitive === null) return 'gateway-errors/missing-unit-primitive.400';
    if (!primitives.has(primitive)) return 'gateway-errors/unknown-unit-primitive.400';
    if (!scopes.includes(primitive)) return 'gateway-errors/scope-not-in-token.403';
    const differs = (name: string) => (headers.get(name) ?? undefined) !== claims[name];
    if (differs('x-gitlab-project-id')) return 'gateway-errors/project-mismatch.403';
    if (differs('x-gitlab-namespace-id')) return 'gateway-errors/namespace-mismatch.403';
    if (differs('x-gitlab-root-namespace-id')) return 'gateway-errors/root-namespace-mismatch.403';
    if (primitive !== proxyPrimitive && !proxy.anyPurpose) return 'gateway-errors/wrong-purpose.400';
    return undefined;
  }

  return proxy;
}

/** The gateway passes the type of a body on, and no other header of a vendor. */
const stripped = ({ body, status, headers }: Response): Response =>
  new Response(body, { status, headers: { 'content-type': headers.get('content-type') ?? '' } });

export type ModelProxy = ReturnType<typeof modelProxy>;
