import type { Config } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import type { Client, OfferedModel } from './clients/client.ts';
import type { Host } from './host.ts';
import type { State } from '../server/state.ts';
import { version } from './version.ts';

/** What listens at an address. */
export type Listener =
  | { readonly kind: 'gateway'; readonly version: string; readonly dateMs: number | undefined }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'nobody' };

const lookMs = 3_000;
/** What else goes wrong has somebody at the other end, who does not speak HTTP or does not answer. */
const unreached = new Set([
  'ConnectionRefused',
  'FailedToOpenSocket',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** The address at which a gateway of this configuration is reached from this machine. */
export function ownUrl({ server: { host, port } }: Pick<Config, 'server'>): string {
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

export async function listenerAt(url: string): Promise<Listener> {
  let response: Response;
  try {
    response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(lookMs), redirect: 'error' });
  } catch (error) {
    return { kind: unreached.has(String((error as { code?: unknown }).code)) ? 'nobody' : 'stranger' };
  }
  const body = (await response.json().catch(() => undefined)) as
    { status?: unknown; version?: unknown } | undefined;
  if (body?.status !== 'ok' || typeof body.version !== 'string') return { kind: 'stranger' };
  const date = Date.parse(response.headers.get('date') ?? '');
  return { kind: 'gateway', version: body.version, dateMs: Number.isNaN(date) ? undefined : date };
}

/** A running gateway looks for new keys now and then. */
export const keyKnownMs = 5_000;
export const keyAgainMs = 250;

/** Whether a running gateway takes a key, which may be new. */
export async function isKnown(url: string, key: string): Promise<boolean> {
  const giveUpMs = performance.now() + keyKnownMs;
  for (;;) {
    const { status } = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${key}` },
      redirect: 'manual',
    });
    if (status !== 401) return true;
    if (performance.now() > giveUpMs) return false;
    await Bun.sleep(keyAgainMs);
  }
}

/** A gateway in this process on the same configuration and state, that nobody else can reach. */
export async function innerGateway(
  config: Config,
  state: State,
  host: Host,
  more: { fetch?: typeof fetch } = {},
): Promise<Gateway> {
  const { createGateway } = await host.gateway();
  const recorder = { record() {}, streamsOpen() {} };
  return createGateway({ config, version, recorder, metrics: () => '', state, ...more });
}

/** The models that clients may be told of, aliases first. */
export async function offeredBy(gateway: Gateway): Promise<OfferedModel[]> {
  const { models } = await gateway.models();
  return models
    .filter(({ embeds }) => !embeds)
    .map(({ id, provider, aliasOf, name, facts, inputTokensMax, outputTokensMax }) => ({
      id: aliasOf === undefined ? `${provider}/${id}` : id,
      name: name ?? facts?.name,
      contextTokensMax: inputTokensMax ?? facts?.contextTokensMax ?? facts?.inputTokensMax,
      outputTokensMax: outputTokensMax ?? facts?.outputTokensMax,
    }));
}

/** The same of a gateway elsewhere. */
export async function offeredAt(url: string, key: string): Promise<OfferedModel[]> {
  const response = await fetch(`${url}/v1/models`, {
    headers: { authorization: `Bearer ${key}`, 'anthropic-version': '2023-06-01' },
    signal: AbortSignal.timeout(lookMs * 5),
    redirect: 'manual',
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status} when asked for its models`);
  const { data } = (await response.json()) as { data: Record<string, unknown>[] };
  const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
  return data.map((entry) => ({
    id: String(entry.id),
    name: typeof entry.display_name === 'string' ? entry.display_name : undefined,
    contextTokensMax: number(entry.max_input_tokens),
    outputTokensMax: number(entry.max_tokens),
  }));
}

/** There is nothing that a client could ask for. */
export class NothingOffered extends Error {
  override readonly name = 'NothingOffered';
}

/** The model that a client is to ask for; `undefined` where one that it asks for by itself is on offer. */
export function chosenModel(client: Client, models: readonly OfferedModel[]): string | undefined {
  if (firstOwn(client, models) !== undefined) return undefined;
  const [first] = models;
  if (first === undefined)
    throw new NothingOffered('the gateway offers no models; `dragoman login` brings some');
  // Of the models that need no account, an agent has use for the one that calls tools.
  return models.every(({ id }) => id.startsWith('demo/')) ? 'demo/tools' : first.id;
}

/** The first model on offer that the client asks for by itself. */
export const firstOwn = ({ ownModels }: Client, models: readonly OfferedModel[]): string | undefined =>
  models.find(({ id }) => ownModels?.test(id.slice(id.lastIndexOf('/') + 1)))?.id;
