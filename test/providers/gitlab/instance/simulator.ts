/** A GitLab instance and the AI gateway beside it, which hold a client to the contract of both. */
import { tokenOffice, type TokenOffice } from './accounts.ts';
import { modelProxy, type ModelProxy } from './gateway.ts';
import { restServices, type RestServices } from './rest.ts';
import { refuse, type RefusalName } from './words.ts';

export interface Simulated {
  /** The root of the instance, which runs under a path. */
  readonly url: string;
  /** The root of the gateway. */
  readonly gatewayUrl: string;
  /** Where the public list of models is. */
  readonly listUrl: string;
  readonly office: TokenOffice;
  readonly proxy: ModelProxy;
  readonly rest: RestServices;
  /** Every grant that was asked for, and what came of it. */
  readonly mints: { readonly door: string; readonly user: string; readonly refused?: RefusalName }[];
  /** What the next who ask for a grant are told, first to last. */
  readonly mintRefusals: RefusalName[];
  /** Before GitLab 18.3 the endpoint for agents is not there. */
  isOld: boolean;
  /** How long a grant is good, in seconds. */
  grantSeconds: number;
  /** Grants that are waited for just now. */
  minting: number;
  /** How long an answer to a grant takes. */
  mintMs: number;
  /** What a grant's answer has beside its token. */
  grantMore: Record<string, unknown>;
  realm: 'saas' | 'self-managed';
  /** The group that the users of a grant belong to; an instance of one's own may have none. */
  namespace: string | undefined;
  /** What an administrator has pinned; nothing without. */
  pinned: { name: string; ref: string } | undefined;
  /** The namespaces that were asked about. */
  readonly graphqlAsked: unknown[];
  /** The text of the public list; 503 without. */
  list: string | undefined;
  listReads: number;
  /** Who wanted a WebSocket, which nothing here has. */
  upgrades: number;
  stop(): Promise<void>;
}

/** @param root the path that the instance runs under */
export function startInstance(nowMs: () => number = Date.now, root = '/gitlab'): Simulated {
  const office = tokenOffice(nowMs);
  const proxy = modelProxy(nowMs);
  const rest = restServices(office);
  let grants = 0;

  async function mint(request: Request, door: string): Promise<Response> {
    const known = office.whose(request, ['api', 'ai_features']);
    if (known instanceof Response) {
      simulated.mints.push({ door, user: '', refused: 'auth/unauthorized.401' });
      return known;
    }
    simulated.minting++;
    if (simulated.mintMs > 0) await Bun.sleep(simulated.mintMs);
    simulated.minting--;
    const refused = simulated.mintRefusals.shift();
    simulated.mints.push({ door, user: known.user, refused });
    if (refused !== undefined) return refuse(refused);
    const n = ++grants;
    const claims = claimsOf(simulated, n, known.user, door);
    const token = `gateway-token-${String(n).padStart(20, '0')}`;
    const endsMs = nowMs() + simulated.grantSeconds * 1000;
    const scopes =
      door === 'third_party_agents'
        ? ['complete_code', 'ai_gateway_model_provider_proxy']
        : ['complete_code'];
    const lower = Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [name.toLowerCase(), value]),
    );
    proxy.issued.set(token, { token, claims: lower, scopes, endsMs, revoked: false });
    const body = {
      headers: claims,
      token,
      expires_at: endsMs / 1000,
      ...(door === 'code_suggestions' && { base_url: simulated.gatewayUrl }),
      ...simulated.grantMore,
    };
    return Response.json(body, { status: 201, headers: { date: new Date(nowMs()).toUTCString() } });
  }

  async function graphql(request: Request): Promise<Response> {
    const known = office.whose(request, ['api', 'read_api', 'ai_features']);
    if (known instanceof Response) return known;
    const { query, variables } = (await request.json()) as {
      query: string;
      variables: { rootNamespaceId?: string };
    };
    if (!/aiChatAvailableModels\(rootNamespaceId: \$rootNamespaceId\)/.test(query))
      return Response.json({ errors: [{ message: "Field doesn't exist on type 'Query'" }] });
    simulated.graphqlAsked.push(variables.rootNamespaceId);
    // At GitLab.com models are pinned for a group, elsewhere for the whole instance.
    if (variables.rootNamespaceId === undefined && simulated.realm === 'saas')
      return Response.json({
        data: { aiChatAvailableModels: null },
        errors: [
          {
            message:
              "The resource that you are attempting to access does not exist or you don't have permission to perform this action",
            path: ['aiChatAvailableModels'],
          },
        ],
      });
    const pinnedModel = simulated.pinned ?? null;
    return Response.json({ data: { aiChatAvailableModels: { pinnedModel } } });
  }

  async function instance(request: Request, path: string, url: URL): Promise<Response> {
    const { method } = request;
    switch (`${method} ${path}`) {
      case 'POST /api/v4/ai/third_party_agents/direct_access':
        return simulated.isOld ? notFound() : mint(request, 'third_party_agents');
      case 'POST /api/v4/code_suggestions/direct_access':
        return mint(request, 'code_suggestions');
      case 'POST /api/v4/code_suggestions/completions':
        return rest.suggestions(request);
      case 'POST /api/v4/chat/completions':
        return rest.chat(request);
      case 'GET /api/v4/personal_access_tokens/self':
        return office.self(request);
      case 'GET /api/v4/user':
        return office.userOf(request);
      case 'POST /api/graphql':
        return graphql(request);
      case 'GET /oauth/authorize':
        return office.authorize(url.searchParams);
      case 'POST /oauth/authorize_device':
        return office.device(request);
      case 'POST /oauth/token':
        return office.token(request);
      default:
        return notFound();
    }
  }

  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 60,
    async fetch(request) {
      const url = new URL(request.url);
      const { pathname, search } = url;
      if (request.headers.get('upgrade') !== null) {
        simulated.upgrades++;
        return refuse('gateway-errors/path-not-allowed.404');
      }
      if (pathname.startsWith('/ai/v1/proxy/'))
        return proxy.ask(request, pathname.slice('/ai/v1/proxy'.length) + search);
      if (pathname === '/models.yml') {
        simulated.listReads++;
        return new Response(simulated.list, { status: simulated.list === undefined ? 503 : 200 });
      }
      if (pathname.startsWith(`${root}/`)) return instance(request, pathname.slice(root.length), url);
      return new Response(null, { status: 404 });
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  const simulated: Simulated = {
    url: base + root,
    gatewayUrl: `${base}/ai`,
    listUrl: `${base}/models.yml`,
    office,
    proxy,
    rest,
    mints: [],
    mintRefusals: [],
    isOld: false,
    grantSeconds: 3600,
    minting: 0,
    mintMs: 0,
    grantMore: {},
    realm: 'saas',
    namespace: '1000000',
    pinned: undefined,
    graphqlAsked: [],
    list: undefined,
    listReads: 0,
    upgrades: 0,
    stop: () => server.stop(true),
  };
  return simulated;
}

const notFound = (): Response => Response.json({ error: '404 Not Found' }, { status: 404 });

/** The headers of a grant, in the mixed case that real ones have. */
const claimsOf = (
  { realm, namespace }: Simulated,
  n: number,
  user: string,
  door: string,
): Record<string, string> => ({
  'x-gitlab-host-name': 'gitlab.example.com',
  'x-gitlab-instance-id': '11111111-2222-4333-8444-555555555555',
  'x-gitlab-realm': realm,
  'x-gitlab-version': '19.3.0',
  'x-gitlab-global-user-id': Buffer.from(`${user} ${n}`).toString('base64'),
  'x-gitlab-feature-enabled-by-namespace-ids': '',
  'x-gitlab-unit-primitive':
    door === 'third_party_agents' ? 'ai_gateway_model_provider_proxy' : 'complete_code',
  'X-Gitlab-Is-Team-Member': 'false',
  ...(namespace !== undefined && {
    'x-gitlab-namespace-id': namespace,
    'X-Gitlab-Root-Namespace-Id': namespace,
  }),
  'x-gitlab-organization-id': '1',
  'X-Gitlab-Authentication-Type': 'oidc',
  'x-api-key': 'drop-me',
});
