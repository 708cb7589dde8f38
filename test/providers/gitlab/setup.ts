import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account } from '../../../src/accounts/account.ts';
import { configuredAccount } from '../../../src/accounts/account.ts';
import { createVault } from '../../../src/accounts/vault.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { createGateway, providerSchemas, type Gateway } from '../../../src/gateway.ts';
import { createGitlab, gitlab } from '../../../src/providers/gitlab/index.ts';
import type { Call, Provider } from '../../../src/providers/provider.ts';
import { openState, type State } from '../../../src/server/state.ts';
import { openStore } from '../../../src/store/open.ts';
import type { TurnRecord } from '../../../src/telemetry/record.ts';
import type { Simulated } from './instance/simulator.ts';

/** How a provider is configured to ask the simulator. */
export const entryFor = (simulated: Simulated, more: Record<string, unknown> = {}) => ({
  name: 'duo',
  type: 'gitlab',
  base_url: simulated.url,
  gateway_url: simulated.gatewayUrl,
  models_url: 'off',
  ...more,
});

/** A provider by itself, with a clock. */
export const providerFor = (
  simulated: Simulated,
  more: Record<string, unknown> = {},
  nowMs: () => number = Date.now,
): Provider =>
  createGitlab(
    gitlab.configSchema.parse(entryFor(simulated, more)),
    { fetch, userAgent: 'dragoman/test' },
    nowMs,
  );

export const patAccount = (token: string, name = 'me'): Account => configuredAccount('duo', { name, token });

const bodies = {
  'anthropic-messages': { messages: [{ role: 'user', content: 'hi' }], max_tokens: 16 },
  'openai-chat': { messages: [{ role: 'user', content: 'hi' }] },
  'openai-responses': { input: 'hi' },
} as const;

/** A turn as the pipeline hands it to a provider. */
export const turn = (
  protocol: keyof typeof bodies = 'anthropic-messages',
  model = 'claude-sonnet-5',
  more: Partial<Call> = {},
): Call => ({
  protocol,
  operation: 'turn',
  model,
  stream: false,
  body: JSON.stringify({ model, ...bodies[protocol] }),
  inbound: new Headers(),
  search: '',
  native: true,
  ...more,
});

/** Sends a turn through a provider. */
export const send = (provider: Provider, account: Account, call: Call = turn()): Promise<Response> =>
  provider.send(provider.prepare(call, account), new AbortController().signal);

export interface Running {
  readonly gateway: Gateway;
  readonly url: string;
  readonly state: State;
  readonly records: TurnRecord[];
  stop(): Promise<void>;
}

/** A gateway with a store in front of the simulator. */
export async function startGateway(
  simulated: Simulated,
  more: Record<string, unknown> = {},
  top: Record<string, unknown> = {},
): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), 'dragoman-gitlab-'));
  const store = await openStore(`sqlite:${join(dir, 'state.db')}`);
  const vault = createVault(new Uint8Array(32).fill(7));
  const state = await openState({ stored: { store, vault } });
  const config = configSchema(providerSchemas).parse({ providers: [entryFor(simulated, more)], ...top });
  const records: TurnRecord[] = [];
  const gateway = createGateway({
    config,
    version: 'test',
    state,
    metrics: () => '',
    recorder: { record: (record) => void records.push(record), streamsOpen() {} },
  });
  const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    gateway,
    url,
    state,
    records,
    async stop() {
      await gateway.stop({ drainMs: 0 });
      await state.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
