import { FailureError, retryAfterMsMax, type Failure } from '../turn/failure.ts';
import type { GatewayKey, KeyRefusal, KeyRing } from './keys.ts';
import type { Admission, Limits, LimitReached } from './limits.ts';
import { matches } from './rules.ts';

/** Who asks. Without keys at the gateway there is one caller, whose id is empty. */
export interface Caller {
  readonly id: string;
  readonly key?: GatewayKey;
}

/** Lets callers in, or says in a failure why not. */
export interface Gatekeeper {
  /** By the key in the headers; a gateway that needs none takes any. Throws a 401. */
  identify(headers: Headers): Caller;
  /** Throws a 401 or 403 unless the headers hold an admin key. */
  admin(headers: Headers): GatewayKey;
  /** Whether its key lets it have this model of this provider; throws a 403 that names what is not allowed. */
  permit(caller: Caller, model: string, provider: string): void;
  mayUse(caller: Caller, model: string, provider: string): boolean;
  /** Takes a place; throws a 429 for a rate and a 402 for a budget. */
  admit(caller: Caller): Admission;
}

export function createGatekeeper(ring: KeyRing | undefined, limits: Limits): Gatekeeper {
  const permitted = ({ key }: Caller, model: string, provider: string): string | undefined => {
    const { models, providers } = key?.rules ?? {};
    if (providers && !providers.includes(provider)) return `the provider ${provider}`;
    return models && !matches(models, model) ? `the model ${model}` : undefined;
  };

  return {
    identify(headers) {
      if (!ring?.required) return nobody;
      let why: KeyRefusal | 'missing' | 'admin' = 'missing';
      for (const shown of shownKeys(headers)) {
        const checked = ring.check(shown);
        if (checked.ok && checked.key.role === 'client') return { id: checked.key.id, key: checked.key };
        why = checked.ok ? 'admin' : checked.why;
      }
      throw new FailureError(unauthenticated(why));
    },
    admin(headers) {
      let why: KeyRefusal | 'missing_admin' = 'missing_admin';
      for (const shown of shownKeys(headers)) {
        const checked = ring?.check(shown) ?? { ok: false, why: 'unknown' };
        if (checked.ok && checked.key.role === 'admin') return checked.key;
        if (checked.ok)
          throw new FailureError(forbidden('this key is for clients; /admin needs an admin key'));
        why = checked.why;
      }
      throw new FailureError(unauthenticated(why));
    },
    permit(caller, model, provider) {
      const what = permitted(caller, model, provider);
      if (what !== undefined) throw new FailureError(forbidden(`this key may not use ${what}`));
    },
    mayUse: (caller, model, provider) => permitted(caller, model, provider) === undefined,
    admit({ key }) {
      if (key === undefined) return unlimited;
      const answer = limits.admit(key);
      if ('limit' in answer) throw new FailureError(limited(answer));
      return answer;
    },
  };
}

const nobody: Caller = { id: '' };
const unlimited: Admission = { end() {} };

/** Every place where clients put a key; some send two, of which one is meant for somebody else. */
function shownKeys(headers: Headers): string[] {
  const authorization = headers.get('authorization');
  const bearer =
    authorization?.slice(0, 7).toLowerCase() === 'bearer ' ? authorization.slice(7).trim() : null;
  return [bearer, headers.get('x-api-key'), headers.get('x-goog-api-key')].filter(
    (key) => key !== null && key !== '',
  ) as string[];
}

const refusals: Readonly<Record<KeyRefusal | 'missing' | 'missing_admin' | 'admin', string>> = {
  missing: 'this gateway needs a key: make one with `dragoman keys create`',
  missing_admin: 'this needs an admin key: make one with `dragoman keys create NAME --admin`',
  unknown: 'the key is not one of this gateway',
  expired: 'the key has expired',
  revoked: 'the key was revoked',
  admin: 'an admin key opens /admin only; use a client key here',
};

const unauthenticated = (why: keyof typeof refusals): Failure => ({
  kind: 'authentication',
  scope: 'request',
  status: 401,
  message: refusals[why],
  code: why === 'missing' || why === 'missing_admin' ? 'missing_api_key' : 'invalid_api_key',
  retryable: false,
});

const forbidden = (message: string): Failure => ({
  kind: 'permission',
  scope: 'request',
  status: 403,
  message,
  code: 'key_not_allowed',
  retryable: false,
});

const windowWords = { per_day: 'day', per_week: 'week', per_month: 'month' } as const;

function limited({ limit, unit, retryAfterMs }: LimitReached): Failure {
  if (limit === 'per_day' || limit === 'per_week' || limit === 'per_month') {
    const until = new Date(Date.now() + retryAfterMs).toISOString();
    return {
      kind: 'billing',
      scope: 'request',
      status: 402,
      message: `the key’s budget of ${unit === 'usd' ? 'money' : 'tokens'} for this ${windowWords[limit]} is used up; it is whole again at ${until}`,
      code: 'budget_exhausted',
      retryable: false,
    };
  }
  return {
    kind: 'rate_limited',
    scope: 'request',
    status: 429,
    message: `the key’s limit of ${limit.replaceAll('_', ' ')} is reached`,
    code: 'rate_limit_exceeded',
    retryable: true,
    retryAfterMs: Math.min(retryAfterMs, retryAfterMsMax),
  };
}
