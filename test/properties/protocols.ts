import type fc from 'fast-check';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { EncodeTarget, Protocol } from '../../src/protocols/protocol.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { chatRequest } from './arbitrary/chat.ts';
import { geminiRequest } from './arbitrary/gemini.ts';
import { messagesRequest } from './arbitrary/messages.ts';
import { responsesRequest } from './arbitrary/responses.ts';

/** A protocol and what its clients may ask in it. */
export interface Asked {
  readonly protocol: Protocol;
  readonly request: fc.Arbitrary<JsonObject>;
  /** The model stands in the path and not in the body. */
  readonly modelInPath?: true;
  /** Whether a conversation may stand as a request when it ends with this entry and goes on with that one. */
  readonly mayEnd: (entry: JsonObject, next: JsonObject) => boolean;
}

const isOutput = ({ type }: JsonObject): boolean => String(type).endsWith('_output');

export const asked: readonly Asked[] = [
  {
    protocol: openaiChat,
    request: chatRequest,
    mayEnd: ({ role }, next) => role === 'user' || (role === 'tool' && next.role !== 'tool'),
  },
  {
    protocol: openaiResponses,
    request: responsesRequest,
    mayEnd: (item, next) => item.role === 'user' || (isOutput(item) && !isOutput(next)),
  },
  { protocol: anthropicMessages, request: messagesRequest, mayEnd: ({ role }) => role === 'user' },
  {
    protocol: googleGemini,
    request: geminiRequest,
    modelInPath: true,
    mayEnd: ({ role }, next) => role === 'user' && next.role === 'model',
  },
];

/** An upstream that knows all that its protocol has. */
export const target: EncodeTarget = {
  model: 'm',
  issuer: 'up',
  abilities: { modernChat: true, reasoningContent: true },
};

/** A failure names it; the same seed gives the same run. */
export const seed = 20_261_121;
