import type { Payload } from '../canonical.ts';
import type { Surface } from '../finish.ts';
import { ofGemini } from './gemini.ts';
import { ofMessages } from './messages.ts';
import { ofChat, ofResponses } from './openai.ts';

/**
 * What a request asks for, whatever protocol it came in. Read without any code of the gateway; two requests ask
 * the same when their canonical forms are equal.
 */
export interface CanonicalRequest {
  /** System prompt, developer messages and instructions that stand before the conversation. */
  readonly system: string;
  /** The conversation; a call is named by its place among the calls, not by its id. Results come first. */
  readonly turns: { readonly role: 'user' | 'assistant'; readonly parts: string[] }[];
  readonly tools: { readonly name: string; readonly description: string; readonly schema: unknown }[];
  readonly hosted: string[];
  /** `auto`, `none`, `required`, or `one:` and the tool's name. */
  readonly toolChoice: string | undefined;
  readonly parallel: boolean | undefined;
  readonly limit: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly stop: string[];
  readonly format: unknown;
  /** The effort's word, or `budget:` and the tokens. */
  readonly effort: string | undefined;
}

export function canonicalRequest(surface: Surface, body: Payload): CanonicalRequest {
  switch (surface) {
    case 'openai-chat':
      return ofChat(body);
    case 'openai-responses':
      return ofResponses(body);
    case 'anthropic-messages':
      return ofMessages(body);
    case 'google-gemini':
      return ofGemini(body);
  }
}
