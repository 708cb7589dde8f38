import { join } from 'node:path';
import type { ProtocolId } from '../../src/turn/part.ts';
import type { Client } from './client.ts';

/**
 * A program of `sdk/` that lets an SDK work through a tool loop. Those in `sdk/frameworks/` need what only
 * `npm ci --prefix test/clients` brings, so that types are not checked there.
 */
const program = (name: string, protocol: ProtocolId, file: string, ...more: string[]): Client => ({
  name,
  protocol,
  program: [process.execPath, join(import.meta.dir, 'sdk', file)],
  shellTool: 'shell',
  command: ({ gateway, provider, model, prompt = '' }) => ({
    args: [gateway, provider, model, prompt, ...more],
    env: {},
  }),
});

export const openAiChat = program('OpenAI SDK', 'openai-chat', 'openai-chat.ts');
export const openAiResponses = program('OpenAI SDK', 'openai-responses', 'openai-responses.ts');
export const openAiPrevious = program(
  'OpenAI SDK with previous_response_id',
  'openai-responses',
  'openai-previous-response.ts',
);
export const openAiOverSocket: Client = {
  ...program('OpenAI SDK over WebSocket', 'openai-responses', 'openai-socket.ts'),
  overSocket: true,
};
export const anthropicSdk = program('Anthropic SDK', 'anthropic-messages', 'anthropic.ts');
export const genAi = program('@google/genai', 'google-gemini', 'google-genai.ts');

const agents = 'frameworks/agents.ts';
export const agentsChat: Client = {
  ...program('Agents SDK', 'openai-chat', agents, 'chat'),
  forgets: 'thoughts',
};
export const agentsResponses = program('Agents SDK', 'openai-responses', agents, 'responses');

const aiSdk = 'frameworks/ai-sdk.ts';
export const aiSdkChat: Client = {
  ...program('AI SDK with @ai-sdk/openai', 'openai-chat', aiSdk, 'chat'),
  forgets: 'thoughts',
};
export const aiSdkResponses = program('AI SDK with @ai-sdk/openai', 'openai-responses', aiSdk, 'responses');
export const aiSdkMessages = program(
  'AI SDK with @ai-sdk/anthropic',
  'anthropic-messages',
  aiSdk,
  'messages',
);
export const aiSdkGemini = program('AI SDK with @ai-sdk/google', 'google-gemini', aiSdk, 'gemini');
