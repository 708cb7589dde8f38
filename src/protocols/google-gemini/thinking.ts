import type { JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { EncodeTarget } from '../protocol.ts';
import { wantedReasoning, type ReasoningWish } from '../reasoning.ts';

/** The levels that the API has. */
const levels: readonly string[] = ['minimal', 'low', 'medium', 'high'];

/** What every model takes that is told a number of tokens; some take less or more. */
const bounds = { by: ['budget'], budgetTokensMin: 512, budgetTokensMax: 24_576 } as const;

/**
 * `thinkingConfig` for what a client of another protocol wants. Some models are told a level and refuse a number of
 * tokens below theirs, older ones refuse a level: a model that nobody knows is told a number, which both take.
 */
export function thinkingConfig(
  { reasoning }: TurnRequest,
  { abilities }: EncodeTarget,
  ledger: Ledger,
): JsonObject | undefined {
  const known = abilities.reasoning;
  const isDynamic = reasoning?.mode === 'adaptive' && reasoning.effort === undefined;
  if (
    isDynamic &&
    reasoning.budgetTokens === undefined &&
    (known === undefined || known.by.includes('budget'))
  ) {
    return { thinkingBudget: -1, ...shown(reasoning.show) };
  }
  const { wish, changes } = wantedReasoning(
    reasoning,
    known ? ['budget', 'effort'] : ['budget'],
    known ? { ...known, efforts: known.efforts ?? levels } : bounds,
  );
  ledger.reasoning(changes);
  const config = written(wish, known?.by.includes('budget') ?? true);
  return config && { ...config, ...(wish.as !== 'off' && shown(reasoning?.show)) };
}

function written(wish: ReasoningWish, isBudget: boolean): JsonObject | undefined {
  switch (wish.as) {
    case 'nothing':
      return undefined;
    case 'off':
      return isBudget ? { thinkingBudget: 0 } : { thinkingLevel: 'MINIMAL' };
    case 'budget':
      return { thinkingBudget: wish.budgetTokens };
    case 'effort':
    case 'adaptive':
      return wish.effort === undefined ? {} : { thinkingLevel: wish.effort.toUpperCase() };
  }
}

/** Thoughts are shown to whoever asks for reasoning and does not want it hidden. */
const shown = (show: string | undefined): JsonObject => (show === 'omitted' ? {} : { includeThoughts: true });
