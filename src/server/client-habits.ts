import { asString, type JsonObject } from '../turn/json.ts';
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

/**
 * Whether a list of models is read by the Codex CLI: it says its version in the query, and its name at the front of its
 * user agent (`codex_exec/0.169.0 (…`, `codex-tui/…`, `codex_cli_rs/…`).
 */
export const readsClientCatalog = (headers: Headers, clientVersion: string | undefined): boolean =>
  clientVersion !== undefined || /^codex[-_]\w+\/\d/.test(headers.get('user-agent') ?? '');

/** Headers in which clients tell their conversation: Claude Code, Codex CLI (two spellings), opencode. */
const sessionHeaders = ['x-claude-code-session-id', 'session-id', 'session_id', 'x-session-id'] as const;

/** The id of the conversation that a client says it is in. */
export function sessionIdOf(headers: Headers): string | undefined {
  for (const name of sessionHeaders) {
    const id = headers.get(name);
    if (id !== null && id !== '' && id.length <= 256) return id;
  }
  return undefined;
}

/**
 * The same from a body's `metadata`: Claude Code, and those that do as it does, write `user_…_session_…` or JSON with
 * a `session_id` into `user_id`. Without a session in it, it names a person, who has many conversations.
 */
export function sessionInMetadata(metadata: JsonObject): string | undefined {
  const id = asString(metadata.user_id);
  return id?.includes('session') === true ? id : undefined;
}
