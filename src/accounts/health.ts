import { machineWord, type Failure, type FailureKind } from '../turn/failure.ts';

/**
 * How well an account is with one model, or with all of them. `cooling` ends by itself; `suspended` needs
 * somebody (a login, an entitlement, credit), and is only looked at again now and then in case that was done.
 */
export interface Health {
  readonly state: 'ok' | 'cooling' | 'suspended';
  /** When it may be tried again, in milliseconds since the epoch. */
  readonly untilMs: number;
  /** One line for people. */
  readonly why: string;
  /** Failures in a row. */
  readonly strikes: number;
}

export const well: Health = { state: 'ok', untilMs: 0, why: '', strikes: 0 };

/** How long a pause is that no hint sets: it doubles with each failure in a row. */
interface Pause {
  readonly firstMs: number;
  readonly mostMs: number;
}

const minute = 60_000;
const shortly: Pause = { firstMs: 2_000, mostMs: 5 * minute };
const limited: Pause = { firstMs: 15_000, mostMs: 5 * minute };
/** A model that an account lacks: somebody may have asked for a name that nobody has. */
const lacking: Pause = { firstMs: 30_000, mostMs: 5 * minute };
/** What is wrong with a provider mostly passes, and concerns everybody who has nothing else to go to. */
const backoff: Pause = { firstMs: 2_000, mostMs: 30_000 };
/** A refusal may have been of the request after all: it is not believed for long at first. */
const refused: Pause = { firstMs: 30_000, mostMs: 10 * minute };
/** What a person has to mend: a key, a purse. */
const broken: Pause = { firstMs: 10 * minute, mostMs: 10 * minute };

/** How far a hint is trusted at the first failure: a week-long one may be wrong, or lifted early. */
const hintMsMax = 10 * minute;
const hintMsMaxLater = 60 * minute;

/**
 * What a failure does to the health of whom it concerns; `undefined` when it concerns only the request. A hint
 * of the upstream is followed, but cut: the account is probed early, and goes on cooling if that fails.
 */
export function afterFailure(before: Health, failure: Failure, nowMs: number): Health | undefined {
  if (failure.scope === 'request' || failure.scope === 'gateway') return undefined;
  const strikes = before.strikes + 1;
  const why = reason(failure);
  const { firstMs, mostMs } = pauseOf(failure);
  const ownMs = Math.min(firstMs * 2 ** Math.min(strikes - 1, 10), mostMs);
  const trustedMs = strikes > 2 ? hintMsMaxLater : hintMsMax;
  const ms = failure.retryAfterMs === undefined ? ownMs : Math.min(failure.retryAfterMs, trustedMs);
  return { state: needsSomebody(failure) ? 'suspended' : 'cooling', untilMs: nowMs + ms, why, strikes };
}

function pauseOf({ kind, scope }: Failure): Pause {
  if (scope === 'provider') return backoff;
  if (scope === 'model' && (kind === 'not_found' || kind === 'permission')) return lacking;
  if (kind === 'authentication' || kind === 'billing') return broken;
  if (kind === 'permission') return refused;
  return kind === 'rate_limited' ? limited : shortly;
}

/** Whether waiting alone will not help. A purse that says when it is filled again is a limit. */
const needsSomebody = ({ kind, scope, retryAfterMs }: Failure): boolean =>
  scope === 'account' &&
  (kind === 'authentication' || kind === 'permission' || (kind === 'billing' && retryAfterMs === undefined));

function reason(failure: Failure): string {
  const { kind, status } = failure;
  const words = kind.replaceAll('_', ' ');
  const code = machineWord(failure.code);
  const what = code === undefined || code === kind ? `${words} (${status})` : `${words} (${status} ${code})`;
  return failure.cure === undefined ? what : `${what}: ${failure.cure}`;
}

/** What kind of failure stands behind a health, and with which status; `undefined` when it is well. */
export function failureBehind({ why }: Health): { kind: FailureKind; status: number } | undefined {
  const match = /^([a-z ]+) \((\d{3})\b/.exec(why);
  return match
    ? { kind: match[1]!.replaceAll(' ', '_') as FailureKind, status: Number(match[2]) }
    : undefined;
}
