import type { ProtocolId } from '../../src/turn/part.ts';
import type { Canonical } from './canonical.ts';

/** The client protocols that are asked; the upstreams speak the same four. */
export type Surface = ProtocolId;

export const surfaces: readonly Surface[] = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'google-gemini',
];

/** Why a reply ended, in no protocol's words. */
export type Meaning =
  | 'natural end'
  | 'stop sequence'
  | 'token limit'
  | 'client tool wanted'
  | 'refused'
  | 'filtered'
  | 'paused server tools'
  | 'context full'
  | 'compaction'
  | 'unknown';

/**
 * The words that each surface may use for a meaning. `refused` as `stop` or `completed` needs the refusal text
 * beside it.
 */
export const finishTable: Readonly<Record<Meaning, Readonly<Record<Surface, readonly string[]>>>> = {
  'natural end': {
    'openai-chat': ['stop'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['end_turn'],
    'google-gemini': ['STOP'],
  },
  'stop sequence': {
    'openai-chat': ['stop'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['stop_sequence'],
    'google-gemini': ['STOP'],
  },
  'token limit': {
    'openai-chat': ['length'],
    'openai-responses': ['incomplete:max_output_tokens'],
    'anthropic-messages': ['max_tokens'],
    'google-gemini': ['MAX_TOKENS'],
  },
  'client tool wanted': {
    'openai-chat': ['tool_calls'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['tool_use'],
    'google-gemini': ['STOP'],
  },
  refused: {
    'openai-chat': ['stop', 'content_filter'],
    'openai-responses': ['completed', 'incomplete:content_filter'],
    'anthropic-messages': ['refusal'],
    'google-gemini': ['SAFETY', 'PROHIBITED_CONTENT'],
  },
  filtered: {
    'openai-chat': ['content_filter'],
    'openai-responses': ['incomplete:content_filter'],
    'anthropic-messages': ['refusal'],
    'google-gemini': ['SAFETY', 'PROHIBITED_CONTENT'],
  },
  'paused server tools': {
    'openai-chat': ['stop'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['pause_turn'],
    'google-gemini': ['STOP', 'OTHER'],
  },
  'context full': {
    'openai-chat': ['length'],
    'openai-responses': ['incomplete:max_output_tokens'],
    'anthropic-messages': ['model_context_window_exceeded', 'max_tokens'],
    'google-gemini': ['MAX_TOKENS'],
  },
  compaction: {
    'openai-chat': ['stop'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['compaction', 'end_turn'],
    'google-gemini': ['STOP', 'OTHER'],
  },
  unknown: {
    'openai-chat': ['stop', 'content_filter'],
    'openai-responses': ['completed'],
    'anthropic-messages': ['end_turn'],
    'google-gemini': ['OTHER'],
  },
};

const plain: Readonly<Record<string, Meaning>> = {
  stop: 'natural end',
  completed: 'natural end',
  end_turn: 'natural end',
  stop_sequence: 'stop sequence',
  length: 'token limit',
  'incomplete:max_output_tokens': 'token limit',
  max_tokens: 'token limit',
  tool_calls: 'client tool wanted',
  function_call: 'client tool wanted',
  tool_use: 'client tool wanted',
  content_filter: 'filtered',
  'incomplete:content_filter': 'filtered',
  refusal: 'refused',
  pause_turn: 'paused server tools',
  model_context_window_exceeded: 'context full',
  compaction: 'compaction',
  STOP: 'natural end',
  MAX_TOKENS: 'token limit',
};

/** Gemini's words for an answer that was kept back, whole or in part. */
const withheld =
  /^(SAFETY|RECITATION|LANGUAGE|BLOCKLIST|PROHIBITED_CONTENT|SPII|NO_IMAGE|IMAGE_\w+|promptFeedback:\w+)$/;

/** What an upstream's finish means: the same word says different things beside a tool call or a refusal. */
export function meaningOf(upstream: Canonical): Meaning {
  const word = upstream.finish?.word ?? '';
  const meaning = plain[word] ?? (withheld.test(word) ? 'filtered' : 'unknown');
  if (meaning !== 'natural end') return meaning;
  if (upstream.tools.length > 0) return 'client tool wanted';
  return upstream.refusal === '' ? meaning : 'refused';
}
