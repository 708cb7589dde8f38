import { test as single } from 'bun:test';
import type { Secret } from '../../../src/accounts/account.ts';
import { createVault, keyFromSecret } from '../../../src/accounts/vault.ts';
import { configSchema, type Config } from '../../../src/config/schema.ts';
import { createGateway, providerSchemas, type Gateway } from '../../../src/gateway.ts';
import { openState, type State } from '../../../src/server/state.ts';
import { openStore } from '../../../src/store/open.ts';
import type { TurnRecord } from '../../../src/telemetry/record.ts';
import { startBackend, type Backend } from './backend/backend.ts';
import { accessToken, accountId } from './backend/tokens.ts';

/** A gateway with logins at a simulated backend. */
export interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly gateway: Gateway;
  readonly config: Config;
  readonly backend: Backend;
  readonly records: TurnRecord[];
  readonly state: State;
}

export interface BenchOptions {
  readonly provider?: Record<string, unknown>;
  readonly top?: Record<string, unknown>;
  /** Further providers. */
  readonly others?: readonly Record<string, unknown>[];
  /** Ids of the accounts that are logged in, the best first. */
  readonly accounts?: readonly string[];
  /** Their plans, where they are not all of the same. */
  readonly plans?: readonly string[];
  readonly secret?: Partial<Secret>;
  /** The environment, for files of other programs. */
  readonly env?: Record<string, string>;
}

/** The installation that the first account of a bench has. */
export const installation = '0a0a0a0a-1b1b-4c2c-8d3d-4e4e4e4e4e4e';

export type Transport = 'http' | 'websocket';

/** How the benches of the test that runs reach the backend, unless they say otherwise. */
let transport: Transport = 'http';

type Body = () => unknown;

/** Runs a test once over each transport to the backend. */
export function test(name: string, body: Body, ms?: number): void {
  for (const each of ['http', 'websocket'] as const) single(`${name} (${each})`, over(each, body), ms);
}

/** The same for each row of a table. */
test.each =
  <const Row>(rows: readonly Row[]) =>
  (
    name: string,
    body: (
      ...row: Row extends readonly unknown[] ? { -readonly [I in keyof Row]: Row[I] } : [Row]
    ) => unknown,
    ms?: number,
  ): void => {
    for (const each of ['http', 'websocket'] as const)
      single.each(rows as readonly unknown[][])(
        `${name} (${each})`,
        (...row: unknown[]) => over(each, () => body(...(row as Parameters<typeof body>)))(),
        ms,
      );
  };

const over = (each: Transport, body: Body) => async (): Promise<void> => {
  transport = each;
  try {
    await body();
  } finally {
    transport = 'http';
  }
};

export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const backend = startBackend();
  const records: TurnRecord[] = [];
  const store = await openStore('sqlite::memory:');
  const vault = createVault(keyFromSecret('several words of which the vault is made'));
  const state = await openState({ stored: { store, vault } });
  const accounts = options.accounts ?? [accountId];
  for (const [priority, account] of accounts.entries()) {
    const token = accessToken({ account, serial: 1000 + priority, plan: options.plans?.[priority] });
    const refreshToken = `rt-first-${priority}`;
    backend.tokens.set(token, account);
    backend.refreshTokens.set(refreshToken, account);
    await state.accounts.put({
      provider: 'codex',
      name: `account-${priority}`,
      kind: 'oauth',
      priority,
      secret: {
        token,
        refreshToken,
        more: { accountId: account, installationId: priority === 0 ? installation : crypto.randomUUID() },
        ...options.secret,
      },
      expiresMs: Date.now() + 3_600_000,
    });
  }
  const config = configSchema(providerSchemas).parse({
    ...options.top,
    providers: [
      {
        name: 'codex',
        type: 'codex',
        base_url: `${backend.url}/backend-api/codex`,
        auth_url: backend.url,
        transport,
        ...options.provider,
      },
      ...(options.others ?? []),
    ],
  });
  const gateway = createGateway({
    config,
    version: 'test',
    env: options.env,
    state,
    metrics: () => '',
    recorder: { record: (record) => records.push(record), streamsOpen: () => undefined },
  });
  const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    gateway,
    config,
    backend,
    records,
    state,
    async [Symbol.asyncDispose]() {
      await gateway.stop({ drainMs: 0 });
      await state.close();
      await backend.stop();
    },
  };
}

/** Sends a request; the model is the backend's classic one unless said otherwise. */
export function post(
  { url }: { url: string },
  path: string,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'codex/gpt-5.5', ...body }),
  });
}

/** The data of a stream's events. */
export async function events(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
}

/** What a client of this protocol says first. */
export const says = (text: string) => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
});

/** The turn metadata of a request that reached the backend. */
export const blobOf = ({ headers }: { headers: Headers }): Record<string, unknown> =>
  JSON.parse(headers.get('x-codex-turn-metadata') ?? 'null') as Record<string, unknown>;
