import type { Account } from '../accounts/account.ts';
import type { Call, Provider } from '../providers/provider.ts';
import type { Route, RouteResult } from '../routing/catalog.ts';
import type { Candidate, Choice } from '../routing/choice.ts';
import { dropCharge, openCharge, settleCharge } from '../telemetry/charges.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, internalFailure, invalidRequest, type Failure } from '../turn/failure.ts';
import { joinNotes, type Note } from '../turn/note.ts';
import { conversationKey } from './conversation-key.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { failureReply, UpstreamRefusal } from './failure-reply.ts';
import { finishRecord } from './finish-record.ts';
import { patiently } from './idle-watch.ts';
import { cancelledFailure, connectFailure, idleFailure } from './network-failure.ts';
import { hasChoice } from './origins.ts';
import { CannotCarry, refuseLosses } from './outgoing.ts';
import { lastMaker } from './own-opaque.ts';
import { lastWord } from './refusals.ts';

/**
 * Does the work of a request. Whatever goes wrong becomes an answer in the client's protocol, and is recorded; the
 * work itself records its success.
 */
export async function served(
  deps: PipelineDeps,
  inbound: Inbound,
  work: (deps: PipelineDeps, inbound: Inbound) => Promise<Response>,
): Promise<Response> {
  try {
    return await work(deps, inbound);
  } catch (error) {
    const failure = inbound.client.aborted ? cancelledFailure : failureOf(error);
    finishRecord(deps, inbound.record, failure);
    if (error instanceof UpstreamRefusal && failure === error.failure) return error.reply(failure);
    return failureReply(inbound.surface, failure, inbound.requestId, {}, inbound.asked?.asArray);
  }
}

const failureOf = (error: unknown): Failure =>
  error instanceof FailureError
    ? error.failure
    : internalFailure('the gateway failed to carry this request; its log has the cause', error);

/**
 * Where a model is to be had by this caller, in the order in which it is to be tried; a 404 that names the
 * nearest ones when it is nowhere, a 403 when the caller's key does not let it. A promise only where a provider must
 * be asked first.
 */
export function findRoutes(
  deps: PipelineDeps,
  inbound: Inbound,
  model: string,
): readonly Route[] | Promise<readonly Route[]> {
  const found = deps.catalog.resolve(model, inbound.only);
  return found instanceof Promise
    ? found.then((result) => allowedRoutes(deps, inbound, model, result))
    : allowedRoutes(deps, inbound, model, found);
}

function allowedRoutes(
  deps: PipelineDeps,
  { caller }: Inbound,
  model: string,
  result: RouteResult,
): readonly Route[] {
  if (result.found) {
    if (caller.key === undefined) return result.routes;
    const allowed = result.routes.filter(({ provider }) =>
      deps.gatekeeper.mayUse(caller, model, provider.name),
    );
    if (allowed.length === 0) deps.gatekeeper.permit(caller, model, result.routes[0]!.provider.name);
    return allowed;
  }
  const near = result.near.length > 0 ? `; near it: ${result.near.join(', ')}` : '';
  throw new FailureError(
    invalidRequest(`the model ${JSON.stringify(model.slice(0, 200))} does not exist here${near}`, 'model', {
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
    }),
  );
}

/** One place where a request is tried, with a token that is good. */
export interface Attempt {
  readonly route: Route;
  readonly account: Account;
  /** Another may be tried after it. */
  readonly mayMove: boolean;
}

/**
 * Tries the accounts of the routes one after another, each once, until one serves the request or refuses it for what
 * it is. Nothing has reached the client until then; from the first byte on nothing is tried again. What was learnt of
 * each account is remembered, also of one that fails in mid reply.
 */
export async function attempts<T>(
  deps: PipelineDeps,
  inbound: Inbound,
  routes: readonly Route[],
  body: Uint8Array,
  attempt: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { record, client } = inbound;
  const conversation = deps.chooser.holds(routes) ? conversationKey(inbound, body) : undefined;
  const maker = hasChoice(deps, routes) ? lastMaker(deps, inbound, body) : undefined;
  const choice = deps.chooser.choose(routes, conversation, maker);
  tellEnd(record, choice);
  const refusals: FailureError[] = [];
  for (let candidate = choice.next(); candidate !== undefined; candidate = choice.next()) {
    noteAttempt(record, candidate);
    const { route, account } = candidate;
    try {
      const fresh = deps.accounts.fresh(account, route.provider.renew);
      const asked = fresh instanceof Promise ? await fresh : fresh;
      if (client.aborted) throw new FailureError(cancelledFailure);
      const mayMove = choice.hasMore;
      let result: T;
      try {
        result = await attempt({ route, account: asked, mayMove });
      } catch (error) {
        const renewed = renewal(deps, route.provider, asked, error);
        if (renewed === undefined) throw error;
        result = await attempt({ route, account: await renewed, mayMove });
      }
      choice.succeeded();
      return result;
    } catch (error) {
      settleCharge(record, record.usage, false);
      if (client.aborted || !(error instanceof FailureError)) throw error;
      choice.failed(error.failure);
      if (!movesOn(error, maker !== undefined)) throw error;
      refusals.push(error);
      noteRefusal(record, candidate, error.failure);
    }
  }
  throw lastWord(refusals, choice.passedOver, deps.nowMs());
}

/** Only what is wrong with a place makes another one worth trying, or what one maker of several can read. */
const movesOn = (error: FailureError, hasMaker: boolean): boolean => {
  const { scope } = error.failure;
  if (error instanceof CannotCarry) return error.isOpaque || hasMaker;
  return scope === 'model' || scope === 'account' || scope === 'provider';
};

function noteAttempt(record: TurnRecord, { route, account, why }: Candidate): void {
  record.provider = route.provider.name;
  record.upstreamModel = route.model;
  record.prices = route.facts?.prices;
  record.account = account.name;
  record.accountId = account.id;
  record.chosen = why;
  record.attempts = (record.attempts ?? 0) + 1;
  record.usage = undefined;
}

function noteRefusal(record: TurnRecord, { route, account, why }: Candidate, failure: Failure): void {
  const { kind, scope, status } = failure;
  const refusal = { provider: route.provider.name, account: account.name, model: route.model, chosen: why };
  record.refusals = [...(record.refusals ?? []), { ...refusal, kind, scope, status }];
}

/** The account's load is counted until the reply has ended, and a failure in mid reply is remembered. */
function tellEnd(record: TurnRecord, choice: Choice): void {
  const { ended } = record;
  record.ended = (failure) => {
    choice.ended(failure);
    ended?.(failure);
  };
}

/** A login whose token is refused before its time is renewed once, and tried again; `undefined` for all else. */
function renewal(
  { accounts }: PipelineDeps,
  { renew }: Provider,
  asked: Account,
  error: unknown,
): Promise<Account> | undefined {
  const isRefused = error instanceof FailureError && error.failure.kind === 'authentication';
  if (!isRefused || renew === undefined || asked.secret.refreshToken === undefined) return undefined;
  return accounts.renewed(asked, renew);
}

/** Aborts with the client. Apart from the turn, so that an open stream holds nothing else of it in memory. */
export function follow(client: AbortSignal): AbortController {
  const abort = new AbortController();
  // An abort that is past is told to nobody.
  if (client.aborted) abort.abort();
  client.addEventListener('abort', () => abort.abort(), { once: true });
  return abort;
}

/** Sends a call; a client that leaves meanwhile is told apart further up. */
export function send(
  deps: PipelineDeps,
  provider: Provider,
  account: Account,
  call: Call,
  abort: AbortController,
  record: TurnRecord,
): Promise<Response> {
  const wire = provider.prepare(call, account);
  const told = (notes: readonly Note[]): void => {
    refuseLosses(notes, deps.strict);
    record.notes = joinNotes(record.notes, notes);
  };
  if (wire.notes !== undefined && wire.notes.length > 0) told(wire.notes);
  const { firstByteMs, watch } = deps;
  const timer = firstByteMs === undefined ? undefined : setTimeout(() => abort.abort(), firstByteMs);
  // Counting is free; everything else may cost something from here on, even when its answer never comes.
  if (call.operation !== 'count') openCharge(record);
  const sent = patiently(
    watch,
    abort,
    record,
    () => provider.send(wire, abort.signal, told),
    (error) => {
      // What the provider itself found out, before there was an answer to read.
      if (error instanceof FailureError) {
        dropCharge(record);
        return error.failure;
      }
      if (abort.signal.aborted) return idleFailure(firstByteMs ?? watch.idleMs);
      dropCharge(record);
      return connectFailure(provider.name, error);
    },
  );
  return timer === undefined ? sent : sent.finally(() => clearTimeout(timer));
}
