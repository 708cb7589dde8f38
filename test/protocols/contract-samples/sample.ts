import type { Abilities } from '../../../src/protocols/protocol.ts';
import type { Json, JsonObject } from '../../../src/turn/json.ts';
import type { ProtocolId } from '../../../src/turn/part.ts';

/** A request with one field in it, and the same request without. */
export interface Sample {
  /** Members beside those of a minimal request. */
  readonly with: JsonObject;
  /** Made by taking the field out, where that leaves a request. */
  readonly without?: JsonObject;
  readonly abilities?: Abilities;
  /** Targets at which this very value is a case of the treatment, by the case's name. */
  readonly cases?: Partial<Record<ProtocolId, string>>;
}

/** By the field's path. */
export type Samples = Readonly<Record<string, Sample>>;

/** A sample that sets one member of the request. */
export const value = (path: string, given: Json, cases?: Sample['cases']): Samples => ({
  [path]: { with: nested(path.split('.'), given), cases },
});

const nested = ([key, ...rest]: readonly string[], given: Json): JsonObject => ({
  [key!]: rest.length === 0 ? given : nested(rest, given),
});

/** A PNG of one pixel. */
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const pdf = btoa('%PDF-1.4 a file');

export const schema: JsonObject = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
