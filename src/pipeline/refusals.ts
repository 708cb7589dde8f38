import { failureBehind, type Health } from '../accounts/health.ts';
import { FailureError, retryAfterMsMax, type Failure, type FailureKind } from '../turn/failure.ts';
import { UpstreamRefusal } from './failure-reply.ts';
import { CannotCarry } from './outgoing.ts';

/**
 * What a client is told when no account has served it, of all that it could be told: that waiting helps goes
 * before what is wrong with an upstream, and that before what is wrong with the gateway's own accounts.
 */
const rank: Partial<Record<FailureKind, number>> = {
  rate_limited: 0,
  overloaded: 1,
  timeout: 2,
  upstream: 3,
  cut: 3,
  unreachable: 3,
  billing: 4,
  not_found: 5,
  permission: 6,
  authentication: 7,
};
const rankOf = (kind: FailureKind | undefined): number => rank[kind ?? 'internal'] ?? 8;
/** What others cannot read waits for its maker, unless that one is not to be had. */
const cannotCarryRank = 3.5;

/** Beyond this a client is better told not to wait. */
const worthWaitingMs = 60_000;

/** The one refusal that is the client's answer: of those that came, in the order asked, and those that were foreseen. */
export function lastWord(
  refusals: readonly FailureError[],
  passedOver: readonly Health[],
  nowMs: number,
): FailureError {
  const said = [
    ...refusals.map((error) => ({
      failure: error.failure,
      rank: error instanceof CannotCarry ? cannotCarryRank : rankOf(error.failure.kind),
    })),
    ...passedOver.map((health) => ({
      failure: foreseen(health, nowMs),
      rank: rankOf(failureBehind(health)?.kind),
    })),
  ];
  const best = said.reduce<(typeof said)[number] | undefined>(
    (kept, each) => (kept === undefined || each.rank < kept.rank ? each : kept),
    undefined,
  )?.failure;
  if (best === undefined) return new FailureError(noAccount);
  const waits = said.filter(({ failure }) => isLimit(failure)).map(({ failure }) => failure.retryAfterMs);
  const soonestMs = Math.min(...waits.map((ms) => ms ?? Infinity));
  const refused = refusals.find(({ failure }) => failure === best);
  if (refused === undefined) return new FailureError(withoutLongWait(best, soonestMs));
  // Another account may be well again sooner than the one whose words these are.
  if (!isLimit(best) || !(soonestMs < (best.retryAfterMs ?? Infinity))) return refused;
  const failure = { ...best, retryAfterMs: soonestMs };
  return refused instanceof UpstreamRefusal
    ? new UpstreamRefusal(failure, refused.reply)
    : new FailureError(failure);
}

const isLimit = ({ kind, retryable }: Failure): boolean =>
  retryable && (kind === 'rate_limited' || kind === 'overloaded');

const noAccount: Failure = {
  kind: 'overloaded',
  scope: 'gateway',
  status: 503,
  message: 'no account can serve this model: log in with `dragoman login`, or configure an API key',
  code: 'no_account_available',
  retryable: false,
};

/** What an account would say again that is left alone for what it said before. */
function foreseen(health: Health, nowMs: number): Failure {
  const { kind = 'overloaded', status = 503 } = failureBehind(health) ?? {};
  const waitMs = Math.max(1_000, health.untilMs - nowMs);
  const known = {
    scope: 'gateway',
    message: `no account can serve this model now (${health.why}); the first may again in ${Math.ceil(waitMs / 1000)} s`,
    code: 'no_account_available',
    retryAfterMs: waitMs,
  } as const;
  switch (kind) {
    case 'rate_limited':
      return { ...known, kind, status: 429, retryable: true };
    case 'billing':
      return { ...known, kind, status, retryable: false };
    case 'not_found':
      return { ...known, kind, status: 404, code: 'model_not_found', retryable: false };
    default:
      // Whatever is wrong with the gateway's credentials is nothing that a client could mend with its own.
      return { ...known, kind: 'overloaded', status: 503, retryable: health.state === 'cooling' };
  }
}

function withoutLongWait(failure: Failure, soonestMs: number): Failure {
  if (!failure.retryable) return { ...failure, retryAfterMs: undefined };
  const retryable = soonestMs <= worthWaitingMs;
  return {
    ...failure,
    retryable,
    retryAfterMs: retryable ? Math.min(soonestMs, retryAfterMsMax) : undefined,
  };
}
