import type { Note } from '../../turn/note.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { EncodeTarget } from '../protocol.ts';

/** `max_tokens` when neither the client nor the catalogue says how much a reply may hold. */
export const outputTokensDefault = 8192;

/** The client's limit, cut to the model's own where that is known: no client repairs that refusal. */
export function maxTokens(request: TurnRequest, target: EncodeTarget, notes: Note[]): number | undefined {
  const asked = request.outputTokensMax;
  const most = target.abilities.outputTokensMax;
  if (asked === undefined || most === undefined || asked <= most) return asked;
  notes.push({
    path: 'max_tokens',
    action: 'clamped',
    why: `the model puts out ${most} tokens at most`,
    weight: 'note',
  });
  return most;
}
