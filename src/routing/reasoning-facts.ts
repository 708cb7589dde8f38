import type { ReasoningAbilities } from '../protocols/protocol.ts';
import families from './model-families.json' with { type: 'json' };
import type { CatalogModel } from './models-dev.ts';

interface Family {
  readonly ids: RegExp;
  readonly reasoning?: Partial<ReasoningAbilities>;
  readonly temperature?: boolean;
}

const read = (entries: readonly { ids: string; [member: string]: unknown }[]): Family[] =>
  entries.map((entry) => ({ ...entry, ids: new RegExp(entry.ids) }) as Family);

/** Hold whatever the catalog says: it has no word for thinking that the model guides itself. */
const corrections = read(families.corrections);
/** Stand in for what it does not say. The first that fits is taken. */
const substitutes = read(families.families);

const find = (list: readonly Family[], id: string): Family | undefined =>
  list.find(({ ids }) => ids.test(id));

/** How a model's reasoning is steered: as its catalog entry says, where it has one, else as its family's is. */
export function reasoningOf(
  id: string,
  model: Pick<CatalogModel, 'reasoning' | 'reasoning_options'> | undefined,
): ReasoningAbilities | undefined {
  if (model?.reasoning === false) return { by: [] };
  const stated = optionsOf(model?.reasoning_options ?? []);
  const known = stated ?? find(substitutes, id)?.reasoning;
  const merged = { ...known, ...find(corrections, id)?.reasoning };
  return merged.by === undefined ? undefined : { ...merged, by: merged.by };
}

/** Whether a model takes `temperature`; its family's word where its own entry has none. */
export const temperatureOf = (id: string, model: CatalogModel | undefined): boolean | undefined =>
  model?.temperature ?? find(substitutes, id)?.temperature;

function optionsOf(options: NonNullable<CatalogModel['reasoning_options']>): ReasoningAbilities | undefined {
  const by: ('effort' | 'budget')[] = [];
  const found: { efforts?: string[]; budgetTokensMin?: number; budgetTokensMax?: number } = {};
  let off = false;
  for (const option of options) {
    switch (option.type) {
      case 'effort':
        by.push('effort');
        found.efforts = option.values.filter((value) => value !== null && value !== 'none') as string[];
        if (found.efforts.length < option.values.length) off = true;
        break;
      case 'budget_tokens':
        by.push('budget');
        if (option.min !== undefined) found.budgetTokensMin = option.min;
        if (option.max !== undefined) found.budgetTokensMax = option.max;
        if (option.min === 0) off = true;
        break;
      case 'toggle':
        off = true;
    }
  }
  return by.length === 0 ? undefined : { by, ...found, off };
}
