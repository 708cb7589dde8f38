import { blocksOfPayloads } from '../../support/corpus.ts';
import { listOf, repeated, sign, type Body, type Place, type Said, type Wire } from './maker.ts';

/** The reasoning that led to an item, by their ids: the API wants the one with the other. */
const reasoningOf = new Map<string, string>();

const seal = ({ vendor, account, model }: Place, id: string): string => sign([vendor, account, model], id);

/** OpenAI's API without its memory: encrypted reasoning is its organization's and, to be strict, its model's. */
export const responses: Wire = {
  route: (path) => (path === '/v1/responses' ? {} : undefined),
  conversation: 'input',
  faults(body, place) {
    const faults: string[] = [];
    const items = listOf(body.input);
    const ids = new Set(items.map(({ id }) => id));
    const calls = items.filter(({ type }) => type === 'function_call').map(({ call_id }) => String(call_id));
    const outputs = items
      .filter(({ type }) => type === 'function_call_output')
      .map(({ call_id }) => String(call_id));
    for (const id of repeated(calls)) faults.push(`Duplicate call_id ${id}`);
    for (const id of calls)
      if (!outputs.includes(id)) faults.push(`No tool output found for function call ${id}.`);
    for (const id of outputs)
      if (!calls.includes(id)) faults.push(`No tool call found for function call output with call_id ${id}.`);
    for (const { type, id, encrypted_content } of items) {
      if (type === 'reasoning') {
        if (typeof encrypted_content !== 'string') {
          faults.push(
            `Item with id '${String(id)}' not found. Items are not persisted when \`store\` is set to false.`,
          );
        } else if (encrypted_content !== seal(place, String(id))) {
          faults.push('invalid_encrypted_content: The encrypted content could not be verified.');
        }
      }
      const reason = reasoningOf.get(`${place.vendor}/${String(id)}`);
      if (reason !== undefined && !ids.has(reason))
        faults.push(
          `Item '${String(id)}' of type '${String(type)}' was provided without its required 'reasoning' item: '${reason}'.`,
        );
    }
    return faults;
  },
  endsInResults: (body) => listOf(body.input).at(-1)?.type === 'function_call_output',
  reply(said, body, place) {
    const output = itemsOf(said, place);
    const reason = said.thought === undefined ? undefined : String(output[0]!.id);
    if (reason)
      for (const { id } of output.slice(1)) reasoningOf.set(`${place.vendor}/${String(id)}`, reason);
    const response = (status: string, items: Body[]): Body => ({
      id: `resp_${said.number}`,
      object: 'response',
      created_at: 1,
      status,
      model: place.model,
      output: items,
      parallel_tool_calls: true,
      tool_choice: 'auto',
      tools: body.tools,
      usage: status === 'completed' ? { input_tokens: 5, output_tokens: 2, total_tokens: 7 } : null,
    });
    const events: Body[] = [{ type: 'response.created', response: response('in_progress', []) }];
    output.forEach((item, output_index) => {
      const empty =
        item.type === 'message'
          ? { content: [] }
          : item.type === 'function_call'
            ? { arguments: '' }
            : { summary: [] };
      events.push({ type: 'response.output_item.added', output_index, item: { ...item, ...empty } });
      const at = { item_id: item.id, output_index };
      if (item.type === 'message') {
        const part = { type: 'output_text', text: '', annotations: [] };
        events.push(
          { type: 'response.content_part.added', ...at, content_index: 0, part },
          { type: 'response.output_text.delta', ...at, content_index: 0, delta: said.text },
          { type: 'response.output_text.done', ...at, content_index: 0, text: said.text },
          { type: 'response.content_part.done', ...at, content_index: 0, part: { ...part, text: said.text } },
        );
      } else if (item.type === 'function_call') {
        events.push(
          { type: 'response.function_call_arguments.delta', ...at, delta: item.arguments },
          { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments },
        );
      }
      events.push({ type: 'response.output_item.done', output_index, item });
    });
    events.push({ type: 'response.completed', response: response('completed', output) });
    return {
      whole: response('completed', output),
      events: blocksOfPayloads(
        events.map((event, sequence_number) => JSON.stringify({ ...event, sequence_number })),
        'openai-responses',
      ),
    };
  },
  refusal: (_, message) => ({
    error: {
      message,
      type: 'invalid_request_error',
      param: null,
      code: message.includes('invalid_encrypted_content') ? 'invalid_encrypted_content' : null,
    },
  }),
};

function itemsOf({ number, thought, text, calls }: Said, place: Place): Body[] {
  const items: Body[] = [];
  if (thought !== undefined) {
    const id = `rs_${number}`;
    const summary = number % 2 ? [{ type: 'summary_text', text: thought }] : [];
    items.push({ id, type: 'reasoning', summary, encrypted_content: seal(place, id) });
  }
  const content = [{ type: 'output_text', text, annotations: [] }];
  items.push({ id: `msg_${number}`, type: 'message', role: 'assistant', status: 'completed', content });
  calls.forEach((id, i) => {
    const call = { type: 'function_call', call_id: id, name: 'look', arguments: '{"city": "Oslo"}' };
    items.push({ id: `fc_${number}_${i}`, ...call, status: 'completed' });
  });
  return items;
}
