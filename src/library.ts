/**
 * What a program imports that has the gateway within itself; `docs/embedding.md` tells how. The command line is
 * another such program.
 */
export { createGateway, KeyNeeded, providerSchemas, schemasWith } from './gateway.ts';
export type { Gateway, GatewayOptions } from './gateway.ts';
export { createVault, keyFromFile, keyFromSecret } from './accounts/vault.ts';
export type { Vault } from './accounts/vault.ts';
export { checkConfig, loadConfig } from './config/load.ts';
export type { Loaded, LoadOptions } from './config/load.ts';
export { formatProblem } from './config/problem.ts';
export type { Problem } from './config/problem.ts';
export { secretsOf } from './config/secrets.ts';
export type { Config, ProviderSchemas } from './config/schema.ts';
export type { AnyProviderKind, Provider, ProviderDeps, ProviderKind } from './providers/provider.ts';
export { memoryState, openState } from './server/state.ts';
export type { State, StateOptions } from './server/state.ts';
export { openStore } from './store/open.ts';
export type { Store } from './store/store.ts';
export { accessLog } from './telemetry/access-log.ts';
export type { AccessLog, AccessLogOptions } from './telemetry/access-log.ts';
export { turnMetrics } from './telemetry/metrics.ts';
export { recordTo } from './telemetry/record.ts';
export type { Recorder, TurnRecord } from './telemetry/record.ts';
export { redactor } from './telemetry/redact.ts';
