import type { Json, JsonObject } from './json.ts';

/** The wire protocols the gateway speaks. A protocol's name is also the key of its extras. */
export type ProtocolId = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'google-gemini';

/**
 * What a decoder did not consume, under the name of its own protocol. Only that protocol's encoder
 * reads it; the others report it as a note.
 */
export type Extras = { [P in ProtocolId]?: JsonObject };

/**
 * An opaque token (a thinking signature, encrypted reasoning, a thought signature). Never read, returned
 * unchanged to the protocol and issuer it came from and to nobody else.
 */
export interface Seal {
  readonly protocol: ProtocolId;
  /** The provider that made it, by its configured name; absent when a client brought it unlabelled. */
  readonly issuer?: string;
  readonly value: string;
}

/** Where a part stood among the items of a Responses reply, so that parts of one item find together again. */
export interface ItemOrigin {
  /** The item's own id: `msg_…`, `fc_…`, `rs_…`. */
  readonly id?: string;
  /** Position among the items; parts with the same index belong to one item. */
  readonly index: number;
  /** `commentary` or `final_answer`, as the upstream labels message items. */
  readonly phase?: string;
  readonly status?: string;
}

/** A point up to which the prompt should be cached. */
export interface CacheMark {
  /** `5m` or `1h`; absent means the upstream's default. */
  readonly ttl?: string;
}

interface PartBase {
  /** The block's own id on the wire, where it has one that is not a call id. */
  id?: string;
  item?: ItemOrigin;
  cache?: CacheMark;
  seal?: Seal;
  extras?: Extras;
}

/** Where a piece of text got its facts. Spans count UTF-16 code units of the text they annotate. */
export interface Citation {
  readonly from: 'url' | 'file' | 'document' | 'search_result';
  readonly url?: string;
  readonly title?: string;
  readonly fileId?: string;
  readonly quote?: string;
  readonly start?: number;
  readonly end?: number;
  /** The citation as its own protocol writes it; the same protocol gets it back whole. */
  readonly wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

export interface TextPart extends PartBase {
  kind: 'text';
  text: string;
  citations?: Citation[];
  /** Token log-probabilities in OpenAI's shape (`choices[].logprobs.content` entries). */
  logprobs?: Json[];
}

export interface RefusalPart extends PartBase {
  kind: 'refusal';
  text: string;
  logprobs?: Json[];
}

export type MediaSource =
  /** `data` is base64. */
  | { readonly by: 'bytes'; readonly data: string }
  | { readonly by: 'url'; readonly url: string }
  | { readonly by: 'file'; readonly id: string }
  | { readonly by: 'text'; readonly text: string }
  | { readonly by: 'parts'; readonly parts: Part[] };

export interface MediaPart extends PartBase {
  kind: 'media';
  as: 'image' | 'audio' | 'video' | 'document' | 'file' | 'search_result';
  source: MediaSource;
  /** MIME type such as `image/png`. */
  mime?: string;
  title?: string;
  context?: string;
  /** Image detail as OpenAI names it: `low`, `high`, `auto`, `original`. */
  detail?: string;
  /** The text that was spoken, for audio. */
  transcript?: string;
  /** The model is asked to cite from it. */
  citable?: boolean;
}

export interface ReasoningPart extends PartBase {
  kind: 'reasoning';
  /** The reasoning itself. */
  text?: string;
  /** Summaries of it, one entry a section. */
  summary?: string[];
  /** The provider withheld the text; only the seal speaks. */
  hidden?: boolean;
}

/** Who runs a tool: the client, or the provider within the same turn. */
export type ToolSide = 'client' | 'server';

export interface ToolCallPart extends PartBase {
  kind: 'tool_call';
  /** The id that the result answers. */
  callId: string;
  /** `function` and `custom` are the client's own tools; other families are hosted ones. */
  family: ToolFamily;
  name: string;
  namespace?: string;
  /** The arguments exactly as they came: JSON text, or free text for custom tools. */
  input: string;
  inputAs: 'json' | 'text';
  by: ToolSide;
  /** The call as its own protocol writes it, for kinds of which only part is modelled. */
  wire?: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

export type ToolOutput =
  | { readonly as: 'text'; readonly text: string }
  | { readonly as: 'parts'; readonly parts: Part[] }
  | { readonly as: 'json'; readonly value: Json };

export interface ToolResultPart extends PartBase {
  kind: 'tool_result';
  callId: string;
  family: ToolFamily;
  name?: string;
  output: ToolOutput;
  outcome: 'ok' | 'error' | 'partial';
  by: ToolSide;
  wire?: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

/** The upstream asks whether a hosted tool may run. */
export interface ApprovalAskPart extends PartBase {
  kind: 'approval_ask';
  wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

export interface ApprovalAnswerPart extends PartBase {
  kind: 'approval_answer';
  wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

/** Tools join or leave in mid-conversation, or a server lists what it has. */
export interface ToolChangePart extends PartBase {
  kind: 'tool_change';
  add?: Tool[];
  wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

/** What stands for an earlier, compacted stretch of the conversation. */
export interface CompactionPart extends PartBase {
  kind: 'compaction';
  summary?: string;
  wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

/** Points at an item that the upstream keeps. */
export interface ReferencePart extends PartBase {
  kind: 'reference';
  refersTo: string;
}

/** The upstream tells of something it did, such as answering with another model. */
export interface NoticePart extends PartBase {
  kind: 'notice';
  what: string;
  wire: { readonly protocol: ProtocolId; readonly value: JsonObject };
}

/** A kind of one protocol that the turn does not model: kept whole, returned to that protocol. */
export interface NativePart extends PartBase {
  kind: 'native';
  protocol: ProtocolId;
  type: string;
  value: JsonObject;
}

export type Part =
  | TextPart
  | RefusalPart
  | MediaPart
  | ReasoningPart
  | ToolCallPart
  | ToolResultPart
  | ApprovalAskPart
  | ApprovalAnswerPart
  | ToolChangePart
  | CompactionPart
  | ReferencePart
  | NoticePart
  | NativePart;

/** What a tool is, whatever each protocol calls it. `other` is a hosted tool without a counterpart. */
export type ToolFamily =
  | 'function'
  | 'custom'
  | 'namespace'
  | 'web_search'
  | 'web_fetch'
  | 'file_search'
  | 'code'
  | 'image'
  | 'computer'
  | 'shell'
  | 'editor'
  | 'memory'
  | 'tool_search'
  | 'mcp'
  | 'advisor'
  | 'other';

/** A tool on offer. `wire` is set for hosted families and returned whole to its own protocol. */
export interface Tool {
  family: ToolFamily;
  name: string;
  description?: string;
  /** JSON Schema of the arguments, for functions. */
  schema?: JsonObject;
  /** The input format of a custom tool, as OpenAI writes it (`{type: 'text'}` or a grammar). */
  format?: JsonObject;
  strict?: boolean;
  /** Functions inside a namespace. */
  tools?: Tool[];
  /** Loaded only when the model searches for it. */
  defer?: boolean;
  cache?: CacheMark;
  wire?: { readonly protocol: ProtocolId; readonly value: JsonObject };
  extras?: Extras;
}
