import { blocksOfPayloads } from '../../support/corpus.ts';
import { listOf, repeated, sign, type Body, type Place, type Said, type Wire } from './maker.ts';

const signature = ({ vendor, account, model }: Place, text: string): string =>
  sign([vendor, account, model], text);

/** A compatible server: one that signs its reasoning, or one that only shows it. */
export const chat = (signs: boolean): Wire => ({
  route: (path) => (path === '/v1/chat/completions' ? {} : undefined),
  conversation: 'messages',
  faults(body, place) {
    const faults: string[] = [];
    const turns = listOf(body.messages);
    const calls = turns.flatMap(({ tool_calls }) => listOf(tool_calls).map(({ id }) => String(id)));
    for (const id of repeated(calls)) faults.push(`duplicate tool call id ${id}`);
    let open: string[] = [];
    turns.forEach((turn, i) => {
      if (turn.role === 'tool') {
        const at = open.indexOf(String(turn.tool_call_id));
        if (at < 0) faults.push(`messages[${i}]: a tool message must answer a preceding call`);
        else open.splice(at, 1);
        return;
      }
      if (open.length > 0) faults.push(`messages[${i}]: tool calls without a response: ${open.join()}`);
      open = listOf(turn.tool_calls).map(({ id }) => String(id));
      for (const entry of listOf(turn.reasoning_details)) {
        if (!signs) faults.push(`messages[${i}].reasoning_details: not known here`);
        else if (entry.signature !== signature(place, String(entry.text)))
          faults.push(`messages[${i}].reasoning_details: Invalid signature in thinking block`);
      }
    });
    if (open.length > 0) faults.push(`tool calls without a response: ${open.join()}`);
    return faults;
  },
  endsInResults: (body) => listOf(body.messages).at(-1)?.role === 'tool',
  reply(said, _, place) {
    const finish_reason = said.calls.length > 0 ? 'tool_calls' : 'stop';
    const { deltas, message } = written(said, place, signs);
    const head = { id: `chatcmpl-${said.number}`, created: 1, model: place.model };
    const chunk = (delta: Body, finish: string | null = null): string =>
      JSON.stringify({
        ...head,
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, finish_reason: finish }],
      });
    return {
      whole: { ...head, object: 'chat.completion', choices: [{ index: 0, message, finish_reason }] },
      events: blocksOfPayloads(
        [...deltas.map((delta) => chunk(delta)), chunk({}, finish_reason), '[DONE]'],
        'openai-chat',
      ),
    };
  },
  refusal: (_, message) => ({ error: { message, type: 'invalid_request_error', param: null, code: null } }),
});

function written(
  { thought, text, calls }: Said,
  place: Place,
  signs: boolean,
): { deltas: Body[]; message: Body } {
  const deltas: Body[] = [{ role: 'assistant', content: '' }];
  const message: Body = { role: 'assistant', content: text };
  if (thought !== undefined && signs) {
    const sealed = { type: 'reasoning.text', text: thought, index: 0, signature: signature(place, thought) };
    // In one piece, because the official SDK keeps the last one only of what it does not know.
    deltas.push({ reasoning: thought, reasoning_details: [sealed] });
    Object.assign(message, { reasoning: thought, reasoning_details: [sealed] });
  } else if (thought !== undefined) {
    deltas.push({ reasoning_content: thought });
    message.reasoning_content = thought;
  }
  deltas.push({ content: text });
  const tool_calls = calls.map((id) => ({
    id,
    type: 'function',
    function: { name: 'look', arguments: '{"city": "Oslo"}' },
  }));
  tool_calls.forEach((call, index) => deltas.push({ tool_calls: [{ index, ...call }] }));
  if (tool_calls.length > 0) message.tool_calls = tool_calls;
  return { deltas, message };
}
