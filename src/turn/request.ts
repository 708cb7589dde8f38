import type { Json, JsonObject } from './json.ts';
import type { CacheMark, Extras, Part, ProtocolId, Tool } from './part.ts';

export interface Turn {
  role: 'system' | 'developer' | 'user' | 'assistant';
  /** The participant's name, where a protocol has one. */
  name?: string;
  parts: Part[];
  extras?: Extras;
}

export interface ToolChoice {
  /** `one` means the tool in `name`. */
  mode: 'auto' | 'none' | 'required' | 'one';
  name?: string;
  /** What kind of tool `name` is; a function unless said otherwise. */
  family?: Tool['family'];
  /** Only these tools may be called (`allowed_tools`), as the wire names them. */
  allowed?: string[];
  /** The choice as its own protocol writes it, where the above does not say it all. */
  wire?: { readonly protocol: ProtocolId; readonly value: Json };
}

export interface Sampling {
  temperature?: number;
  topP?: number;
  topK?: number;
  seed?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  logitBias?: JsonObject;
  logprobs?: boolean;
  topLogprobs?: number;
  stop?: string[];
  /** How many alternative replies are wanted. */
  choices?: number;
}

export interface Reasoning {
  mode?: 'on' | 'off' | 'adaptive';
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`: the word as the client wrote it. */
  effort?: string;
  budgetTokens?: number;
  /** How much of the reasoning is shown: `auto`, `concise`, `detailed` (Responses), `summarized`, `omitted` (Messages). */
  show?: string;
  /** Members of the protocol's own reasoning object that are not modelled above. */
  extras?: Extras;
}

export interface OutputFormat {
  type: 'text' | 'json' | 'schema';
  name?: string;
  description?: string;
  schema?: JsonObject;
  strict?: boolean;
}

export interface Output {
  format?: OutputFormat;
  verbosity?: string;
  modalities?: string[];
  extras?: Extras;
}

/** What a client asks for, in no protocol's words. */
export interface TurnRequest {
  /** The protocol it was asked in. */
  readonly protocol: ProtocolId;
  model: string;
  /** The system prompt where the protocol keeps it apart from the turns. */
  instructions: Part[];
  turns: Turn[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  /** Whether several tool calls may come in one reply. */
  parallelTools?: boolean;
  sampling: Sampling;
  /** The most output tokens the client accepts. */
  outputTokensMax?: number;
  reasoning?: Reasoning;
  output?: Output;
  cache?: { key?: string; retention?: string; mark?: CacheMark };
  state?: { store?: boolean; previousId?: string };
  delivery: { stream: boolean; includeUsage?: boolean };
  meta: { tier?: string; user?: string; safetyId?: string; labels?: JsonObject };
  extras: Extras;
}
