import { trimSlashes } from '../address.ts';
import type { DraftProvider } from './draft.ts';
import known from './vendors.json' with { type: 'json' };

const vendors: Readonly<Record<string, DraftProvider>> = known.vendors;
const transformers: readonly string[] = known.transformers;

/**
 * A vendor by the word that LiteLLM has for it: where it is and what it speaks there. `undefined` for those that speak
 * a protocol of their own.
 */
export const vendorAt = (word: string): DraftProvider | undefined =>
  Object.hasOwn(vendors, word) ? vendors[word] : undefined;

/** Whether a transformer of claude-code-router only says what protocol its provider speaks. */
export const saysProtocol = (transformer: string): boolean =>
  transformers.includes(transformer.toLowerCase());

/**
 * A base URL of a chat-compatible server as the `openai` kind takes it: the root in which `/chat/completions` lies,
 * which is written with and without it.
 */
export function chatRoot(url: string): string {
  const root = trimSlashes(url).replace(/\/chat\/completions$/, '');
  // A bare host is a local server as a rule, whose OpenAI routes are below /v1.
  return new URL(root).pathname === '/' ? `${root}/v1` : root;
}
