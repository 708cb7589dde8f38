import type { Note } from '../turn/note.ts';
import type { ProtocolId, ToolFamily } from '../turn/part.ts';

/**
 * What becomes of a request field at an upstream of another protocol. `translate`: said in other words with
 * the same meaning. `emulate`: done by other means, with a note. `clamp`: carried, but brought within the
 * target's bounds, with a note where that changes it. `drop`: left out, with a note. `refuse`: the request makes
 * no sense without it, so it is answered with a 400 that names it.
 */
export type Fate = 'carry' | 'translate' | 'emulate' | 'clamp' | 'drop' | 'refuse';

export interface Treatment {
  readonly fate: Fate;
  /** One line for people. Required by everything that is not simply carried or translated. */
  readonly why?: string;
  /** How much is lost; `note` where absent. */
  readonly weight?: Note['weight'];
}

/** Every member of the neutral request that a protocol may or may not have a place for. */
export type Member =
  | 'model'
  | 'instructions'
  | 'turns'
  | 'turns.name'
  | 'turns.system'
  | `parts.${'text' | 'citations' | 'refusal' | 'image' | 'audio' | 'video' | 'document' | 'file' | 'search_result' | 'image_detail' | 'reasoning' | 'seal' | 'tool_call' | 'custom_call' | 'hosted_call' | 'tool_result' | 'result_media' | 'result_error' | 'approval' | 'tool_change' | 'compaction' | 'reference' | 'cache'}`
  | `tools.${ToolFamily}`
  | `tools.${'strict' | 'defer' | 'cache'}`
  | `toolChoice${'' | '.allowed'}`
  | 'parallelTools'
  | `sampling.${'temperature' | 'topP' | 'topK' | 'seed' | 'frequencyPenalty' | 'presencePenalty' | 'logitBias' | 'logprobs' | 'topLogprobs' | 'stop' | 'choices'}`
  | 'outputTokensMax'
  | `reasoning.${'mode' | 'effort' | 'budgetTokens' | 'show'}`
  | `output.${'format' | 'verbosity' | 'modalities'}`
  | `format.${'name' | 'description' | 'strict'}`
  | `cache.${'key' | 'retention' | 'mark'}`
  | `state.${'store' | 'previousId'}`
  | `delivery.${'stream' | 'includeUsage'}`
  | `meta.${'tier' | 'user' | 'safetyId' | 'labels'}`;

/** A field of a protocol's request, as its documents name it. */
export interface Field {
  /**
   * Where it stands: `reasoning.effort`, `messages[].name`. A variant of a union is told by the member that tells
   * it: `tools[type=web_search]`, `messages[].content[type=image_url].image_url.detail`.
   */
  readonly path: string;
  /** The neutral member that it becomes. Absent for what only this protocol has. */
  readonly is?: Member;
  /** What every other protocol makes of a field that only this one has. */
  readonly elsewhere?: Treatment;
  /** Where a target treats this field in another way than it treats the member in general. */
  readonly at?: Partial<Record<ProtocolId, Treatment>>;
  /** Members inside this one that share its fate, named relative to it; `*` for data of the client's own. */
  readonly inside?: readonly string[];
}

/**
 * One protocol's half of the table of parity: its own fields as a source, and what it makes of each neutral
 * member as a target. Any two halves give the fate of each field between two protocols.
 */
export interface Contract {
  readonly protocol: ProtocolId;
  readonly fields: readonly Field[];
  readonly members: Readonly<Record<Member, Treatment>>;
}
