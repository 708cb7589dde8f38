import { asArray, asObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Ledger } from '../ledger.ts';

/**
 * Puts results where strict servers want them: tool messages follow the assistant message that calls, one for each
 * call, and stand nowhere else. A call without a result gets one that says so; a result without its call is told
 * by the user.
 */
export function pairCalls(messages: readonly JsonObject[], ledger: Ledger): JsonObject[] {
  const out: JsonObject[] = [];
  for (let i = 0; i < messages.length;) {
    const message = messages[i++]!;
    if (message.role === 'tool') {
      out.push(orphan(message, ledger));
      continue;
    }
    out.push(message);
    const calls = asArray(message.tool_calls).map((call) => asObject(call)?.id as string);
    if (message.role !== 'assistant' || calls.length === 0) continue;
    const answers: JsonObject[] = [];
    const others: JsonObject[] = [];
    for (; i < messages.length && messages[i]!.role !== 'assistant'; i++) {
      const next = messages[i]!;
      if (next.role !== 'tool') others.push(next);
      else if (take(calls, next.tool_call_id)) answers.push(next);
      else others.push(orphan(next, ledger));
    }
    for (const id of calls) {
      ledger.repair('messages', `the call ${id} has no result; one that says so is sent`, 'degrade');
      answers.push({ role: 'tool', tool_call_id: id, content: 'The tool gave no result.' });
    }
    out.push(...answers, ...others);
  }
  return out;
}

/** Removes an id once; whether it was there. */
function take(calls: string[], id: Json | undefined): boolean {
  const at = calls.indexOf(id as string);
  if (at >= 0) calls.splice(at, 1);
  return at >= 0;
}

function orphan(message: JsonObject, ledger: Ledger): JsonObject {
  const id = String(message.tool_call_id);
  const why = `the result of ${id} answers no call and is sent as text`;
  ledger.repair('messages', why, 'degrade');
  const head = `Result of the tool call ${id}:`;
  const { content } = message;
  return Array.isArray(content)
    ? { role: 'user', content: [{ type: 'text', text: head }, ...content] }
    : { role: 'user', content: `${head}\n${String(content ?? '')}` };
}
