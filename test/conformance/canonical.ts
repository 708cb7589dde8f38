import type { ProtocolId } from '../../src/turn/part.ts';
import { chatOfEvents, chatOfResult } from './canonical/chat.ts';
import { geminiOfEvents, geminiOfResult } from './canonical/gemini.ts';
import { messagesOfEvents, messagesOfResult } from './canonical/messages.ts';
import { responsesOfEvents, responsesOfResult } from './canonical/responses.ts';

/**
 * What a reply means, whatever protocol it came in: two replies are the same answer when their canonical
 * forms are equal. Read by plain concatenation, without any code of the gateway.
 */
export interface Canonical {
  /** Text blocks in order; in Chat and Gemini, a run of text between other kinds is a block. */
  text: string[];
  /** Reasoning blocks in order, each as its sections (summary parts, then the text itself). */
  reasoning: string[][];
  /** Signatures, encrypted reasoning and other values that only their issuer reads, in order. */
  opaque: string[];
  tools: CanonicalTool[];
  refusal: string;
  citations: CanonicalCitation[];
  /** Kinds of items that belong to tools the provider runs, in order. */
  hosted: string[];
  /** Kinds of all blocks in the order in which they began. */
  order: BlockKind[];
  finish: CanonicalFinish | undefined;
  usage: CanonicalUsage | undefined;
  error: { type: string; message: string } | undefined;
  /** Concatenated deltas alone, without what `done` events and final objects say. Equal to `text` in a result. */
  deltas: { text: string; reasoning: string; refusal: string };
  /** Chat and Gemini: the choices after the first. */
  others: Canonical[];
}

/** `seal` is reasoning of which only the opaque value is there; Gemini writes it on another part and not apart. */
export type BlockKind = 'text' | 'reasoning' | 'seal' | 'tool' | 'refusal' | 'hosted';

export interface CanonicalTool {
  id: string;
  name: string;
  args: string;
  kind: 'function' | 'custom';
  /** `args` is the upstream's own string and not one that was made from an object. */
  verbatim: boolean;
  /** Gemini: the opaque value that stands on this call. */
  signature?: string;
}

/** `source` is a URL, file id or document title: what the citation points at. */
export interface CanonicalCitation {
  kind: 'url' | 'file' | 'document';
  source: string;
  quote?: string;
}

/** The wire's own word, `incomplete:<reason>` for incomplete Responses. */
export interface CanonicalFinish {
  word: string;
  sequence?: string;
}

/** Input includes cached tokens, output includes reasoning, in every protocol. */
export interface CanonicalUsage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  /** The total as the wire states it. */
  total?: number;
}

export type Payload = Record<string, unknown>;

export function emptyCanonical(): Canonical {
  return {
    text: [],
    reasoning: [],
    opaque: [],
    tools: [],
    refusal: '',
    citations: [],
    hosted: [],
    order: [],
    finish: undefined,
    usage: undefined,
    error: undefined,
    deltas: { text: '', reasoning: '', refusal: '' },
    others: [],
  };
}

/** Canonical form of a stream from its payloads, in order. */
export function canonicalOfEvents(protocol: ProtocolId, payloads: readonly Payload[]): Canonical {
  switch (protocol) {
    case 'openai-chat':
      return chatOfEvents(payloads);
    case 'openai-responses':
      return responsesOfEvents(payloads);
    case 'anthropic-messages':
      return messagesOfEvents(payloads);
    case 'google-gemini':
      return geminiOfEvents(payloads);
  }
}

/** Canonical form of a one-shot body, or of the object that an SDK accumulated from a stream. */
export function canonicalOfResult(protocol: ProtocolId, body: Payload): Canonical {
  switch (protocol) {
    case 'openai-chat':
      return chatOfResult(body);
    case 'openai-responses':
      return responsesOfResult(body);
    case 'anthropic-messages':
      return messagesOfResult(body);
    case 'google-gemini':
      return geminiOfResult(body);
  }
}
