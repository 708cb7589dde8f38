import { asNumber, type JsonObject } from '../turn/json.ts';

/** How a protocol asks, and is answered, how many tokens a turn would have. */
export interface CountRules {
  /** The body of the turn that a client's question is about, without its model when only the path names that. */
  turnOf(body: JsonObject): JsonObject;
  /** The question to an upstream about the turn with this body, which an encoder wrote for `model`. */
  question(turn: JsonObject, model: string): JsonObject;
  /** The number in an upstream's answer; `undefined` when there is none. */
  read(body: JsonObject): number | undefined;
  /** The answer to a client. */
  write(tokens: number): JsonObject;
}

/** The members of `turn` that a count route takes; it refuses a question with others. */
export function picked(turn: JsonObject, members: readonly string[]): JsonObject {
  const question: JsonObject = {};
  for (const name of members) if (turn[name] !== undefined) question[name] = turn[name];
  return question;
}

/** A member that is a number of tokens. */
export function tokenCount(body: JsonObject, member: string): number | undefined {
  const tokens = asNumber(body[member]);
  return tokens !== undefined && tokens >= 0 ? tokens : undefined;
}
