import { trimSlashes } from '../../config/address.ts';
import type { Account } from '../../accounts/account.ts';
import { FailureError } from '../../turn/failure.ts';
import { asNumber, asObject, asString } from '../../turn/json.ts';
import { askInstance, type Answer, type Instance } from './instance.ts';
import { mintFailure, mintTimeout } from './mint-failures.ts';

/**
 * What the AI gateway is asked with: a token, and the headers that state its claims. They belong together, because the
 * gateway compares them (`Header mismatch …`).
 */
export interface Grant {
  readonly token: string;
  /** As the instance gave them, less what would speak for another credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the gateway is, if the instance says so. */
  readonly baseUrl?: string;
  /** From when on it is to be renewed once it is used, in milliseconds since the epoch. */
  readonly renewMs: number;
  readonly endsMs: number;
}

/** The endpoint that a grant comes from. */
export type Door = 'third_party_agents' | 'code_suggestions';

/** The grants of all accounts. Each is asked for when it is needed, once for all that wait. */
export interface Grants {
  of(account: Account, signal: AbortSignal): Promise<Grant>;
  /**
   * Another one in place of one that was refused before its time; that which somebody has got meanwhile where there is
   * one, and `undefined` when the last replacement was refused too.
   */
  replace(account: Account, refused: Grant, signal: AbortSignal): Promise<Grant | undefined>;
}

/** A grant is renewed this long before it ends, or when a fifth of its life is left where that is less. */
const aheadMs = 5 * 60_000;
const aheadShare = 0.2;
/** One that is good for less is waited for. */
const soonMs = 10_000;
/** Instances give themselves 3 s for it. */
const mintMs = 15_000;
/** What was refused is not asked for again at once. */
const restMs = 5_000;
/** How long a replacement that was refused too is not replaced. */
const disownedMs = 60_000;
/** Where the instance does not say when it ends: half of what today's servers give. */
const unstatedLifeMs = 25 * 60_000;
/** A clock that is wrong must not make every request ask for a grant. */
const lifeMsMin = 1_000;

interface Slot {
  grant?: Grant;
  minting?: Promise<Grant>;
  replacedMs?: number;
  failed?: { readonly token: string; readonly untilMs: number; readonly error: unknown };
}

export function createGrants(instance: Instance, door: Door, nowMs: () => number): Grants {
  const slots = new Map<string, Slot>();

  function slotOf(account: Account): Slot {
    const key = keyOf(account);
    let slot = slots.get(key);
    if (slot === undefined) {
      for (const [old, { grant, minting }] of slots)
        if (minting === undefined && (grant?.endsMs ?? 0) < nowMs()) slots.delete(old);
      slots.set(key, (slot = {}));
    }
    return slot;
  }

  function mint(slot: Slot, account: Account): Promise<Grant> {
    if (slot.minting) return slot.minting;
    const { failed } = slot;
    const { token } = account.secret;
    if (failed && failed.token === token && nowMs() < failed.untilMs) return Promise.reject(failed.error);
    slot.minting = mintOnce(instance, door, account, nowMs).then(
      (grant) => {
        slot.minting = undefined;
        slot.failed = undefined;
        slot.grant = grant;
        return grant;
      },
      (error: unknown) => {
        slot.minting = undefined;
        const hintMs = error instanceof FailureError ? error.failure.retryAfterMs : undefined;
        slot.failed = {
          token,
          untilMs: nowMs() + Math.max(restMs, Math.min(hintMs ?? 0, disownedMs)),
          error,
        };
        throw error;
      },
    );
    return slot.minting;
  }

  return {
    async of(account, signal) {
      const slot = slotOf(account);
      const { grant } = slot;
      const now = nowMs();
      if (grant === undefined || now >= grant.endsMs) return waiting(mint(slot, account), signal);
      if (now < grant.renewMs) return grant;
      const renewing = mint(slot, account);
      const leftMs = grant.endsMs - now;
      if (leftMs > Math.min(soonMs, (grant.endsMs - grant.renewMs) / 2)) {
        renewing.catch(() => undefined);
        return grant;
      }
      // One that is still good serves on while its renewal fails.
      return waiting(renewing, signal).catch((error: unknown) => {
        if (!signal.aborted && nowMs() < grant.endsMs) return grant;
        throw error;
      });
    },
    async replace(account, refused, signal) {
      const slot = slotOf(account);
      if (slot.grant !== undefined && slot.grant.token !== refused.token) return slot.grant;
      if (slot.minting === undefined) {
        if (nowMs() - (slot.replacedMs ?? -Infinity) < disownedMs) return undefined;
        slot.grant = undefined;
        // Only one that was given can be refused too: whoever comes late to a replacement that failed hears why.
        mint(slot, account).then(
          () => (slot.replacedMs = nowMs()),
          () => undefined,
        );
      }
      return waiting(mint(slot, account), signal);
    },
  };
}

/** A new login has a grant of its own, also under the name of an old one; renewed tokens of one login share theirs. */
const keyOf = ({ id, secret }: Account): string =>
  `${id}\n${typeof secret.more?.login === 'string' ? secret.more.login : secret.token}`;

async function mintOnce(
  instance: Instance,
  door: Door,
  account: Account,
  nowMs: () => number,
): Promise<Grant> {
  const askedMs = nowMs();
  const answer = await askGrant(instance, door, account.secret.token).catch((error: unknown) => {
    if ((error as Error).name === 'TimeoutError') throw new FailureError(mintTimeout(account, error));
    throw error;
  });
  const grant = readGrant(answer, askedMs);
  if (grant === undefined) throw new FailureError(mintFailure(account, door, answer));
  return grant;
}

/** Asks for a grant. The documented clients send an object, which the endpoint does not read. */
const askGrant = (instance: Instance, door: Door, token: string): Promise<Answer> =>
  askInstance(
    instance,
    'POST',
    door === 'third_party_agents'
      ? '/api/v4/ai/third_party_agents/direct_access'
      : '/api/v4/code_suggestions/direct_access',
    token,
    AbortSignal.timeout(mintMs),
  );

/** The grant that an answer holds; `undefined` when it holds none. `askedMs` is when it was asked for. */
export function readGrant({ status, headers, body }: Answer, askedMs: number): Grant | undefined {
  const token = asString(body.token);
  if (status < 200 || status > 299 || !token) return undefined;
  const expiresAt = asNumber(body.expires_at);
  // Its life is measured by the server's own clock: that of this machine may be wrong.
  const serverMs = Date.parse(headers.get('date') ?? '');
  const lifeMs =
    expiresAt === undefined
      ? unstatedLifeMs
      : Math.max(expiresAt * 1000 - (Number.isNaN(serverMs) ? askedMs : serverMs), lifeMsMin);
  const endsMs = askedMs + lifeMs;
  return {
    token,
    headers: claimHeaders(body.headers),
    baseUrl: safeUrl(asString(body.base_url)),
    endsMs,
    renewMs: endsMs - Math.min(aheadMs, lifeMs * aheadShare),
  };
}

/** Names that are the transport's own affair, or would speak for another credential. */
const withheld: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'cookie',
  'host',
  'connection',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'accept',
  'accept-encoding',
  'user-agent',
]);

function claimHeaders(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, given] of Object.entries(asObject(value) ?? {})) {
    const key = name.toLowerCase();
    const isText = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
    if (!isText || withheld.has(key) || !/^[\w!#$%&'*+.^`|~-]+$/.test(key)) continue;
    const text = String(given);
    if (/^[\t\x20-\x7e]*$/.test(text)) headers[key] = text;
  }
  return headers;
}

/** An address that a token may be sent to. */
function safeUrl(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { protocol, hostname } = new URL(url);
  const isHere = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isHere) ? trimSlashes(url) : undefined;
}

/** Waits no longer than the one who asks is there. */
function waiting<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  return new Promise((done, failed) => {
    const leave = () => failed(signal.reason as Error);
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener('abort', leave, { once: true });
    work.then(done, failed).finally(() => signal.removeEventListener('abort', leave));
  });
}
