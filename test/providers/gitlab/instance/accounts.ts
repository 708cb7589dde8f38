/** The side of an instance that knows users and tokens. */
import { createHash } from 'node:crypto';
import { refuse } from './words.ts';

export interface KnownToken {
  readonly kind: 'pat' | 'oauth';
  readonly user: string;
  readonly scopes: readonly string[];
  endsMs: number;
  revoked: boolean;
}

export const application = { id: 'dragoman-app', secret: undefined as string | undefined };

const deviceCode = 'device-code-1';
export type DeviceAnswer = 'authorization_pending' | 'slow_down' | 'expired_token' | 'access_denied';

/** Users, personal access tokens and an authorization server that rotates both tokens of a login. */
export function tokenOffice(nowMs: () => number) {
  const tokens = new Map<string, KnownToken>();
  const refreshTokens = new Map<string, { access: string; redirectUri: string }>();
  const codes = new Map<string, { challenge: string; redirectUri: string; scope: string }>();
  let count = 0;

  const office = {
    tokens,
    refreshTokens,
    /** How long an access token is good, in seconds; administrators may set 300 and more. */
    accessSeconds: 7200,
    user: 'dev.one',
    deviceAnswers: [] as DeviceAnswer[],
    /** Forms that the token endpoint was sent. */
    forms: [] as URLSearchParams[],
    /** How long an answer about a login takes. */
    tokenMs: 0,

    pat(scopes: readonly string[] = ['ai_features', 'read_user'], user?: string): string {
      const token = `glpat-${'x'.repeat(16)}-${++count}`;
      tokens.set(token, { kind: 'pat', user: user ?? office.user, scopes, endsMs: Infinity, revoked: false });
      return token;
    },

    /** A pair of tokens, as if somebody had logged in. */
    pair(
      redirectUri = 'http://127.0.0.1:8085/callback',
      scope = 'ai_features read_user',
    ): { access: string; refresh: string; endsMs: number } {
      const access = `access-${String(++count).padStart(58, '0')}`;
      const refresh = `refresh-${String(count).padStart(57, '0')}`;
      const endsMs = nowMs() + office.accessSeconds * 1000;
      tokens.set(access, {
        kind: 'oauth',
        user: office.user,
        scopes: scope.split(' '),
        endsMs,
        revoked: false,
      });
      refreshTokens.set(refresh, { access, redirectUri });
      return { access, refresh, endsMs };
    },

    /** Whose token it is, or the refusal. */
    whose(request: Request, needed: readonly string[]): KnownToken | Response {
      const bearer = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
      const known = tokens.get(bearer ?? request.headers.get('private-token') ?? '');
      if (known === undefined) return refuse('auth/unauthorized.401');
      if (known.revoked) return refuse('auth/token-revoked.401');
      if (known.endsMs <= nowMs()) return refuse('auth/token-expired.401');
      if (needed.length > 0 && !known.scopes.some((scope) => needed.includes(scope)))
        return refuse('auth/insufficient-scope.403');
      return known;
    },

    authorize(asked: URLSearchParams): Response {
      const redirectUri = asked.get('redirect_uri') ?? '';
      const isFit =
        asked.get('client_id') === application.id &&
        asked.get('response_type') === 'code' &&
        asked.get('code_challenge_method') === 'S256' &&
        /^http:\/\/127\.0\.0\.1:\d+\/callback$/.test(redirectUri);
      if (!isFit) return new Response('The request is not valid', { status: 400 });
      const code = `code-${++count}`;
      codes.set(code, {
        challenge: asked.get('code_challenge') ?? '',
        redirectUri,
        scope: asked.get('scope') ?? '',
      });
      const back = new URL(redirectUri);
      back.searchParams.set('code', code);
      back.searchParams.set('state', asked.get('state') ?? '');
      return Response.redirect(back.href, 302);
    },

    async token(request: Request): Promise<Response> {
      const form = new URLSearchParams(await request.text());
      office.forms.push(form);
      if (office.tokenMs > 0) await Bun.sleep(office.tokenMs);
      const isOurs =
        form.get('client_id') === application.id &&
        (form.get('client_secret') ?? undefined) === application.secret;
      if (!isOurs)
        return Response.json(
          { error: 'invalid_client', error_description: 'Client authentication failed' },
          { status: 401 },
        );
      switch (form.get('grant_type')) {
        case 'authorization_code': {
          const code = codes.get(form.get('code') ?? '');
          codes.delete(form.get('code') ?? '');
          const proof = createHash('sha256')
            .update(form.get('code_verifier') ?? '')
            .digest('base64url');
          if (code?.challenge !== proof || code.redirectUri !== form.get('redirect_uri'))
            return refuse('oauth/invalid-grant.400');
          return granted(code.redirectUri, code.scope);
        }
        case 'refresh_token': {
          const old = form.get('refresh_token') ?? '';
          const login = refreshTokens.get(old);
          refreshTokens.delete(old);
          if (login === undefined || login.redirectUri !== (form.get('redirect_uri') ?? ''))
            return refuse('oauth/invalid-grant.400');
          tokens.get(login.access)!.revoked = true;
          return granted(login.redirectUri, tokens.get(login.access)!.scopes.join(' '));
        }
        case 'urn:ietf:params:oauth:grant-type:device_code': {
          const answer = office.deviceAnswers.shift();
          if (form.get('device_code') !== deviceCode) return refuse('oauth/invalid-grant.400');
          if (answer !== undefined) return refuse(`oauth/device-poll.${answer}.400`);
          return granted('', 'ai_features read_user');
        }
        default:
          return Response.json({ error: 'unsupported_grant_type' }, { status: 400 });
      }
    },

    async device(request: Request): Promise<Response> {
      const form = new URLSearchParams(await request.text());
      if (form.get('client_id') !== application.id || !form.get('scope'))
        return Response.json({ error: 'invalid_client' }, { status: 401 });
      return Response.json({
        device_code: deviceCode,
        user_code: 'ABCD1234',
        verification_uri: 'https://gitlab.example.com/oauth/device',
        verification_uri_complete: 'https://gitlab.example.com/oauth/device?user_code=ABCD1234',
        expires_in: 300,
        interval: 0.01,
      });
    },

    self(request: Request): Response {
      const known = office.whose(request, []);
      if (known instanceof Response) return known;
      if (known.kind === 'oauth') return refuse('auth/pat-self.oauth-token.400');
      return Response.json({
        id: 42,
        name: 'duo',
        revoked: known.revoked,
        scopes: known.scopes,
        user_id: 7,
        active: true,
        expires_at: '2027-07-23',
      });
    },

    userOf(request: Request): Response {
      const known = office.whose(request, ['read_user', 'api']);
      return known instanceof Response
        ? known
        : Response.json({ id: 7, username: known.user, email: `${known.user}@example.com` });
    },
  };

  function granted(redirectUri: string, scope: string): Response {
    const { access, refresh } = office.pair(redirectUri, scope);
    return Response.json({
      access_token: access,
      token_type: 'bearer',
      expires_in: office.accessSeconds,
      refresh_token: refresh,
      created_at: Math.floor(nowMs() / 1000),
    });
  }

  return office;
}

export type TokenOffice = ReturnType<typeof tokenOffice>;
