import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import type { Surface } from './finish.ts';

/** The codecs, for the laws that are checked without a gateway around them. */
export const protocols: Readonly<Record<Surface, Protocol>> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  'anthropic-messages': anthropicMessages,
  'google-gemini': googleGemini,
};
