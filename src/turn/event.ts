import type { Failure } from './failure.ts';
import type { Json, JsonObject } from './json.ts';
import type { Citation, Extras, Part, ProtocolId, Seal } from './part.ts';
import type { Usage } from './usage.ts';

export type StopReason =
  | 'end'
  | 'tool_use'
  | 'length'
  | 'stop_sequence'
  | 'pause'
  | 'compaction'
  | 'context_full'
  | 'refusal'
  | 'filter'
  | 'bad_call'
  | 'cancelled'
  | 'other';

/** Why a reply ended. `raw` is the upstream's own word. */
export interface Stop {
  readonly reason: StopReason;
  readonly raw?: string;
  /** The stop sequence that was met. */
  readonly sequence?: string;
  /** The protocol's own details object (`stop_details`, `incomplete_details`), returned to it whole. */
  readonly detail?: { readonly protocol: ProtocolId; readonly value: Json };
}

/** A change to one part of the reply. `text` covers text, refusal, audio transcript and reasoning text. */
export type Delta =
  | { readonly field: 'text'; readonly value: string }
  /** `section` counts a reasoning part's summaries from 0. */
  | { readonly field: 'summary'; readonly section: number; readonly value: string }
  /** Arguments of a call, as they come. */
  | { readonly field: 'input'; readonly value: string }
  | { readonly field: 'citation'; readonly value: Citation }
  | { readonly field: 'logprobs'; readonly value: Json[] }
  | { readonly field: 'seal'; readonly value: Seal }
  /** Base64 of audio or image bytes, to append. */
  | { readonly field: 'data'; readonly value: string };

/**
 * One step of a reply. A decoder emits `start` first, then parts (`part_start`, deltas, `part_end`; parts
 * may interleave), and last one `stop` for each choice or one `error`; nothing follows those.
 * `part_end.part`, when given, is authoritative: it replaces what the deltas built.
 */
export type TurnEvent =
  | {
      readonly kind: 'start';
      readonly id?: string;
      readonly model?: string;
      /** Unix seconds. */
      readonly created?: number;
      readonly tier?: string;
      readonly extras?: Extras;
    }
  | { readonly kind: 'status'; readonly state: string; readonly choice: number; readonly index: number }
  | { readonly kind: 'part_start'; readonly choice: number; readonly index: number; readonly part: Part }
  | { readonly kind: 'part_delta'; readonly choice: number; readonly index: number; readonly delta: Delta }
  | { readonly kind: 'part_end'; readonly choice: number; readonly index: number; readonly part?: Part }
  /** Cumulative: each usage event replaces the counts that it states. */
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'stop'; readonly choice: number; readonly stop: Stop; readonly extras?: Extras }
  | { readonly kind: 'error'; readonly failure: Failure }
  | { readonly kind: 'keepalive' }
  /** An event of one protocol that the turn does not model; encoders of other protocols leave it out. */
  | {
      readonly kind: 'native';
      readonly protocol: ProtocolId;
      readonly type: string;
      readonly value: JsonObject;
    };
