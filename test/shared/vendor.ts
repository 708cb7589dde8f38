/**
 * A vendor on loopback that hands out logins: its refresh tokens are good once, and a new access token puts an end to
 * the one before it at once.
 */
export interface Vendor {
  readonly url: string;
  /** The login as it was first given. */
  readonly first: { readonly token: string; readonly refreshToken: string };
  /** How often a refresh token was exchanged. */
  readonly rotations: number;
  /** How often one was shown that was exchanged before. */
  readonly reused: number;
  /** Calls that were answered, by process. */
  readonly served: ReadonlyMap<number, number>;
  /** Calls that were refused for an old access token. */
  readonly refused: number;
  /** How long access tokens are good. */
  lifeMs: number;
  /** Called while the exchange is asked for, before or after it is done, with the process that asked. */
  on: Partial<Record<'asked' | 'rotated' | 'called', (pid: number) => Promise<void> | void>>;
  /** The access token is no longer taken. */
  revoke(): void;
  /** Another login of the same person. */
  login(): { token: string; refreshToken: string };
  stop(): Promise<void>;
}

const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});

export function startVendor(): Vendor {
  let number = 0;
  let access = 'access-0';
  let refresh = 'refresh-0';
  let rotations = 0;
  let reused = 0;
  let refused = 0;
  const served = new Map<number, number>();
  const rotate = (): void => {
    number++;
    access = `access-${number}`;
    refresh = `refresh-${number}`;
  };

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      if (new URL(request.url).pathname === '/token') {
        const { refresh_token, pid } = (await request.json()) as { refresh_token: string; pid: number };
        await vendor.on.asked?.(pid);
        if (refresh_token !== refresh) {
          reused++;
          return Response.json({ error: `the refresh token ${refresh_token} was used before` });
        }
        rotate();
        rotations++;
        const given = { access_token: access, refresh_token: refresh, expires_ms: vendor.lifeMs };
        await vendor.on.rotated?.(pid);
        // As far away as real ones are.
        await Bun.sleep(20);
        return Response.json(given);
      }
      const pid = Number(request.headers.get('x-pid'));
      await vendor.on.called?.(pid);
      if (request.headers.get('authorization') !== `Bearer ${access}`) {
        refused++;
        return Response.json({ error: { message: 'token expired', code: 'token_expired' } }, { status: 401 });
      }
      served.set(pid, (served.get(pid) ?? 0) + 1);
      return new Response(answer, { headers: { 'content-type': 'application/json' } });
    },
  });

  const vendor: Vendor = {
    url: server.url.origin,
    first: { token: access, refreshToken: refresh },
    get rotations() {
      return rotations;
    },
    get reused() {
      return reused;
    },
    get refused() {
      return refused;
    },
    served,
    lifeMs: 3_600_000,
    on: {},
    revoke: () => (access = `${access}, revoked`),
    login() {
      rotate();
      return { token: access, refreshToken: refresh };
    },
    stop: () => server.stop(true),
  };
  return vendor;
}
