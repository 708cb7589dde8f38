/** What the vendors refuse of a conversation that a client brings back: calls without results, seals that are not theirs. */

type Body = Record<string, unknown>;
type Entry = Record<string, unknown> & { type?: string; role?: string };

/** The one signature that this vendor of Claude has ever made. */
export const signature = 'c2lnbmF0dXJl';
/** The one reasoning that this vendor of GPT has ever sealed. */
export const sealed = 'c2VhbGVkLXJlYXNvbmluZw==';

export interface Refused {
  readonly status: number;
  readonly body: unknown;
}

const list = (value: unknown): Entry[] => (Array.isArray(value) ? (value as Entry[]) : []);
const texts = (value: unknown): string[] => (typeof value === 'string' ? [value] : []);

/** What is wrong with the history in a request, in the words of its vendor; `undefined` when nothing is. */
export function refusedHistory(surface: 'messages' | 'chat' | 'responses', body: Body): Refused | undefined {
  if (surface === 'messages') return anthropic(messagesFault(list(body.messages)));
  if (surface === 'chat') return openai(chatFault(list(body.messages)));
  if (body.previous_response_id !== undefined && body.previous_response_id !== null)
    return openai(`Previous response with id '${String(body.previous_response_id)}' not found.`);
  return openai(responsesFault(body));
}

function messagesFault(messages: Entry[]): string | undefined {
  let open: string[] = [];
  for (const [i, message] of messages.entries()) {
    const blocks = list(message.content);
    const results = blocks
      .filter(({ type }) => type === 'tool_result')
      .map((block) => String(block.tool_use_id));
    if (open.some((id) => !results.includes(id)))
      return `messages.${i}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after`;
    const stray = results.find((id) => !open.includes(id));
    if (stray !== undefined)
      return `messages.${i}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}`;
    const forged = blocks.findIndex((block) => block.type === 'thinking' && block.signature !== signature);
    if (forged >= 0) return `messages.${i}.content.${forged}: Invalid \`signature\` in \`thinking\` block`;
    open = blocks.filter(({ type }) => type === 'tool_use').flatMap(({ id }) => texts(id));
  }
  return open.length > 0 ? '`tool_use` ids were found without `tool_result` blocks' : undefined;
}

function chatFault(messages: Entry[]): string | undefined {
  let open: string[] = [];
  for (const message of messages) {
    if (message.role === 'tool') {
      const id = String(message.tool_call_id);
      if (!open.includes(id))
        return `Invalid parameter: messages with role 'tool' must follow 'tool_calls': ${id}`;
      open = open.filter((each) => each !== id);
      continue;
    }
    if (open.length > 0) return `tool_call_ids did not have response messages: ${open.join(', ')}`;
    open = list(message.tool_calls).flatMap(({ id }) => texts(id));
  }
  return open.length > 0 ? `tool_call_ids did not have response messages: ${open.join(', ')}` : undefined;
}

/** Nothing is kept, so that reasoning which comes back without its seal is not known. */
function responsesFault(body: Body): string | undefined {
  const items = list(body.input);
  const calls = items.filter(({ type }) => type === 'function_call').map(({ call_id }) => String(call_id));
  const outputs = items
    .filter(({ type }) => type === 'function_call_output')
    .map(({ call_id }) => String(call_id));
  const stray = outputs.find((id) => !calls.includes(id));
  if (stray !== undefined) return `No tool call found for function call output with call_id ${stray}.`;
  const open = calls.find((id) => !outputs.includes(id));
  if (open !== undefined) return `No tool output found for function call ${open}.`;
  for (const { type, id, encrypted_content: seal } of items) {
    if (type !== 'reasoning') continue;
    if (seal === undefined || seal === null)
      return `Item with id '${String(id)}' not found. Items are not persisted when \`store\` is set to false.`;
    if (seal !== sealed) return 'The encrypted content could not be verified.';
  }
  return undefined;
}

const anthropic = (message: string | undefined): Refused | undefined =>
  message === undefined
    ? undefined
    : { status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message } } };

const openai = (message: string | undefined): Refused | undefined =>
  message === undefined
    ? undefined
    : { status: 400, body: { error: { message, type: 'invalid_request_error', param: null, code: null } } };
