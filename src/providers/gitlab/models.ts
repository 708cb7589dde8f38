import type { Abilities } from '../../protocols/protocol.ts';
import type { ProtocolId } from '../../turn/part.ts';
import type { ModelInfo } from '../provider.ts';
import { clientNames } from './snapshot.ts';

/** Whose API a model is asked by at the gateway. */
export type Vendor = 'anthropic' | 'openai';

/** A model that the gateway's proxy takes. */
export interface ListedModel {
  readonly vendor: Vendor;
  /** Its vendor's own name for it, which is what the proxy takes. */
  readonly id: string;
  readonly name?: string;
  /** What GitLab itself calls it, in its settings. */
  readonly gitlabId?: string;
  readonly contextTokensMax?: number;
  readonly outputTokensMax?: number;
  /** It takes no temperature but 1. */
  readonly fixedSampling?: boolean;
}

/** The name that stays the same whatever models come and go. */
export const stableName = 'gitlab-duo';

/** What the stable name stands for, unless the configuration says otherwise: the first of these that there is. */
export const usualPreference: readonly string[] = [
  'claude-sonnet-5',
  'claude-sonnet-4-6',
  'claude-opus-5',
  'claude-sonnet-4-5-20250929',
  'gpt-5.5-2026-04-23',
  'gpt-5.4-2026-03-05',
];

/** A model of which only the name is known, as one that the configuration states before the list has it. */
export const namedModel = (id: string): ListedModel => ({
  vendor: id.startsWith('claude') ? 'anthropic' : 'openai',
  id,
});

/** Newer GPT models refuse an effort together with tools on Chat Completions. */
const responsesOnly = /^gpt-5\.6|codex|^gpt-(?:[6-9]|\d\d)/;

/** What the gateway speaks for a model, best first. GitLab's own clients ask the older GPT models by chat. */
export function protocolsOf({ vendor, id }: ListedModel): readonly ProtocolId[] {
  if (vendor === 'anthropic') return ['anthropic-messages'];
  return responsesOnly.test(id) ? ['openai-responses'] : ['openai-chat', 'openai-responses'];
}

/** The vendors' own endpoints stand behind the gateway. */
export const abilitiesOf = ({ vendor, outputTokensMax, fixedSampling }: ListedModel): Abilities => ({
  ...(vendor === 'openai' && { modernChat: true }),
  ...(outputTokensMax !== undefined && { outputTokensMax }),
  ...(fixedSampling && { fixedSampling }),
});

/** The models as they are offered: the stable name first; `pinned` has GitLab's names of those that are pinned there. */
export function offered(
  models: readonly ListedModel[],
  preference: readonly string[],
  pinned: ReadonlySet<string> = new Set(),
): ModelInfo[] {
  const stable = preferred(models, preference);
  const infos = models.map((model) => {
    const info = infoOf(model);
    const isPinned = model.gitlabId !== undefined && pinned.has(model.gitlabId);
    return isPinned ? { ...info, name: `${info.name ?? info.id} (pinned by an administrator)` } : info;
  });
  if (stable === undefined) return infos;
  return [{ ...infoOf(stable), id: stableName, name: `GitLab Duo (${stable.name ?? stable.id})` }, ...infos];
}

/**
 * The model that a name of GitLab's own clients, or the stable name, stands for; `undefined` for any other name, and
 * when the gateway does not have the model. It never leads to another vendor.
 */
export function resolveName(
  models: readonly ListedModel[],
  preference: readonly string[],
  name: string,
): string | undefined {
  if (name === stableName) return preferred(models, preference)?.id;
  const id = clientNames.get(name);
  return id !== undefined && models.some((model) => model.id === id) ? id : undefined;
}

function preferred(models: readonly ListedModel[], preference: readonly string[]): ListedModel | undefined {
  for (const id of preference) {
    const model = models.find((each) => each.id === (clientNames.get(id) ?? id));
    if (model) return model;
  }
  return undefined;
}

const infoOf = ({ id, name, vendor, contextTokensMax, outputTokensMax }: ListedModel): ModelInfo => ({
  id,
  name,
  ownedBy: vendor,
  inputTokensMax: contextTokensMax,
  outputTokensMax,
});
