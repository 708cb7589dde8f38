import type { Part } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { isPossible, type RestService } from './capabilities.ts';

/** Why a request cannot go there. */
export interface Unfit {
  readonly param: string;
  readonly message: string;
}

/** Characters of code suggestions that reach the model; all more is cut there. */
const conversationCharsMax = 50_000;
const instructionsCharsMax = 100_000;
const lastCharsMax = 10_000;
/** What the chat endpoint takes of a question. */
const questionCharsMax = 1_000;

/** The first field of a request that makes it more than text, as its protocol calls it. */
export function unfit(request: TurnRequest, service: RestService): Unfit | undefined {
  const no = (param: string, what: string): Unfit => ({
    param,
    message: `${what} cannot be carried by GitLab’s REST fallback, which is all that this account may use`,
  });
  const isResponses = request.protocol === 'openai-responses';
  const conversation = isResponses ? 'input' : 'messages';
  if (request.tools.length > 0 && !isPossible('tools', service)) return no('tools', 'tools');
  const format = request.output?.format?.type ?? 'text';
  if (format !== 'text' && !isPossible('structured output', service))
    return no(isResponses ? 'text.format' : 'response_format', 'structured output');
  if ((request.sampling.choices ?? 1) > 1) return no('n', 'several choices');
  const parts = [...request.instructions, ...request.turns.flatMap((turn) => turn.parts)];
  const foreign = parts.find(({ kind }) => !spoken.has(kind));
  if (foreign) return no(conversation, `${article(foreign.kind)} in the conversation`);
  if (request.turns.at(-1)?.role !== 'user')
    return no(conversation, 'a conversation that does not end with its user');
  if (request.delivery.stream && !isPossible('streaming', service)) return no('stream', 'a stream');
  const lastMax = service === 'chat' ? questionCharsMax : lastCharsMax;
  if (textOf(request.turns.at(-1)!.parts).length > lastMax)
    return no(conversation, `a last message of more than ${lastMax} characters`);
  if (systemOf(request).length > instructionsCharsMax)
    return no(conversation, `a system prompt of more than ${instructionsCharsMax} characters`);
  return undefined;
}

/** What stands in a text-only conversation. What a model has thought before is left out of what it is told again. */
const spoken: ReadonlySet<Part['kind']> = new Set<Part['kind']>(['text', 'refusal', 'reasoning']);
const article = (kind: string): string =>
  (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`).replaceAll('_', ' ');

/** The body for `/api/v4/code_suggestions/completions`: the system prompt is a snippet, the conversation a file. */
export const suggestionBody = (request: TurnRequest) => ({
  current_file: {
    file_name: 'conversation.md',
    content_above_cursor: fold(request).text,
    content_below_cursor: '',
  },
  intent: 'generation',
  generation_type: 'small_file',
  user_instruction: textOf(request.turns.at(-1)!.parts),
  ...(systemOf(request) !== '' && {
    context: [{ type: 'snippet', name: 'system', content: systemOf(request) }],
  }),
  stream: request.delivery.stream,
});

/**
 * The body for `/api/v4/chat/completions`. `with_clean_history` is never set: it would delete the user's own
 * conversation at GitLab.
 */
export const chatBody = (request: TurnRequest) => ({
  content: textOf(request.turns.at(-1)!.parts),
  additional_context: [
    ...(systemOf(request) === '' ? [] : [{ category: 'snippet', id: 'system', content: systemOf(request) }]),
    ...(request.turns.length < 2
      ? []
      : [{ category: 'snippet', id: 'conversation', content: fold(request).text }]),
  ],
});

/**
 * The conversation as text, oldest first, each turn under the name of who speaks. Where it is too long, whole turns are
 * left out from the oldest on, and counted; the last one always stays.
 */
export function fold({ turns }: TurnRequest): { readonly text: string; readonly left: number } {
  const texts = turns
    .filter(({ role }) => role === 'user' || role === 'assistant')
    .map(({ role, parts }) => `${role === 'user' ? 'User' : 'Assistant'}:\n${textOf(parts)}`);
  const kept: string[] = [];
  let size = 0;
  for (const text of texts.reverse()) {
    size += text.length + 2;
    if (size > conversationCharsMax && kept.length > 0) break;
    kept.unshift(text);
  }
  return { text: kept.join('\n\n'), left: texts.length - kept.length };
}

export function systemOf({ instructions, turns }: TurnRequest): string {
  const own = turns.filter(({ role }) => role === 'system' || role === 'developer');
  return [textOf(instructions), ...own.map(({ parts }) => textOf(parts))]
    .filter((text) => text !== '')
    .join('\n\n');
}

const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
