import type { ProtocolId } from '../turn/part.ts';
import { entryOf } from '../turn/json.ts';

/** Service tiers of other protocols by the words of OpenAI's two. */
const openaiTiers: Readonly<Record<string, string>> = {
  auto: 'auto',
  standard: 'default',
  standard_only: 'default',
  flex: 'flex',
  priority: 'priority',
};

/** A tier as Chat and Responses name it; nothing where none of theirs means the same. */
export const openaiTier = (tier: string, from: ProtocolId): string | undefined =>
  from === 'openai-chat' || from === 'openai-responses' ? tier : entryOf(openaiTiers, tier);

/** Tiers of other protocols by the words of Messages, which has no cheaper or faster ones to choose. */
export const messagesTiers: Readonly<Record<string, string>> = {
  auto: 'auto',
  default: 'standard_only',
  standard: 'standard_only',
};
