import type { JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { EncodeTarget } from '../protocol.ts';
import { outputTokensDefault } from './limits.ts';

/** The least budget the API takes, and the room that is left for the answer beside it. */
const budgetTokensMin = 1024;

const budgets: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 0,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 32_000,
  max: 32_000,
};

/**
 * Sets `thinking` from an effort or a budget. It counts within `max_tokens`, which is raised where the client
 * named no limit; it is left out where the API refuses it: with a forced tool, and in a turn that goes
 * on but does not begin with a thinking block (its thinking stayed with another upstream or client).
 */
export function chooseThinking(
  body: JsonObject,
  request: TurnRequest,
  target: EncodeTarget,
  limited: boolean,
  notes: Note[],
): void {
  const { reasoning } = request;
  if (reasoning === undefined || reasoning.mode === 'off') return;
  const note = (action: Note['action'], why: string, weight: Note['weight'] = 'degrade') =>
    notes.push({ path: 'reasoning', action, why, weight });
  const { effort } = reasoning;
  let budget = reasoning.budgetTokens ?? (effort === undefined ? undefined : budgets[effort]);
  if (budget === undefined && effort !== undefined) {
    note('repaired', `the effort ${effort} is taken as medium`);
    budget = budgets.medium;
  }
  if (budget === undefined && (reasoning.mode === 'on' || reasoning.mode === 'adaptive'))
    budget = budgets.medium;
  if (budget === undefined || budget <= 0) return;

  const choice = (body.tool_choice as JsonObject | undefined)?.type;
  if (choice === 'any' || choice === 'tool') {
    note('dropped', 'the model cannot think when it is made to call a tool');
    return;
  }
  if (loopLacksThinking(body.messages as JsonObject[])) {
    note('dropped', 'the turn was begun without thinking that this upstream could take up');
    return;
  }
  budget = Math.max(budget, budgetTokensMin);
  let max = body.max_tokens as number;
  if (!limited && max <= budget + budgetTokensMin) {
    max = Math.min(budget + outputTokensDefault, target.abilities.outputTokensMax ?? Infinity);
    body.max_tokens = max;
  }
  if (budget > max - budgetTokensMin) {
    budget = max - budgetTokensMin;
    if (budget < budgetTokensMin) {
      note('dropped', `${max} output tokens leave no room for thinking`);
      return;
    }
    note('clamped', `${budget} tokens of thinking fit into ${max} output tokens`, 'note');
  }
  body.thinking = { type: 'enabled', budget_tokens: budget };
}

/**
 * Whether the turn that the model is in the middle of, by tool results or by a reply that the client began, did
 * not begin with thinking. Neighbouring messages of one role count as one, as the API joins them.
 */
function loopLacksThinking(messages: readonly JsonObject[]): boolean {
  let first: JsonObject | undefined;
  let isAnswered = messages.at(-1)?.role === 'assistant';
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i]!;
    if (message.role === 'assistant') {
      if (!isAnswered) break;
      first = message;
      isAnswered = messages[i - 1]?.role === 'assistant';
    } else {
      isAnswered ||= holdsResults(message);
    }
  }
  if (first === undefined) return false;
  const type = Array.isArray(first.content) ? (first.content[0] as JsonObject | undefined)?.type : undefined;
  return type !== 'thinking' && type !== 'redacted_thinking';
}

const holdsResults = (message: JsonObject): boolean =>
  Array.isArray(message.content) &&
  message.content.some((block) => (block as JsonObject).type === 'tool_result');
