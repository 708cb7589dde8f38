import { asObject, type JsonObject } from '../../turn/json.ts';
import { noSignature, wantsSignatures } from './models.ts';
import type { RequestWriter } from './request-writer.ts';

/** A content while the conversation is put together. */
export interface Content {
  readonly role: 'user' | 'model';
  parts: JsonObject[];
}

/** Brings the contents of another protocol into the order that the API insists on. */
export function repairContents(contents: Content[], writer: RequestWriter): void {
  answerCalls(contents, writer);
  openWithUser(contents, writer);
  signCalls(contents, writer);
}

/** Gives every call its result, in the order of the calls, and every result its call. */
function answerCalls(contents: Content[], { ledger }: RequestWriter): void {
  if (contents.at(-1)?.parts.some(callOf)) contents.push({ role: 'user', parts: [] });
  contents.forEach((content, i) => {
    if (content.role === 'model') return;
    const calls = (contents[i - 1]?.parts ?? []).map(callOf).filter((call) => call !== undefined);
    const given = content.parts.filter((part) => resultOf(part) !== undefined);
    const others = content.parts.filter((part) => resultOf(part) === undefined);
    const answers = calls.map((call) => {
      const at = given.findIndex((part) => resultOf(part)!.id === call.id);
      const [found] = at < 0 ? [] : given.splice(at, 1);
      if (found !== undefined) return { functionResponse: { ...resultOf(found), name: call.name } };
      const why = `the call ${String(call.id)} has no result; one that says so is sent`;
      ledger.repair('messages', why, 'degrade');
      const response = { error: 'The tool gave no result.' };
      return { functionResponse: { id: call.id, name: call.name, response } };
    });
    const orphans = given.flatMap((part) => {
      const { id, response, parts } = resultOf(part)!;
      const why = `the result of ${String(id)} answers no call and is sent as text`;
      ledger.repair('messages', why, 'degrade');
      const text = `Result of the tool call ${String(id)}:\n${JSON.stringify(response)}`;
      return [{ text }, ...((parts as JsonObject[] | undefined) ?? [])];
    });
    content.parts = [...answers, ...orphans, ...others];
  });
}

const callOf = (part: JsonObject): JsonObject | undefined => asObject(part.functionCall);
const resultOf = (part: JsonObject): JsonObject | undefined => asObject(part.functionResponse);

function openWithUser(contents: Content[], { ledger }: RequestWriter): void {
  if (contents[0]?.role === 'user') return;
  contents.unshift({ role: 'user', parts: [{ text: '.' }] });
  ledger.repair('messages', 'a conversation must begin with the user; a full stop is put in front');
}

/**
 * The first call of each step has the signature of the thoughts before it, and newer models refuse a step without
 * one. For calls that others made the vendor documents a word in its place.
 */
function signCalls(contents: readonly Content[], { ledger, target }: RequestWriter): void {
  if (!wantsSignatures(target.model) || target.abilities.reasoning?.by.length === 0) return;
  for (const { role, parts } of contents) {
    const at = role === 'model' ? parts.findIndex((part) => callOf(part) !== undefined) : -1;
    if (at < 0 || parts[at]!.thoughtSignature !== undefined) continue;
    parts[at] = { ...parts[at], thoughtSignature: noSignature };
    ledger.repair('messages', 'calls that this upstream did not make carry a word instead of a signature');
  }
}
