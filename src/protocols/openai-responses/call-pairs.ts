import { asArray, type JsonObject } from '../../turn/json.ts';
import type { Ledger } from '../ledger.ts';

/**
 * The API refuses a call whose output is missing, and an output whose call is. Gives the one an output that says
 * so, before the next message; tells the other in the user's words.
 */
export function pairCalls(items: readonly JsonObject[], ledger: Ledger): JsonObject[] {
  const answered = new Set(items.filter(isOutput).map((item) => item.call_id));
  const called = new Set<unknown>();
  const out: JsonObject[] = [];
  let open: JsonObject[] = [];
  const settle = (): void => {
    for (const call of open) {
      ledger.repair(
        'messages',
        `the call ${String(call.call_id)} has no output; one that says so is sent`,
        'degrade',
      );
      const type = `${String(call.type)}_output`;
      out.push({ type, call_id: call.call_id, output: 'The tool gave no result.' });
    }
    open = [];
  };
  for (const item of items) {
    if (isCall(item)) {
      called.add(item.call_id);
      if (!answered.has(item.call_id)) open.push(item);
    } else if (item.type === 'message' && item.role !== 'assistant') {
      settle();
    }
    // An output closes its call: a second one answers nothing.
    out.push(isOutput(item) && !called.delete(item.call_id) ? orphan(item, ledger) : item);
  }
  settle();
  return out;
}

const isCall = ({ type }: JsonObject): boolean => type === 'function_call' || type === 'custom_tool_call';
const isOutput = ({ type }: JsonObject): boolean =>
  type === 'function_call_output' || type === 'custom_tool_call_output';

function orphan({ call_id: id, output }: JsonObject, ledger: Ledger): JsonObject {
  ledger.repair('messages', `the output of ${String(id)} answers no call and is sent as text`, 'degrade');
  const head = { type: 'input_text', text: `Output of the tool call ${String(id)}:` };
  const rest = Array.isArray(output) ? asArray(output) : [{ type: 'input_text', text: String(output ?? '') }];
  return { type: 'message', role: 'user', content: [head, ...rest] };
}
