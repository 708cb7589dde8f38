import { asString, type JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId } from '../turn/part.ts';
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

/** What stands before a model whose own name its picker would pass over. */
const listedUnder = 'claude-dragoman/';

/**
 * The name under which a model is listed. Claude Code, when it asks for the gateway's models to fill its picker, keeps those only
 * that have `claude` or `anthropic` in their names; the others get a beginning that {@link modelMeant} takes off again.
 */
export function listedName(name: string, headers: Headers): string {
  const isPicker = headers.get('user-agent')?.startsWith('claude-code/') === true;
  return isPicker && !/claude|anthropic/i.test(name) ? listedUnder + name : name;
}

/** The model that a client means by a name under which it was listed. */
export const modelMeant = (name: string): string =>
  name.startsWith(listedUnder) ? name.slice(listedUnder.length) : name;

const encoder = new TextEncoder();
const remark = encoder.encode(': keep-alive\n\n');
const ping = encoder.encode('event: ping\ndata: {"type":"ping"}\n\n');
const dataEvent = encoder.encode('data: {"type":"keepalive"}\n\n');

/**
 * What keeps a client waiting that has got nothing for a while, in the form that it hears. Codex CLI gives a stream up
 * after 300 s in which there were no data, whatever remarks came; OpenAI's own SDKs take no event of an unknown type
 * before the first one. Gemini CLI breaks on remarks, and its protocol has no event that says nothing.
 */
export function keepAliveFor(surface: ProtocolId, headers: Headers): Uint8Array | undefined {
  switch (surface) {
    case 'anthropic-messages':
      return ping;
    case 'openai-responses':
      return /^codex/i.test(headers.get('originator') ?? headers.get('user-agent') ?? '')
        ? dataEvent
        : remark;
    case 'openai-chat':
      return remark;
    case 'google-gemini':
      return undefined;
  }
}
