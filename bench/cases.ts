import { providers } from './gateway.ts';
import { models, pacedPerSecond, paths, terminals, type Protocol } from './payload.ts';
import { rawRequest, requestBody } from './request.ts';

/** How much CPU the gateway may use, as multiples of what the others use for the same. */
export interface Targets {
  readonly nginx?: number;
  readonly relay?: number;
}

/** One kind of request, sent through each server. */
export interface Exchange {
  readonly client: Protocol;
  readonly upstream: Protocol;
  readonly model: string;
  readonly size: 'small' | 'agent';
}

export interface BatchCase extends Exchange {
  readonly id: string;
  readonly name: string;
  /** Requests in one measured batch. */
  readonly count: number;
  readonly targets: Targets;
}

export interface PacedCase extends Exchange {
  readonly id: string;
  readonly name: string;
  readonly streams: number;
  /** The most by which the median event may be later than without a server. */
  readonly addedDelayMsMax?: number;
  readonly targets: Targets;
}

const chat = { client: 'openai-chat', upstream: 'openai-chat', size: 'small' } as const;
const messagesToChat = { ...chat, client: 'anthropic-messages' } as const;
const json = { ...chat, model: models.json };
const burst = { ...chat, model: models.burst, count: 200 };
const paced = { ...chat, model: models.paced };

export const batchCases: readonly BatchCase[] = [
  { ...json, id: 'json', name: '1 KB JSON native', count: 600, targets: { nginx: 7, relay: 1.8 } },
  {
    ...json,
    id: 'agent',
    name: '200 KB agent request native',
    size: 'agent',
    count: 150,
    targets: { nginx: 4, relay: 1.5 },
  },
  { ...burst, id: 'burst', name: '200 events at once native', targets: { nginx: 6, relay: 1.6 } },
  { ...burst, id: 'whole', name: '200 events in one write native', model: models.whole, targets: {} },
  { ...burst, id: 'apart', name: '200 events, each written apart', model: models.apart, targets: {} },
  {
    ...burst,
    ...messagesToChat,
    id: 'messages-chat',
    name: '200 events messages → chat',
    targets: { nginx: 22, relay: 1.6 },
  },
  {
    ...burst,
    id: 'chat-messages',
    name: '200 events chat → messages',
    upstream: 'anthropic-messages',
    targets: { nginx: 14, relay: 1.6 },
  },
  {
    ...burst,
    id: 'responses-chat',
    name: '200 events responses → chat',
    client: 'openai-responses',
    targets: { nginx: 25, relay: 1.6 },
  },
];

export const pacedCases: readonly PacedCase[] = [
  {
    ...paced,
    id: 'paced-200',
    name: '200 paced streams native, per event',
    streams: 200,
    addedDelayMsMax: 0.3,
    targets: { nginx: 1.8, relay: 1.4 },
  },
  {
    ...paced,
    id: 'paced-1000',
    name: '1 000 paced streams native, per event',
    streams: 1000,
    targets: { nginx: 1.8, relay: 1.4 },
  },
  {
    ...paced,
    ...messagesToChat,
    id: 'paced-translated',
    name: '200 paced streams messages → chat, per event',
    streams: 200,
    addedDelayMsMax: 0.3,
    targets: { nginx: 3, relay: 1.4 },
  },
];

/** Streams that last until they are left: what the checks of aborts and memory open. */
export const endless: readonly (Exchange & { readonly name: string; readonly streamKibMax: number })[] = [
  { ...chat, model: models.endless, name: 'native', streamKibMax: 32 },
  { ...messagesToChat, model: models.endless, name: 'translated', streamKibMax: 64 },
];

export const limits = {
  idleRssMib: 90,
  listeningWallMs: 400,
  listeningCpuMs: 400,
  /** A client's leaving reaches the upstream within this time. */
  abortMs: 200,
} as const;

/** The names that `--only` takes. */
export const caseIds: readonly string[] = [
  ...batchCases.map(({ id }) => id),
  ...pacedCases.map(({ id }) => id),
  'aborts',
  'footprint',
];

/** What the exchange sends to the gateway, or to a server that passes on what the upstream understands. */
export function requestTo(target: 'gateway' | 'plain', exchange: Exchange): { path: string; body: string } {
  const { upstream, model, size } = exchange;
  const protocol = target === 'gateway' ? exchange.client : upstream;
  const stream = model !== models.json;
  return {
    path: paths[protocol],
    body: requestBody({ protocol, model: `${providers[upstream]}/${model}`, stream, size }),
  };
}

/** The same as bytes on the wire, and what its reply must end with. */
export function wireRequest(
  target: 'gateway' | 'plain',
  exchange: Exchange,
): { request: string; terminal: string } {
  const { path, body } = requestTo(target, exchange);
  const protocol = target === 'gateway' ? exchange.client : exchange.upstream;
  return {
    request: rawRequest(path, body),
    terminal: exchange.model === models.json ? '' : terminals[protocol],
  };
}

export const isNative = ({ client, upstream }: Exchange): boolean => client === upstream;

/** What a reader should know of the cases beside their names. */
export const remarks: readonly string[] = [
  'at once: the upstream pulls 200 events one by one without pause; in one write, written apart: the extremes beside it',
  `paced: ${pacedPerSecond} events per second and stream; CPU is of all processes and threads of a server`,
  'translated: nginx and the relay pass the same stream of the same upstream on as it is',
];
