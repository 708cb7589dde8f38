import type { Json } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId, ToolFamily } from '../turn/part.ts';

/**
 * What becomes of a request field at an upstream of another protocol. `translate`: said in other words with
 * the same meaning. `emulate`: done by other means, with a note. `clamp`: carried, but brought within the
 * target's bounds, with a note where that changes it. `drop`: left out, with a note. `refuse`: the request makes
 * no sense without it, so it is answered with a 400 that names it. `moot`: it says nothing that the other side
 * could hear or miss, such as the id that a server gave to an item; left out without a note.
 */
export type Fate = 'carry' | 'translate' | 'emulate' | 'clamp' | 'drop' | 'refuse' | 'moot';

export interface Treatment {
  readonly fate: Fate;
  /** One line for people. Required by everything that is not simply carried or translated. */
  readonly why?: string;
  /** How much is lost; `note` where absent, and `refuse` for what is refused. */
  readonly weight?: Note['weight'];
  /** What becomes of it instead where a value, another field or the model asks for it; by a short name. */
  readonly cases?: Readonly<Record<string, Case>>;
}

/** An exception to a treatment. */
export interface Case {
  readonly fate: Exclude<Fate, 'carry' | 'translate' | 'moot'>;
  /** In which case, to stand behind the word "when": `the model thinks`. */
  readonly when: string;
  readonly why: string;
  readonly weight?: Note['weight'];
}

/** Every member of the neutral request that a protocol may or may not have a place for. */
export type Member =
  | 'model'
  | 'instructions'
  | `turns${'' | '.name' | '.system' | '.developer' | '.system_media'}`
  | `parts.${PartMember}`
  | `tools.${ToolFamily}`
  | `tools.${'description' | 'schema' | 'grammar' | 'strict' | 'defer' | 'cache'}`
  | `toolChoice${'' | '.allowed' | '.hosted'}`
  | 'parallelTools'
  | `sampling.${'temperature' | 'topP' | 'topK' | 'seed' | 'frequencyPenalty' | 'presencePenalty' | 'logitBias' | 'logprobs' | 'topLogprobs' | 'stop' | 'choices'}`
  | 'outputTokensMax'
  | `reasoning.${'mode' | 'effort' | 'budgetTokens' | 'show'}`
  | `output.${'verbosity' | 'modalities'}`
  | `format.${'text' | 'json' | 'schema' | 'name' | 'description' | 'strict'}`
  | `cache.${'key' | 'retention' | 'mark'}`
  | `state.${'store' | 'previousId'}`
  | `delivery.${'stream' | 'includeUsage'}`
  | `meta.${'tier' | 'user' | 'safetyId' | 'labels'}`;

/**
 * What stands in a conversation. `text_document` is a document given as plain text, `parts_document` one made of
 * other parts; `url` and `file_id` are documents and files by link and by the id of a stored file; `title`,
 * `context` and `citable` are a document's own; `reply_media` is media that the model put out. A hosted call is
 * carried out by its provider, a vendor's call by the client, of a tool that the vendor has defined. `item` is what
 * a server gave to an item (id, status, phase).
 */
export type PartMember =
  | 'text'
  | 'citations'
  | 'logprobs'
  | 'refusal'
  | 'image'
  | 'image_detail'
  | 'audio'
  | 'video'
  | 'document'
  | 'text_document'
  | 'parts_document'
  | 'file'
  | 'url'
  | 'file_id'
  | 'reply_media'
  | 'title'
  | 'context'
  | 'citable'
  | 'search_result'
  | 'reasoning'
  | 'seal'
  | 'tool_call'
  | 'custom_call'
  | 'call_namespace'
  | 'hosted_call'
  | 'vendor_call'
  | 'tool_result'
  | 'result_media'
  | 'result_error'
  | 'hosted_result'
  | 'vendor_result'
  | 'approval'
  | 'tool_change'
  | 'compaction'
  | 'sealed_compaction'
  | 'reference'
  | 'notice'
  | 'cache'
  | 'item';

/** A field of a protocol's request, as its documents name it. */
export interface Field {
  /**
   * Where it stands: `reasoning.effort`, `messages[].name`. A variant of a list's entries is told by the member
   * that tells it: `tools[type=custom]`, several by a bar and versions by a star: `tools[type=bash_*|memory_*]`.
   * Empty brackets are any entry; a word of a list of words stands in them as it is: `include[words]`. A union
   * that is not in a list is written as one object, and its telling `type` is not named.
   */
  readonly path: string;
  /** The neutral member that it becomes. Absent for what only this protocol has. */
  readonly is?: Member;
  /** What every other protocol makes of a field that only this one has. */
  readonly elsewhere?: Treatment;
  /** Where a target treats this field in another way than it treats the member in general. */
  readonly at?: Partial<Record<ProtocolId, Treatment>>;
  /**
   * Members inside this one that share its fate, named relative to it: `user_location.city`, `content[].text`. A
   * name that ends in `*` stands for all below it: data of the client's own, or what a server wrote and gets
   * back whole.
   */
  readonly inside?: readonly string[];
  /** A field that is declared elsewhere in this table and whose members this one has too: `messages[].content`. */
  readonly like?: string;
  /** Values that ask for what every upstream does anyway: without an effect, and so without a note. */
  readonly usual?: readonly Json[];
  /** Not in the vendor's own documents: servers that speak its protocol take it. */
  readonly beyond?: true;
}

/** Where the members stand whose leftovers a turn keeps apart: `thinking`, `output_config`; '' is the top. */
export interface Homes {
  readonly reasoning: string;
  readonly output: string;
}

/**
 * One protocol's half of the table of parity: its own fields as a source, and what it makes of each neutral
 * member as a target. Any two halves give the fate of each field between two protocols.
 */
export interface Contract {
  readonly protocol: ProtocolId;
  readonly fields: readonly Field[];
  readonly members: Readonly<Record<Member, Treatment>>;
  readonly homes: Homes;
}
