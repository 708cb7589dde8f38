import type { Reasoning } from '../turn/request.ts';
import type { Case, Member } from './contract.ts';
import type { ReasoningAbilities } from './protocol.ts';

/** A way in which an upstream is told how much to think. */
export type ReasoningControl = ReasoningAbilities['by'][number];

/** What an upstream is to be told of reasoning. */
export type ReasoningWish =
  | { readonly as: 'nothing' }
  | { readonly as: 'off' }
  | { readonly as: 'effort'; readonly effort: string }
  | { readonly as: 'budget'; readonly budgetTokens: number }
  | { readonly as: 'adaptive'; readonly effort?: string };

/** What was made of the client's wish on the way: a case of a member in the target's contract. */
export interface ReasoningChange {
  readonly member: Member & `reasoning.${string}`;
  readonly name: keyof typeof reasoningCases;
  readonly detail?: string;
}

/**
 * What can become of a wish for reasoning, whatever the target; each contract takes those in that can happen
 * with its members.
 */
export const reasoningCases = {
  unable: {
    fate: 'drop',
    when: 'the model does not reason',
    why: 'the model does not reason',
    weight: 'degrade',
  },
  always: {
    fate: 'clamp',
    when: 'the model cannot leave off reasoning',
    why: 'the model cannot leave off reasoning and is asked for the least',
    weight: 'degrade',
  },
  unsure: {
    fate: 'drop',
    when: 'nobody knows whether the model can leave off reasoning',
    why: 'not every model can leave off reasoning; its default holds',
    weight: 'degrade',
  },
  default: {
    fate: 'drop',
    when: 'no effort or budget stands beside it',
    why: 'how much the model reasons is left to it',
  },
  nearest: {
    fate: 'clamp',
    when: 'the model does not have the level',
    why: 'the model takes the nearest level that it has',
  },
  unknown: {
    fate: 'clamp',
    when: 'the level is a word that nobody knows',
    why: 'an unknown level is taken as medium',
    weight: 'degrade',
  },
  asBudget: {
    fate: 'emulate',
    when: 'the model is told in tokens how much to think',
    why: 'the level goes up as a number of tokens',
  },
  asEffort: {
    fate: 'emulate',
    when: 'the model is told by a level how much to think',
    why: 'the number of tokens goes up as a level',
  },
  bounds: {
    fate: 'clamp',
    when: 'the budget is out of the model’s bounds',
    why: 'the nearest budget that the model takes is sent',
  },
  beside: {
    fate: 'drop',
    when: 'an effort stands beside it',
    why: 'the effort beside it is sent',
  },
  covered: {
    fate: 'drop',
    when: 'a number of tokens stands beside it',
    why: 'the number of tokens beside it is sent',
  },
} as const satisfies Record<string, Case>;

/** Levels by how much they ask for, and the tokens that each stands for. */
const levels: readonly (readonly [effort: string, budgetTokens: number])[] = [
  ['none', 0],
  ['minimal', 0],
  ['low', 2048],
  ['medium', 8192],
  ['high', 16_384],
  ['xhigh', 32_000],
  ['max', 32_000],
];
const rankOf = (effort: string): number => levels.findIndex(([name]) => name === effort);

/** Budgets below these are a low and a medium effort; all others are high. */
const lowBelowTokens = 4096;
const mediumBelowTokens = 16_384;

/** The tokens that a level stands for; `undefined` for a word that nobody knows. */
const budgetOf = (effort: string): number | undefined => levels[rankOf(effort)]?.[1];

/** The level that a number of tokens stands for. */
export const effortOf = (budgetTokens: number): string =>
  budgetTokens <= 0
    ? 'none'
    : budgetTokens < lowBelowTokens
      ? 'low'
      : budgetTokens < mediumBelowTokens
        ? 'medium'
        : 'high';

/**
 * What a target is to be told of the reasoning that a client wants.
 *
 * @param says the ways that the target's wire has words for, the usual one first
 * @param abilities the model's own, where they are known
 *
 * @example
 * wantedReasoning({ effort: 'high' }, ['budget'], { by: ['budget'], budgetTokensMax: 8192 }).wish
 * // { as: 'budget', budgetTokens: 8192 }
 */
export function wantedReasoning(
  reasoning: Reasoning | undefined,
  says: readonly ReasoningControl[],
  abilities?: ReasoningAbilities,
): { readonly wish: ReasoningWish; readonly changes: readonly ReasoningChange[] } {
  const changes: ReasoningChange[] = [];
  const change = (
    member: ReasoningChange['member'],
    name: ReasoningChange['name'],
    detail?: string,
  ): undefined => {
    changes.push(detail === undefined ? { member, name } : { member, name, detail });
  };
  const asked = askedBy(reasoning);
  if (reasoning === undefined || asked === undefined) return { wish: { as: 'nothing' }, changes };

  const known = abilities && says.filter((control) => abilities.by.includes(control));
  const ways = known && known.length > 0 ? known : says;
  if (isOff(reasoning)) return { wish: off(asked, ways, abilities, change), changes };
  if (abilities?.by.length === 0) {
    change(asked, 'unable');
    return { wish: { as: 'nothing' }, changes };
  }

  const { effort, budgetTokens } = reasoning;
  const way = wayFor(reasoning, ways);
  if (way === 'budget') {
    let tokens = budgetTokens;
    if (tokens !== undefined && effort !== undefined) change('reasoning.effort', 'covered');
    if (tokens === undefined) {
      tokens = effort === undefined ? budgetOf('medium')! : tokensFor(effort, change);
      if (effort !== undefined) change('reasoning.effort', 'asBudget', String(tokens));
    }
    const stated = budgetTokens === undefined ? asked : 'reasoning.budgetTokens';
    return { wish: { as: 'budget', budgetTokens: bounded(tokens, abilities, stated, change) }, changes };
  }

  // A number of tokens and a level are two words for one thing; where only one can be said, the level is exact.
  let level = effort;
  if (budgetTokens !== undefined) {
    if (effort !== undefined) change('reasoning.budgetTokens', 'beside');
    else change('reasoning.budgetTokens', 'asEffort', (level = effortOf(budgetTokens)));
  }
  if (level !== undefined) level = nearest(level, abilities?.efforts, asked, change);
  if (way === 'adaptive') return { wish: { as: 'adaptive', ...(level && { effort: level }) }, changes };
  if (level !== undefined) return { wish: { as: 'effort', effort: level }, changes };
  // A model that is left to itself chooses how much it reasons.
  if (reasoning.mode !== 'adaptive') change('reasoning.mode', 'default');
  return { wish: { as: 'nothing' }, changes };
}

type Change = (
  member: ReasoningChange['member'],
  name: ReasoningChange['name'],
  detail?: string,
) => undefined;

/** The member by which the client asks; none where it asks for nothing. */
export function askedBy(reasoning: Reasoning | undefined): ReasoningChange['member'] | undefined {
  if (reasoning?.effort !== undefined) return 'reasoning.effort';
  if (reasoning?.budgetTokens !== undefined) return 'reasoning.budgetTokens';
  return reasoning?.mode === undefined ? undefined : 'reasoning.mode';
}

const isOff = ({ mode, effort, budgetTokens }: Reasoning): boolean =>
  mode === 'off' || effort === 'none' || (budgetTokens === 0 && effort === undefined);

/** The client's own way where the target has it, else the one that says it best. */
function wayFor(reasoning: Reasoning, ways: readonly ReasoningControl[]): ReasoningControl {
  const { mode, effort, budgetTokens } = reasoning;
  const wanted: readonly ReasoningControl[] =
    mode === 'adaptive'
      ? ['adaptive', 'effort', 'budget']
      : budgetTokens !== undefined && effort === undefined
        ? ['budget', 'adaptive', 'effort']
        : effort !== undefined
          ? ['effort', 'adaptive', 'budget']
          : ways;
  return wanted.find((way) => ways.includes(way)) ?? ways[0]!;
}

function off(
  asked: ReasoningChange['member'],
  ways: readonly ReasoningControl[],
  abilities: ReasoningAbilities | undefined,
  change: Change,
): ReasoningWish {
  if (abilities?.by.length === 0) return { as: 'nothing' };
  if (abilities?.off !== false) return { as: 'off' };
  const least = abilities.efforts?.find((effort) => effort !== 'none');
  change(asked, 'always', ways[0] === 'budget' ? undefined : least);
  if (ways[0] !== 'budget' && least !== undefined) {
    return ways[0] === 'adaptive' ? { as: 'adaptive', effort: least } : { as: 'effort', effort: least };
  }
  const { budgetTokensMin } = abilities;
  return ways.includes('budget') && budgetTokensMin !== undefined
    ? { as: 'budget', budgetTokens: budgetTokensMin }
    : { as: 'nothing' };
}

function tokensFor(effort: string, change: Change): number {
  const tokens = budgetOf(effort);
  if (tokens === undefined) change('reasoning.effort', 'unknown', effort);
  return tokens ?? budgetOf('medium')!;
}

function bounded(
  tokens: number,
  abilities: ReasoningAbilities | undefined,
  asked: ReasoningChange['member'],
  change: Change,
): number {
  const { budgetTokensMin: least = 0, budgetTokensMax: most = Infinity } = abilities ?? {};
  const fit = Math.max(least, Math.min(most, tokens));
  // A level has no exact number that could be missed.
  if (fit !== tokens && asked === 'reasoning.budgetTokens') change(asked, 'bounds', `${fit} tokens`);
  return fit;
}

/** The level itself, or of those that the model has the one nearest to it; the lower of two. */
function nearest(
  effort: string,
  efforts: readonly string[] | undefined,
  asked: ReasoningChange['member'],
  change: Change,
): string {
  if (efforts === undefined || efforts.length === 0 || efforts.includes(effort)) return effort;
  const isKnown = rankOf(effort) >= 0;
  const rank = isKnown ? rankOf(effort) : rankOf('medium');
  const usable = efforts.filter((one) => one !== 'none' && rankOf(one) >= 0);
  if (usable.length === 0) return effort;
  const found = usable.reduce((best, one) =>
    Math.abs(rankOf(one) - rank) < Math.abs(rankOf(best) - rank) ? one : best,
  );
  change(asked, isKnown ? 'nearest' : 'unknown', `${effort} is sent as ${found}`);
  return found;
}
