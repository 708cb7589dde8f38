import type { Note } from '../turn/note.ts';
import type { TurnRequest } from '../turn/request.ts';

/**
 * Takes out of a request what a client means for its own vendor only. Claude Code begins its system prompt with
 * a block that bills the conversation (`x-anthropic-billing-header: …`); it differs from one conversation to the
 * next, and before another vendor's prompt cache it would keep every prefix from being found again.
 */
export function leaveOutClientMarks(request: TurnRequest): Note[] {
  const first = request.instructions[0];
  if (first?.kind !== 'text' || !first.text.startsWith('x-anthropic-billing-header:')) return [];
  request.instructions.shift();
  return [
    {
      path: 'system[0]',
      action: 'dropped',
      why: 'a billing mark for the client’s own vendor, which would split the prompt cache of another',
      weight: 'note',
    },
  ];
}
