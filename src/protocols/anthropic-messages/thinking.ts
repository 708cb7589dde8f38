import type { JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { EncodeTarget, ReasoningAbilities } from '../protocol.ts';
import { askedBy, wantedReasoning, type ReasoningControl } from '../reasoning.ts';
import { outputTokensDefault } from './limits.ts';

/** The least budget the API takes, and the room that is left for the answer beside it. */
const budgetTokensMin = 1024;

/**
 * Sets `thinking` and `output_config.effort` from what the client wants, in the way that the model takes: its own
 * choice guided by an effort, or a budget. It is left out where the API refuses it: with a forced tool, and, for
 * a budget, in a turn that goes on but does not begin with a thinking block (its thinking stayed with
 * another upstream or client).
 */
export function chooseThinking(
  body: JsonObject,
  request: TurnRequest,
  target: EncodeTarget,
  limited: boolean,
  ledger: Ledger,
): void {
  const { reasoning } = request;
  const { reasoning: abilities, outputTokensMax } = target.abilities;
  const { wish, changes } = wantedReasoning(reasoning, waysOf(abilities), abilities);
  const asked = askedBy(reasoning) ?? 'reasoning.mode';
  const show = reasoning?.show;
  if (wish.as === 'adaptive' && show !== undefined) {
    body.thinking = { type: 'adaptive', display: show === 'omitted' ? 'omitted' : 'summarized' };
  } else if (show !== undefined) ledger.lose('reasoning.show');

  switch (wish.as) {
    case 'nothing':
      break;
    case 'off':
      if (abilities?.off === true) body.thinking = { type: 'disabled' };
      break;
    case 'effort':
      body.output_config = { effort: wish.effort };
      break;
    case 'adaptive':
      if (isForced(body)) {
        delete body.thinking;
        ledger.loseWhen(asked, 'forced');
        return;
      }
      body.thinking ??= { type: 'adaptive' };
      if (wish.effort !== undefined) body.output_config = { effort: wish.effort };
      break;
    case 'budget': {
      if (wish.budgetTokens <= 0) break;
      const problem = isForced(body)
        ? 'forced'
        : loopLacksThinking(body.messages as JsonObject[])
          ? 'begun'
          : undefined;
      if (problem !== undefined) {
        ledger.loseWhen(asked, problem);
        return;
      }
      const wanted = Math.max(wish.budgetTokens, budgetTokensMin);
      const budget = fit(body, wanted, limited, outputTokensMax);
      if (budget === undefined) {
        ledger.loseWhen(asked, 'room', undefined, String(body.max_tokens));
        return;
      }
      if (budget < wanted) ledger.loseWhen(asked, 'fit', undefined, `${budget} of ${wanted} tokens`);
      body.thinking = { type: 'enabled', budget_tokens: budget };
    }
  }
  ledger.reasoning(changes);
}

/** The ways in which this wire steers a model; where nobody knows the model, a budget is what most take. */
function waysOf(abilities: ReasoningAbilities | undefined): readonly ReasoningControl[] {
  if (abilities === undefined) return ['budget'];
  const { by } = abilities;
  return by.length === 1 && by[0] === 'effort' ? ['effort'] : ['adaptive', 'budget'];
}

function isForced(body: JsonObject): boolean {
  const choice = (body.tool_choice as JsonObject | undefined)?.type;
  return choice === 'any' || choice === 'tool';
}

/**
 * The budget that fits into `max_tokens`, within which thinking counts; the limit is raised where the client
 * named none. Nothing where there is no room.
 */
function fit(
  body: JsonObject,
  budget: number,
  limited: boolean,
  outputTokensMax: number | undefined,
): number | undefined {
  let max = body.max_tokens as number;
  if (!limited && max <= budget + budgetTokensMin) {
    max = Math.min(budget + outputTokensDefault, outputTokensMax ?? Infinity);
    body.max_tokens = max;
  }
  const fitting = Math.min(budget, max - budgetTokensMin);
  return fitting < budgetTokensMin ? undefined : fitting;
}

/**
 * Whether the turn that the model is in the middle of, by tool results or by a reply that the client began, did
 * not begin with thinking. Neighbouring messages of one role count as one, as the API joins them.
 */
export function loopLacksThinking(messages: readonly JsonObject[]): boolean {
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
