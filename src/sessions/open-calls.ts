import type { JsonObject } from '../turn/json.ts';

/** The kinds of calls whose outputs are text, so that one can be written for a call that never got any. */
const outputs: ReadonlyMap<unknown, string> = new Map([
  ['function_call', 'function_call_output'],
  ['custom_tool_call', 'custom_tool_call_output'],
]);

/**
 * A history whose calls all have outputs: its client may have broken off before it ran them, and no upstream takes a
 * call without. Each one that neither the history nor `answered`, the ids that the input answers, has an output for
 * gets one behind it that says so.
 *
 * @returns the same history where nothing is missing, and the ids of the calls that were given an output
 */
export function closeCalls(
  history: readonly string[],
  answered: () => ReadonlySet<unknown>,
): { readonly history: readonly string[]; readonly closed: readonly string[] } {
  const open = new Map<string, { readonly at: number; readonly type: string }>();
  history.forEach((text, at) => {
    if (!text.includes('"call_id":"')) return;
    const { type, call_id: id } = JSON.parse(text) as JsonObject;
    const output = outputs.get(type);
    if (typeof id !== 'string') return;
    if (output !== undefined) open.set(id, { at, type: output });
    else open.delete(id);
  });
  if (open.size === 0) return { history, closed: [] };
  const given = answered();
  const missing = [...open].filter(([id]) => !given.has(id));
  if (missing.length === 0) return { history, closed: [] };
  const whole = [...history];
  for (const [call_id, { at, type }] of missing.toReversed()) {
    whole.splice(at + 1, 0, JSON.stringify({ type, call_id, output: 'The tool gave no result.' }));
  }
  return { history: whole, closed: missing.map(([id]) => id) };
}
