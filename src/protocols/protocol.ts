import type { TurnEvent } from '../turn/event.ts';
import type { Failure } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { ProtocolId, Seal } from '../turn/part.ts';
import type { Reply } from '../turn/reply.ts';
import type { TurnRequest } from '../turn/request.ts';
import type { CountRules } from './count.ts';
import type { SseFrame } from './sse.ts';
import type { OpaqueRules } from './opaque.ts';
import type { TapRules } from './tap.ts';

/** What an encoder must know of the upstream a request is written for. */
export interface EncodeTarget {
  /** The model's name as the upstream knows it. */
  readonly model: string;
  /** The provider's configured name; seals made by another issuer are left out. */
  readonly issuer: string;
  readonly abilities: Abilities;
}

/** Where endpoints and models of one protocol differ. Providers and the model catalog state these; encoders read them. */
export interface Abilities {
  /** Chat: the endpoint knows `developer` messages and `max_completion_tokens` (OpenAI's own do). */
  readonly modernChat?: boolean;
  /** Chat: assistant messages in the history may carry `reasoning_content`. */
  readonly reasoningContent?: boolean;
  /** The model's own output limit, for protocols in which a limit is required. */
  readonly outputTokensMax?: number;
  /** How the model's reasoning is steered; absent where nobody knows. */
  readonly reasoning?: ReasoningAbilities;
  /** The model refuses `temperature` and `top_p`. */
  readonly fixedSampling?: boolean;
  /** What the model reads beside text; absent where nobody knows. */
  readonly inputs?: ReadonlySet<InputKind>;
  /** Whether the model can be held to a JSON schema; absent where nobody knows. */
  readonly outputSchema?: boolean;
}

export type InputKind = 'text' | 'image' | 'audio' | 'video' | 'document';

/** The reasoning controls that a model takes. A model that does not reason has an empty `by`. */
export interface ReasoningAbilities {
  /** `effort`: named levels. `budget`: a number of tokens. `adaptive`: the model chooses, guided by an effort. */
  readonly by: readonly ('effort' | 'budget' | 'adaptive')[];
  /** The levels that it takes, least first. */
  readonly efforts?: readonly string[];
  readonly budgetTokensMin?: number;
  readonly budgetTokensMax?: number;
  /** Whether reasoning can be switched off. */
  readonly off?: boolean;
}

/** The client's tools by the names they have on the upstream's wire. */
export type ToolNames = ReadonlyMap<string, { name: string; namespace?: string; custom?: boolean }>;

/** What a decoder must know of the upstream that a reply comes from. */
export interface DecodeSource {
  /** The provider's configured name; it labels the seals of the reply. */
  readonly issuer: string;
  /** Tools that went up under another name or as another kind; their calls come back as the client's own. */
  readonly names?: ToolNames;
}

/** A request written for an upstream. */
export interface EncodedRequest {
  readonly body: JsonObject;
  readonly notes: Note[];
  readonly names?: ToolNames;
}

/** What an encoder must know of the client that a reply is written for. */
export interface SurfaceContext {
  /** The gateway's id of this turn; reply and item ids derive from it where the upstream gives none. */
  readonly requestId: string;
  /** Unix seconds, for replies whose upstream does not date them. */
  readonly createdSeconds: number;
  /** The model as the client asked for it, for replies whose upstream does not name one. */
  readonly model: string;
  /** The client wants its stream to state its usage, where that is the client's choice. */
  readonly includeUsage: boolean;
  /** Stands where this protocol wants a seal and the reply's maker, which speaks another one, has given none. */
  readonly unsealed?: Seal;
  /** The client's request without its conversation: the fields that a protocol echoes are read from here. */
  readonly body: JsonObject;
}

/** Turns the frames of one upstream stream into events. Synchronous; one instance a stream. */
export interface StreamDecoder {
  /** Appends the events of one frame to `out`. A frame it cannot read becomes a `native` event or an `error`. */
  decode(frame: SseFrame, out: TurnEvent[]): void;
  /**
   * The upstream's body has ended. Appends what was held back; without a terminal event before, that is
   * an `error` of kind `cut`.
   */
  end(out: TurnEvent[]): void;
  /** True once the terminal event was read: what follows on the wire does not matter. */
  readonly done: boolean;
}

/** Turns events into the text of one client stream. Synchronous; one instance a stream. */
export interface StreamEncoder {
  /** The wire text that this event justifies now; often empty. */
  encode(event: TurnEvent): string;
  /** The closing text, after the last `stop` or `error`. */
  end(): string;
  /** What the reply held and this protocol has no place for; grows while the stream runs. */
  readonly notes: readonly Note[];
}

/** An upstream's answer with an error status. */
export interface FailedResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The body's text, cut to a bound. */
  readonly text: string;
}

/**
 * One wire protocol, to and from the turn. Pure: no network, clock, randomness or storage.
 * Decoders of requests throw `FailureError` for what no upstream could make sense of; everything else that
 * is unknown is kept in `extras` or as `native`.
 */
export interface Protocol {
  readonly id: ProtocolId;
  /** The member of a request that holds the conversation: large, and echoed by no reply. */
  readonly conversation: string;
  decodeRequest(body: JsonObject): TurnRequest;
  /** Never fails on what a decoder let through: what cannot be carried becomes a note. */
  encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest;
  streamDecoder(source: DecodeSource): StreamDecoder;
  streamEncoder(context: SurfaceContext): StreamEncoder;
  /** The events that the streamed form of this result would have brought. */
  decodeResult(body: JsonObject, source: DecodeSource): TurnEvent[];
  encodeResult(reply: Reply, context: SurfaceContext): { body: JsonObject; notes: Note[] };
  /** Reads an upstream's error body; anything that is not the protocol's own shape is kind `upstream`. */
  decodeFailure(response: FailedResponse): Failure;
  /** The error body for a client; the HTTP status is `failure.status`. */
  encodeFailure(failure: Failure, requestId: string): JsonObject;
  /**
   * The frames that end a native stream with a failure after `lastData`, the data of the last whole frame
   * that was passed on (for sequence numbers).
   */
  failureFrames(failure: Failure, context: { requestId: string; lastData: string | undefined }): string;
  /** What to look for in a stream that passes through untouched. */
  readonly tap: TapRules;
  /** Where it has values that only their maker takes back. */
  readonly opaque: OpaqueRules;
  /** How tokens are counted without a turn, where the protocol has a route for that. */
  readonly count?: CountRules;
  /**
   * Writes the upstream's name of a model where a body names it beside the path, for native bodies that are no
   * turns. Returns the same object when there is nothing to write.
   */
  renameModel?(body: JsonObject, asked: string, model: string): JsonObject;
}
