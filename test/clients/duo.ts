import type { UpstreamName } from './upstreams.ts';
import { startInstance, type Simulated } from '../providers/gitlab/instance/simulator.ts';
import { entryFor } from '../providers/gitlab/setup.ts';

/** A model of the simulated GitLab Duo, and the protocol that it is asked in there. */
export interface DuoModel {
  readonly model: string;
  readonly upstream: UpstreamName;
}

export const duoClaude: DuoModel = { model: 'claude-sonnet-5', upstream: 'messages' };
export const duoGpt: DuoModel = { model: 'gpt-5.6-sol', upstream: 'responses' };
/** Codex CLI offers it tools of the ordinary kind, beside the conversation. */
export const duoDatedGpt: DuoModel = { model: 'gpt-5.4-2026-03-05', upstream: 'responses' };

export interface Duo {
  /** As a provider of the gateway under test, with an account. */
  readonly entry: Record<string, unknown>;
  /** What its gateway has refused or should never have been sent since the last call. */
  faults(): string[];
  stop(): Promise<void>;
}

/** A simulated instance with its gateway, whose vendors are played by `vendor`, asked by path and body. */
export function startDuo(vendor: (path: string, body: string) => Promise<Response>): Duo {
  const simulated: Simulated = startInstance();
  const { proxy, office, mints } = simulated;
  proxy.vendor = (path, body) => vendor(path.split('?')[0]!, body);
  return {
    entry: entryFor(simulated, { api_key: office.pat() }),
    faults: () => [
      ...proxy.refused.splice(0).map((name) => `the gateway of GitLab Duo refused: ${name}`),
      ...proxy.strays.splice(0).map((name) => `the gateway of GitLab Duo was sent ${name}`),
      ...(mints.length > 1 ? [`${mints.length} grants were asked for`] : []),
    ],
    stop: () => simulated.stop(),
  };
}
