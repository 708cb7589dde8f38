import { createHash } from 'node:crypto';
import type { OAuthServer } from '../../src/accounts/login.ts';

/** An authorization server that holds clients to the protocol: PKCE, redirect address, one use of each token. */
export interface SimulatedOAuth {
  /** How a client describes it. */
  readonly server: OAuthServer;
  /** What the next device polls are answered before they succeed. */
  deviceAnswers: string[];
  /** The forms that its token endpoint was sent. */
  asked: URLSearchParams[];
  /** Refresh tokens in force. */
  readonly refreshTokens: Set<string>;
  /** The number of the last code or pair of tokens: `access-N`, `refresh-N`. */
  readonly count: number;
  /** Whether `/authorize` sends the browser back with a refusal. */
  refuses: boolean;
  stop(): void;
}

export function startOAuthServer(): SimulatedOAuth {
  const codes = new Map<string, { challenge: string; redirectUri: string }>();
  const refreshTokens = new Set<string>();
  let count = 0;

  const refusal = (error: string, status = 400) =>
    Response.json({ error, error_description: `no: ${error}` }, { status });
  function grant(): Response {
    const refresh_token = `refresh-${++count}`;
    refreshTokens.add(refresh_token);
    return Response.json({
      access_token: `access-${count}`,
      token_type: 'Bearer',
      expires_in: 7200,
      refresh_token,
    });
  }

  async function token(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    simulated.asked.push(form);
    if (form.get('client_id') !== 'dragoman-test') return refusal('invalid_client', 401);
    switch (form.get('grant_type')) {
      case 'authorization_code': {
        const code = codes.get(form.get('code') ?? '');
        codes.delete(form.get('code') ?? '');
        const challenge = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url');
        if (code?.challenge !== challenge || code.redirectUri !== form.get('redirect_uri'))
          return refusal('invalid_grant');
        return grant();
      }
      case 'refresh_token':
        return refreshTokens.delete(form.get('refresh_token') ?? '') ? grant() : refusal('invalid_grant');
      case 'urn:ietf:params:oauth:grant-type:device_code': {
        const answer = simulated.deviceAnswers.shift();
        return answer === undefined ? grant() : refusal(answer);
      }
      default:
        return refusal('unsupported_grant_type');
    }
  }

  function authorize(asked: URLSearchParams): Response {
    const redirect = new URL(asked.get('redirect_uri')!);
    redirect.searchParams.set('state', asked.get('state')!);
    if (simulated.refuses) redirect.searchParams.set('error', 'access_denied');
    else {
      const code = `code-${++count}`;
      const redirectUri = asked.get('redirect_uri')!;
      codes.set(code, { challenge: asked.get('code_challenge')!, redirectUri });
      redirect.searchParams.set('code', code);
    }
    return Response.redirect(redirect.href, 302);
  }

  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === '/authorize') return authorize(url.searchParams);
      if (url.pathname === '/token') return token(request);
      if (url.pathname === '/device') {
        return Response.json({
          device_code: 'd',
          user_code: 'ABCD-EFGH',
          verification_uri: 'http://127.0.0.1/activate',
          expires_in: 300,
          interval: 0.01,
        });
      }
      return new Response(null, { status: 404 });
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  const simulated: SimulatedOAuth = {
    server: {
      issuer: base,
      authorizationUrl: `${base}/authorize`,
      tokenUrl: `${base}/token`,
      deviceUrl: `${base}/device`,
      clientId: 'dragoman-test',
      scope: 'read write',
      parameters: { prompt: 'login' },
      fetch,
    },
    deviceAnswers: [],
    asked: [],
    refreshTokens,
    get count() {
      return count;
    },
    refuses: false,
    stop: () => server.stop(true),
  };
  return simulated;
}
