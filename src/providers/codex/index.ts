import { trimSlashes } from '../../config/address.ts';
import { randomUUID } from 'node:crypto';
import type { Account } from '../../accounts/account.ts';
import { refuse } from '../../turn/failure.ts';
import type { Json } from '../../turn/json.ts';
import type { Call, Provider, ProviderDeps, ProviderKind, TurnScope } from '../provider.ts';
import { abilitiesIn, createCatalogs } from './catalogs.ts';
import { clientIdentity } from './client-identity.ts';
import { configSchema, type CodexConfig } from './config.ts';
import { readConversation, type Conversation } from './conversation.ts';
import { createCookies } from './cookies.ts';
import { classify } from './failure.ts';
import { clientMetadata, identityHeaders, resolveIdentity, type Identity } from './identity.ts';
import { inspections } from './inspections.ts';
import { installedClient } from './installed-client.ts';
import { keepSession, parentSession, settleSession } from './kept.ts';
import { codexLogin, renewLogin } from './login.ts';
import { fetchCatalog, type CatalogModel } from './models.ts';
import { readQuotas, readUsage } from './quota.ts';
import { compactMembers, membersFor, shapeRequest, writeRequest } from './request.ts';
import { createPool, poolLimits } from './socket-pool.ts';
import { eitherSender, type EitherRequest } from './socket-send.ts';
import { socketTurn } from './socket-turn.ts';
import { claimsOf } from './token.ts';
import { createTurns } from './turns.ts';
import { uuidV7 } from './uuid.ts';

/** A ChatGPT account by way of the backend of the Codex CLI. */
export const codex: ProviderKind<CodexConfig> = {
  type: 'codex',
  configSchema,
  inspections,
  create(config, deps) {
    return createCodex(config, deps);
  },
};

/** How long the backend may take to give a catalog. */
const discoverMs = 5_000;

function createCodex(config: CodexConfig, deps: ProviderDeps): Provider {
  const base = trimSlashes(config.base_url);
  const client = clientIdentity(
    config.identity,
    config.identity.detect ? installedClient(deps.env ?? {}) : undefined,
  );
  const login = {
    server: trimSlashes(config.auth_url),
    identity: client,
    fetch: deps.fetch,
    nowMs: Date.now,
  };
  const turns = createTurns();
  const cookies = createCookies(Date.now);
  const decided = new WeakMap<TurnScope, Identity>();
  const installations = new Map<string, string>();
  const catalogs = createCatalogs(Date.now);
  const pool = createPool(poolLimits, Date.now);
  const send = eitherSender({ ...deps, pool, nowMs: Date.now });

  const mint = (): string => uuidV7(Date.now());

  /** Of an account that was logged in it is stored; one of the configuration has one for each process. */
  function installationOf({ id, secret }: Account): string {
    const stored = secret.more?.installationId;
    if (typeof stored === 'string') return stored;
    const known = installations.get(id) ?? randomUUID();
    installations.set(id, known);
    return known;
  }

  /** Built from nothing: of a client's headers only those get here that its identity is read from. */
  function headersFor(account: Account, more: Record<string, string>): Record<string, string> {
    const { token, more: kept } = account.secret;
    const accountId = kept?.accountId ?? claimsOf(token).accountId;
    return {
      'accept-encoding': 'identity',
      originator: client.originator,
      'user-agent': client.userAgent,
      ...lowerCased(config.headers),
      ...more,
      authorization: `Bearer ${token}`,
      ...(typeof accountId === 'string' && { 'chatgpt-account-id': accountId }),
    };
  }

  /** What the backend offers to the account; its requests are held to the latest of what was said. */
  async function readModels(signal: AbortSignal, account: Account): Promise<readonly CatalogModel[]> {
    if (!config.discovery) return [];
    const headers = headersFor(account, { accept: '*/*' });
    const models = await fetchCatalog(deps.fetch, base, client.version, headers, signal);
    catalogs.keep(account, models);
    return models;
  }

  /** Looks for a newer catalog behind a turn: those that name their provider need no list of models. */
  function keepCatalog(account: Account): void {
    if (config.discovery && catalogs.takeOld(account))
      readModels(AbortSignal.timeout(discoverMs), account).catch(() => undefined);
  }

  function identify(
    { scope, inbound, state }: Call,
    account: Account,
    conversation: Conversation,
    metadata: Json | undefined,
    transport: 'http' | 'socket',
  ): Identity {
    const { asked, continues } = conversation;
    const parent = parentSession(state);
    const identity = resolveIdentity({
      metadata,
      headers: inbound,
      order: config.identity_order,
      transport,
      conversation,
      callerSession: scope?.session,
      caller: scope?.caller ?? '',
      stored: parent && { session: parent.session },
      installation: installationOf(account),
      begunTurn: continues && asked !== undefined ? turns.begun(asked) : undefined,
      mint,
    });
    return state === undefined ? identity : keepSession(identity, state);
  }

  /** On a socket from the second request of a conversation on, when its connection begins to save something. */
  function transportOf({ operation }: Call, { goesOn }: Conversation): 'http' | 'socket' {
    const { transport } = config;
    const wants = transport === 'websocket' || (transport === 'auto' && goesOn);
    return wants && operation === 'turn' && deps.openSocket !== undefined ? 'socket' : 'http';
  }

  function prepare(call: Call, account: Account): EitherRequest {
    keepCatalog(account);
    const { members, instructions, items, metadata, notes } = shapeRequest(
      call.body,
      config,
      catalogs.of(account, call.model),
      call.state !== undefined,
    );
    const { scope } = call;
    const alone = call.operation === 'compact';
    const conversation = readConversation(scope?.caller ?? '', instructions, items);
    const begunKey = conversation.asked;
    const transport = transportOf(call, conversation);
    const known = scope && decided.get(scope);
    const resolved = known
      ? // The turn is the same at another account, which is another installation.
        { ...known, installation: known.ownInstallation ?? installationOf(account) }
      : identify(call, account, conversation, metadata, transport);
    if (scope && !known) decided.set(scope, resolved);
    const identity = { ...resolved, alone, compacts: alone || conversation.compacts };
    if (begunKey !== undefined) turns.begin(begunKey, identity.turn);

    members.set('client_metadata', JSON.stringify(clientMetadata(identity)));
    if (!members.has('prompt_cache_key')) members.set('prompt_cache_key', JSON.stringify(identity.session));
    const tier = members.get('service_tier');
    const key = stateKey(account, identity);
    const state = turns.state(key);
    const cookie = cookies.of(account.id);
    if (alone) for (const name of members.keys()) if (!compactMembers.has(name)) members.delete(name);
    const wire: EitherRequest = {
      url: `${base}/responses${alone ? '/compact' : ''}`,
      headers: headersFor(account, {
        ...(client.betaFeatures !== '' && { 'x-codex-beta-features': client.betaFeatures }),
        ...identityHeaders(identity),
        ...(state !== undefined && { 'x-codex-turn-state': state }),
        ...(conversation.light && { 'x-openai-internal-codex-responses-lite': 'true' }),
        'x-codex-routing-hint': routingHint(call.model, tier),
        accept: alone ? '*/*' : 'text/event-stream',
        'content-type': 'application/json',
        ...(cookie !== undefined && { cookie }),
      }),
      compresses: config.compression === 'zstd' && !alone,
      body: writeRequest(members),
      notes,
      told(headers) {
        cookies.keep(account.id, headers.getSetCookie());
        const token = headers.get('x-codex-turn-state');
        if (token !== null) turns.keepState(key, token);
        const quota = readQuotas(headers, Date.now());
        if (quota !== undefined) deps.sawQuota?.(account, quota);
      },
    };
    if (transport === 'http') return wire;
    const of = { caller: scope?.caller ?? '', account, client, members, items };
    return { ...wire, socket: socketTurn(wire, of, clientMetadata(identity)) };
  }

  return {
    name: config.name,
    type: config.type,
    protocols: () => ['openai-responses'],
    abilities: (_protocol, model) => abilitiesIn(catalogs.everywhere(model)),
    offers: (operation) => operation === 'compact',
    compacts: () => true,
    forgets: true,
    allows: (_protocol, model) => membersFor(catalogs.everywhere(model)),
    configured: config.models?.map((id) => ({ id })),
    accounts: config.access_token === undefined ? [] : [{ name: 'default', token: config.access_token }],
    anonymous: false,
    pricedAs: 'openai',
    login: codexLogin(login),
    renew: (account, signal) => renewLogin(login, account, signal),
    async discover(signal, account) {
      const models = await readModels(signal, account);
      return models.filter(({ listed }) => listed).map(({ info }) => info);
    },
    async askQuota(signal, account) {
      const url = `${base.replace(/\/codex$/, '')}/wham/usage`;
      const headers = headersFor(account, { accept: '*/*' });
      const response = await deps.fetch(url, { headers, signal, redirect: 'manual' });
      if (!response.ok) throw new Error(`the upstream answered ${response.status}`);
      return readUsage((await response.json()) as Json, Date.now());
    },
    prepare,
    async send(wire: EitherRequest, signal) {
      const response = await send(wire, signal);
      return wire.headers.accept === '*/*' ? response : labelled(response);
    },
    close: () => pool.close(),
    settle: settleSession,
    classify: (failure, response) => classify(failure, response, Date.now()),
  };
}

/** What routes a turn at one account says nothing to another. */
const stateKey = ({ id }: Account, { turn }: Identity): string => `${id} ${turn}`;

/** `model=…`, and the tier where one was chosen. */
function routingHint(model: string, tier: Uint8Array | string | undefined): string {
  if (!/^[\x21-\x7e]{1,200}$/.test(model)) {
    refuse(`there can be no model ${JSON.stringify(model.slice(0, 200))}`, 'model', {
      kind: 'not_found',
      status: 404,
      code: 'model_not_found',
    });
  }
  const name = tier === undefined ? undefined : (JSON.parse(Buffer.from(tier).toString()) as unknown);
  return typeof name === 'string' && /^[\w.-]{1,64}$/.test(name)
    ? `model=${model};tier=${name}`
    : `model=${model}`;
}

/** Every success is a stream, whether it says so or not. */
function labelled(response: Response): Response {
  if (!response.ok || response.headers.get('content-type') !== null) return response;
  const headers = new Headers(response.headers);
  headers.set('content-type', 'text/event-stream');
  return new Response(response.body, { status: response.status, headers });
}

const lowerCased = (headers: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
