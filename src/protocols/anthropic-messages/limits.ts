import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { EncodeTarget } from '../protocol.ts';

/** `max_tokens` when neither the client nor the catalogue says how much a reply may hold. */
export const outputTokensDefault = 8192;

/** The client's limit, cut to the model's own where that is known: no client repairs that refusal. */
export function maxTokens(request: TurnRequest, target: EncodeTarget, ledger: Ledger): number | undefined {
  const asked = request.outputTokensMax;
  const most = target.abilities.outputTokensMax;
  if (asked === undefined || most === undefined || asked <= most) return asked;
  ledger.loseWhen('outputTokensMax', 'model', undefined, String(most));
  return most;
}
