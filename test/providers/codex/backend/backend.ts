import { accessToken, accountId, idToken } from './tokens.ts';
import { bodyFaults, compactFaults, headerFaults } from './rules.ts';
import { replies } from './replies.ts';
import { socketSide, type SocketAnswer, type Wire } from './socket.ts';

type Json = Record<string, unknown>;

/** A request that reached `/responses`. */
export interface Asked {
  readonly headers: Headers;
  /** Over a socket with all that the connection remembers. */
  readonly body: Json;
  readonly account: string;
  /** The frame as it came over a socket. */
  readonly frame?: Json;
  /** The number of the connection that it came over. */
  readonly connection?: number;
}

/** What the next request is answered, whatever it asks. */
export type Answer = string | Response | 'reset' | SocketAnswer;

/** The backend of the official client and its authorization server, in one process on loopback. */
export interface Backend {
  readonly url: string;
  /** Requests to `/responses` that were in order, or were answered before anybody looked. */
  readonly asked: Asked[];
  /** What was wrong with requests. */
  readonly faults: string[];
  /** Answers for the next requests, in order; a short text when there is none. */
  readonly answers: Answer[];
  /** Goes before `answers`, where the answer depends on what is asked. */
  script: ((body: Json, headers: Headers) => Answer | undefined) | undefined;
  /** What the next upgrades are refused with. */
  readonly upgrades: Response[];
  /** Open sockets. */
  readonly connections: Set<Bun.ServerWebSocket<Wire>>;
  /** How many pings were answered. */
  pongs: number;
  /** Between the events of a reply over a socket. */
  paceMs: number;
  /** Access tokens in force, with their accounts. */
  readonly tokens: Map<string, string>;
  /** Refresh tokens in force, with their accounts. */
  readonly refreshTokens: Map<string, string>;
  /** Bodies that the token endpoint was sent. */
  readonly renewals: Json[];
  /** The query with which models were asked for. */
  readonly modelQueries: string[];
  models: Json[];
  /** What an account is offered instead. */
  readonly modelsOf: Map<string, Json[]>;
  /** What replies set, for the network before the backend. */
  readonly setsCookies: string[];
  /** Unset where the route for compactions is gone. */
  compactRoute: boolean;
  /** Set to let the official client in as it comes: no rule is looked at. */
  lenient: boolean;
  /** Set to refuse renewals. */
  renewalError: { status: number; code: string } | undefined;
  /** How often a device is told to wait. */
  devicePending: number;
  stop(): Promise<void>;
}

const model = (slug: string, more: Json = {}): Json => ({
  slug,
  display_name: slug.toUpperCase(),
  supported_reasoning_levels: ['low', 'medium', 'high'].map((effort) => ({ effort, description: effort })),
  shell_type: 'unified_exec',
  visibility: 'list',
  supported_in_api: true,
  support_verbosity: true,
  priority: 1,
  truncation_policy: { mode: 'tokens', limit: 10_000 },
  experimental_supported_tools: [],
  base_instructions: 'You are Codex.',
  supports_parallel_tool_calls: true,
  supports_reasoning_summaries: true,
  context_window: 272_000,
  input_modalities: ['text', 'image'],
  service_tiers: [{ id: 'priority', name: 'Fast', description: 'fast' }],
  ...more,
});

export const quotaHeaders = (used = 12): Record<string, string> => ({
  'x-codex-primary-used-percent': String(used),
  'x-codex-primary-window-minutes': '300',
  'x-codex-primary-reset-at': String(Math.floor(Date.now() / 1000) + 300),
  'x-codex-secondary-used-percent': '34',
  'x-codex-secondary-window-minutes': '10080',
  'x-codex-secondary-reset-at': String(Math.floor(Date.now() / 1000) + 86_400),
  'x-codex-plan-type': 'plus',
});

export const failure = (status: number, error: Json, headers: Record<string, string> = {}): Response =>
  Response.json({ error }, { status, headers });

/** As the official client sends it, compressed, or as it is. */
async function bodyOf(request: Request): Promise<Json> {
  if (request.headers.get('content-encoding') !== 'zstd') return (await request.json()) as Json;
  return JSON.parse(Buffer.from(await Bun.zstdDecompress(await request.bytes())).toString()) as Json;
}

export function startBackend(): Backend {
  const codes = new Map<string, { challenge: string; redirectUri: string }>();
  let serial = 0;
  let served = 0;

  const numbered = (reply: string) => reply.replaceAll('"resp_1"', `"resp_${++served}"`);
  const turnState = () => `state-${++serial}`;

  const detail = (status: number, text: string) => Response.json({ detail: text }, { status });

  async function responses(request: Request): Promise<Response> {
    const { headers } = request;
    const token = headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
    const account = backend.tokens.get(token);
    const body = await bodyOf(request);
    const answer = backend.script?.(body, headers) ?? backend.answers.shift();
    if (account === undefined)
      return failure(401, { message: 'Provided authentication token is expired.', code: 'token_expired' });
    if (headers.get('chatgpt-account-id') !== account) return detail(403, 'that account is not yours');
    backend.asked.push({ headers, body, account });
    if (answer instanceof Response) return answer;
    if (answer === 'cut' || typeof answer === 'object') throw new Error('that is no answer over HTTP');
    if (answer === 'reset') {
      return new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(Buffer.from(replies.text().split('\n\n').slice(0, 3).join('\n\n') + '\n\n'));
            await Bun.sleep(5);
            controller.close();
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      );
    }
    const catalog = { slugs: backend.models.map(({ slug }) => String(slug)) };
    const faults = [...headerFaults(headers), ...bodyFaults(body, headers, catalog)];
    if (faults.length > 0 && !backend.lenient) {
      backend.faults.push(...faults);
      return detail(400, faults[0]!);
    }
    const compacts = (body.input as Json[]).some(({ type }) => type === 'compaction_trigger');
    const text = answer ?? (compacts ? replies.compaction() : replies.text());
    return new Response(numbered(text), {
      headers: [
        ['content-type', 'text/event-stream'],
        ['x-codex-turn-state', turnState()],
        ...Object.entries(quotaHeaders()),
        ...backend.setsCookies.map((each): [string, string] => ['set-cookie', each]),
      ],
    });
  }

  /** Where the official client looks for what is used, without asking a model. */
  function usage({ headers }: Request): Response {
    if (!backend.tokens.has(headers.get('authorization')?.replace(/^Bearer /, '') ?? ''))
      return failure(401, { code: 'token_expired', message: 'expired' });
    const primary_window = {
      used_percent: 5,
      limit_window_seconds: 18_000,
      reset_after_seconds: 300,
      reset_at: Math.floor(Date.now() / 1000) + 300,
    };
    const rate_limit = { allowed: true, limit_reached: false, primary_window, secondary_window: null };
    return Response.json({ plan_type: 'plus', rate_limit, credits: null });
  }

  async function compact(request: Request): Promise<Response> {
    if (!backend.compactRoute) return new Response(null, { status: 404 });
    const { headers } = request;
    const account = backend.tokens.get(headers.get('authorization')?.replace(/^Bearer /, '') ?? '');
    if (account === undefined || headers.get('chatgpt-account-id') !== account)
      return failure(401, { message: 'Provided authentication token is expired.', code: 'token_expired' });
    const body = (await request.json()) as Json;
    backend.asked.push({ headers, body, account });
    const faults = compactFaults(body, headers, { slugs: backend.models.map(({ slug }) => String(slug)) });
    backend.faults.push(...faults);
    if (faults.length > 0) return detail(400, faults[0]!);
    return Response.json({ output: [{ type: 'compaction', encrypted_content: 'gAAAA_compacted' }] });
  }

  function grant(account: string): Response {
    const access = accessToken({ account, serial: ++serial });
    const refresh_token = `rt-${serial}`;
    backend.tokens.set(access, account);
    backend.refreshTokens.set(refresh_token, account);
    return Response.json({ access_token: access, id_token: idToken({ account }), refresh_token });
  }

  async function token(request: Request): Promise<Response> {
    if (request.headers.get('content-type')?.startsWith('application/json')) return renewal(request);
    const form = new URLSearchParams(await request.text());
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const verifier = form.get('code_verifier') ?? '';
    const challenge = new Bun.CryptoHasher('sha256').update(verifier).digest('base64url');
    if (code?.challenge !== challenge || code.redirectUri !== form.get('redirect_uri'))
      return failure(400, { code: 'invalid_grant', message: 'the code is not taken' });
    return grant(accountId);
  }

  async function renewal(request: Request): Promise<Response> {
    const body = (await request.json()) as Json;
    backend.renewals.push(body);
    if (backend.renewalError !== undefined) {
      const { status, code } = backend.renewalError;
      return failure(status, { code, message: code });
    }
    const names = Object.keys(body).sort().join();
    if (names !== 'client_id,grant_type,refresh_reason,refresh_token')
      return failure(400, { code: 'invalid_request', message: names });
    const account = backend.refreshTokens.get(String(body.refresh_token));
    if (account === undefined) return failure(401, { code: 'refresh_token_reused', message: 'used before' });
    backend.refreshTokens.delete(String(body.refresh_token));
    return grant(account);
  }

  function authorize(query: URLSearchParams): Response {
    const redirectUri = query.get('redirect_uri')!;
    const back = new URL(redirectUri);
    const code = `ac_${++serial}`;
    codes.set(code, { challenge: query.get('code_challenge')!, redirectUri });
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state')!);
    return Response.redirect(back.href, 302);
  }

  function device(path: string): Response {
    if (path.endsWith('/usercode'))
      return Response.json({ device_auth_id: 'da_1', user_code: 'ABCD-12345', interval: '0.01' });
    if (backend.devicePending-- > 0)
      return failure(403, { code: 'deviceauth_authorization_unknown', message: 'Please try again.' });
    const code = `ac_${++serial}`;
    const challenge = new Bun.CryptoHasher('sha256').update('device-verifier').digest('base64url');
    codes.set(code, { challenge, redirectUri: `${backend.url}/deviceauth/callback` });
    return Response.json({
      authorization_code: code,
      code_challenge: challenge,
      code_verifier: 'device-verifier',
    });
  }

  const side = socketSide(() => backend, { numbered, turnState });

  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    websocket: side.websocket,
    fetch(request, server) {
      const { pathname, search, searchParams } = new URL(request.url);
      if (pathname === '/backend-api/codex/responses' && request.method === 'POST') return responses(request);
      if (pathname === '/backend-api/codex/responses') return side.upgrade(request, server);
      if (pathname === '/backend-api/codex/responses/compact') return compact(request);
      if (pathname === '/backend-api/codex/models') {
        backend.modelQueries.push(search);
        const bearer = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
        const account = backend.tokens.get(bearer);
        if (account === undefined) return failure(401, { code: 'token_expired', message: 'expired' });
        return Response.json({ models: backend.modelsOf.get(account) ?? backend.models });
      }
      if (pathname === '/backend-api/wham/usage') return usage(request);
      if (pathname === '/oauth/authorize') return authorize(searchParams);
      if (pathname === '/oauth/token') return token(request);
      if (pathname.startsWith('/api/accounts/deviceauth/')) return device(pathname);
      return new Response(null, { status: 404 });
    },
  });

  const backend: Backend = {
    url: `http://127.0.0.1:${server.port}`,
    asked: [],
    faults: [],
    answers: [],
    script: undefined,
    upgrades: [],
    connections: new Set(),
    pongs: 0,
    paceMs: 0,
    tokens: new Map(),
    refreshTokens: new Map(),
    renewals: [],
    modelQueries: [],
    models: [
      model('gpt-5.5'),
      model('gpt-6.1-sol', { support_verbosity: false }),
      model('hidden', { visibility: 'none' }),
    ],
    setsCookies: [],
    modelsOf: new Map(),
    compactRoute: true,
    lenient: false,
    renewalError: undefined,
    devicePending: 0,
    stop: () => server.stop(true),
  };
  return backend;
}
