import type { ProtocolId } from '../turn/part.ts';
import type { Usage } from '../turn/usage.ts';
import { bufferOf } from './bytes.ts';

/** Where an answer with embeddings states its cost. */
const rules: { readonly [P in ProtocolId]?: { readonly member: string; readonly tokens: RegExp } } = {
  'openai-chat': { member: '"usage"', tokens: /"prompt_tokens"\s*:\s*(\d+)/ },
  'google-gemini': { member: '"usageMetadata"', tokens: /"promptTokenCount"\s*:\s*(\d+)/ },
};

const usageBytesMax = 2048;

/**
 * The usage that an answer with embeddings states. It is searched, not parsed: the rest is up to hundreds of
 * thousands of numbers, and no string in it can hold a quote.
 */
export function embeddingsUsage(protocol: ProtocolId, answer: Uint8Array): Usage | undefined {
  const rule = rules[protocol];
  if (rule === undefined) return undefined;
  const bytes = bufferOf(answer);
  const at = bytes.lastIndexOf(rule.member);
  if (at < 0) return undefined;
  const tokens = rule.tokens.exec(bytes.toString('latin1', at, at + usageBytesMax))?.[1];
  return tokens === undefined ? undefined : { fresh: Number(tokens) };
}
