import { blocksOfPayloads } from '../../support/corpus.ts';
import { listOf, repeated, sign, type Body, type Place, type Said, type Wire } from './maker.ts';

/** What each reply with calls began with, by the first call's id: the API wants it back as it was. */
const made = new Map<string, string>();

const signature = ({ vendor, model }: Place, text: string): string => sign([vendor, model], text);

/** Anthropic's API: a signature holds in all accounts, for one model. */
export const messages: Wire = {
  route: (path) => (path === '/v1/messages' ? {} : undefined),
  conversation: 'messages',
  faults(body, place) {
    const faults: string[] = [];
    const turns = listOf(body.messages);
    const calls = turns.flatMap((turn) => listOf(turn.content).filter(({ type }) => type === 'tool_use'));
    for (const id of repeated(calls.map(({ id }) => String(id))))
      faults.push(`messages: \`tool_use\` ids must be unique: ${id}`);
    turns.forEach((turn, i) => {
      const blocks = listOf(turn.content);
      const next = listOf(turns[i + 1]?.content);
      blocks.forEach((block, j) => {
        const at = `messages.${i}.content.${j}`;
        if (block.type === 'thinking' && block.signature !== signature(place, String(block.thinking)))
          faults.push(`${at}: Invalid \`signature\` in \`thinking\` block`);
        if (block.type === 'redacted_thinking' && block.data !== signature(place, 'redacted'))
          faults.push(`${at}: Invalid \`data\` in \`redacted_thinking\` block`);
        if (block.type === 'tool_use' && !next.some((one) => one.tool_use_id === block.id))
          faults.push(`${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after`);
        const before = listOf(turns[i - 1]?.content);
        if (block.type === 'tool_result' && !before.some((one) => one.id === block.tool_use_id))
          faults.push(`${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks`);
      });
      if (turn.role === 'assistant' && blocks.length === 0)
        faults.push(`messages.${i}: content must not be empty`);
    });
    if ((body.thinking as Body | undefined)?.type === 'enabled') faults.push(...loopFaults(turns, place));
    return faults;
  },
  endsInResults: (body) =>
    listOf(listOf(body.messages).at(-1)?.content).some(({ type }) => type === 'tool_result'),
  reply(said, body, place) {
    const isOn = (body.thinking as Body | undefined)?.type === 'enabled';
    const content = contentOf(said, place, isOn);
    const first = said.calls[0];
    if (first !== undefined) made.set(keyOf(place, `toolu_${first}`), thinkingOf(content));
    const message = {
      id: `msg_${said.number}`,
      type: 'message',
      role: 'assistant',
      model: place.model,
      content: [] as Body[],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 1 },
    };
    const stop_reason = said.calls.length > 0 ? 'tool_use' : 'end_turn';
    const events = [
      { type: 'message_start', message },
      ...content.flatMap((block, index) => [
        { type: 'content_block_start', index, content_block: { ...block, ...emptyOf(block) } },
        ...deltasOf(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
        { type: 'content_block_stop', index },
      ]),
      { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 9 } },
      { type: 'message_stop' },
    ];
    return {
      whole: { ...message, content, stop_reason },
      events: blocksOfPayloads(
        events.map((event) => JSON.stringify(event)),
        'anthropic-messages',
      ),
    };
  },
  refusal: (status, message) => ({
    type: 'error',
    error: {
      type:
        status === 429 ? 'rate_limit_error' : status === 503 ? 'overloaded_error' : 'invalid_request_error',
      message,
    },
  }),
};

const keyOf = ({ vendor, model }: Place, id: string): string => `${vendor}/${model}/${id}`;

const isThinking = ({ type }: Body): boolean => type === 'thinking' || type === 'redacted_thinking';
const thinkingOf = (blocks: readonly Body[]): string => JSON.stringify(blocks.filter(isThinking));

/** The turn that is under way must begin with thinking, and its last message be as it was made. */
function loopFaults(turns: readonly Body[], place: Place): string[] {
  const last = turns.at(-1);
  if (!listOf(last?.content).some(({ type }) => type === 'tool_result')) return [];
  let first = turns.length - 2;
  while (first >= 2 && listOf(turns[first - 1]!.content).some(({ type }) => type === 'tool_result'))
    first -= 2;
  const faults: string[] = [];
  const opening = listOf(turns[first]?.content)[0];
  if (opening === undefined || !isThinking(opening)) {
    faults.push(
      `messages.${first}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(opening?.type)}\``,
    );
  }
  const latest = listOf(turns.at(-2)?.content);
  const call = latest.find(({ type }) => type === 'tool_use');
  const was = call && made.get(keyOf(place, String(call.id)));
  if (was !== undefined && was !== thinkingOf(latest)) {
    faults.push(
      `messages.${turns.length - 2}.content.0: \`thinking\` or \`redacted_thinking\` blocks in the latest assistant message cannot be modified`,
    );
  }
  return faults;
}

function contentOf(said: Said, place: Place, isOn: boolean): Body[] {
  const content: Body[] = [];
  if (isOn && said.number % 7 === 0)
    content.push({ type: 'redacted_thinking', data: signature(place, 'redacted') });
  if (isOn) {
    const thinking = said.thought ?? 'Hm.';
    content.push({ type: 'thinking', thinking, signature: signature(place, thinking) });
  }
  content.push({ type: 'text', text: said.text });
  for (const id of said.calls) {
    // A tool's own arguments may have any name.
    const input = { city: 'Oslo', signature: 'mine', data: 'too' };
    content.push({ type: 'tool_use', id: `toolu_${id}`, name: 'look', input });
  }
  return content;
}

const emptyOf = ({ type }: Body): Body =>
  type === 'thinking'
    ? { thinking: '', signature: '' }
    : type === 'text'
      ? { text: '' }
      : type === 'tool_use'
        ? { input: {} }
        : {};

function deltasOf(block: Body): Body[] {
  switch (block.type) {
    case 'thinking':
      return [
        { type: 'thinking_delta', thinking: block.thinking },
        { type: 'signature_delta', signature: block.signature },
      ];
    case 'text':
      return [{ type: 'text_delta', text: block.text }];
    case 'tool_use':
      return [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input) }];
    default:
      return [];
  }
}
