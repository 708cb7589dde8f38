import { has, list, object, string } from '../../conformance/canonical/read.ts';
import { unknownMembers } from '../../conformance/request-members.ts';
import { requestSchemaFaults } from '../../conformance/schema.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { seal, tokens, type Heard, type HeardPart, type Said, type SaidPart } from './model.ts';
import { dataUrl, pieces, type Body, type Wire } from './simulator.ts';

/** Anthropic's Messages API. */
export const messages: Wire = {
  route: ({ pathname }) => (pathname === '/v1/messages' ? {} : undefined),
  unwelcome(headers) {
    if (headers.get('x-api-key') !== 'upstream-key') return 'x-api-key header is required';
    return headers.has('anthropic-version') ? undefined : 'anthropic-version: header is required';
  },
  faults: (body) => [
    ...requestSchemaFaults('anthropic-messages', body),
    ...unknownMembers('anthropic-messages', body).map((path) => `${path}: Extra inputs are not permitted`),
    ...conversationFaults(list(body['messages'])),
    ...samplingFaults(body),
  ],
  heard,
  whole: (said) => ({
    ...message,
    content: said.parts.map((part) => block(part, true)),
    stop_reason: stopReason(said),
    usage: { ...usage, output_tokens: tokens.output },
  }),
  events: (said) =>
    blocksOfPayloads(
      [
        { type: 'message_start', message },
        { type: 'ping' },
        ...said.parts.flatMap((part, index) => [
          { type: 'content_block_start', index, content_block: block(part, false) },
          ...deltas(part).map((delta) => ({ type: 'content_block_delta', index, delta })),
          { type: 'content_block_stop', index },
        ]),
        {
          type: 'message_delta',
          delta: { stop_reason: stopReason(said), stop_sequence: null },
          usage: { output_tokens: tokens.output },
        },
        { type: 'message_stop' },
      ].map((event) => JSON.stringify(event)),
      'anthropic-messages',
    ),
  failure: () =>
    blocksOfPayloads(
      [JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })],
      'anthropic-messages',
    )[0]!,
  refusal(kind, text) {
    const [status, type] = refusals[kind];
    return { status, body: { type: 'error', error: { type, message: text }, request_id: 'req_1' } };
  },
};

const refusals = {
  invalid: [400, 'invalid_request_error'],
  unauthorized: [401, 'authentication_error'],
  not_found: [404, 'not_found_error'],
  rate_limited: [429, 'rate_limit_error'],
  overloaded: [529, 'overloaded_error'],
} as const;

const usage = {
  input_tokens: tokens.input - tokens.cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: tokens.cached,
  output_tokens: 1,
};

const message: Body = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm-1',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage,
};

const stopReason = ({ stop, parts }: Said): string =>
  parts.some((part) => part.kind === 'refusal')
    ? 'refusal'
    : { end: 'end_turn', calls: 'tool_use', length: 'max_tokens', filter: 'refusal' }[stop];

function block(part: SaidPart, whole: boolean): Body {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: whole ? part.text : '' };
    case 'thought':
      return { type: 'thinking', thinking: whole ? part.text : '', signature: whole ? part.seal : '' };
    case 'call':
      return { type: 'tool_use', id: part.id, name: part.name, input: whole ? JSON.parse(part.input) : {} };
    case 'compaction':
      throw new Error('this server compacts nothing');
  }
}

function deltas(part: SaidPart): Body[] {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return pieces(part.text).map((text) => ({ type: 'text_delta', text }));
    case 'thought':
      return [
        ...pieces(part.text).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: part.seal },
      ];
    case 'call':
      return pieces(part.input).map((partial_json) => ({ type: 'input_json_delta', partial_json }));
    case 'compaction':
      return [];
  }
}

/** What the API says no to though the schema allows it. */
function conversationFaults(turns: readonly Body[]): string[] {
  const faults: string[] = [];
  if (turns[0]?.['role'] !== 'user') faults.push('messages: first message must use the "user" role');
  let open: string[] = [];
  turns.forEach((turn, i) => {
    const blocks = blocksOf(turn);
    const answered = blocks
      .filter(({ type }) => type === 'tool_result')
      .map((one) => string(one['tool_use_id']));
    for (const id of open) {
      if (!answered.includes(id))
        faults.push(`messages.${i}: tool_use ${id} has no tool_result right after it`);
    }
    for (const id of answered) {
      if (!open.includes(id)) faults.push(`messages.${i}: tool_result ${id} has no tool_use right before it`);
    }
    if (blocks.findLastIndex(({ type }) => type === 'tool_result') > answered.length - 1) {
      faults.push(`messages.${i}: tool_result blocks must come first`);
    }
    for (const one of blocks) {
      if (one['type'] === 'text' && string(one['text']).trim() === '') {
        faults.push(`messages.${i}: text content blocks must contain non-whitespace text`);
      }
      if (one['type'] === 'thinking' && one['signature'] !== seal) {
        faults.push(`messages.${i}: Invalid signature in thinking block`);
      }
    }
    open = blocks.filter(({ type }) => type === 'tool_use').map((one) => string(one['id']));
  });
  if (open.length > 0) faults.push('messages: the last tool_use is not answered');
  const last = turns.at(-1);
  if (last?.['role'] === 'assistant' && /\s$/.test(string(blocksOf(last).at(-1)?.['text']))) {
    faults.push('messages: final assistant content cannot end with trailing whitespace');
  }
  return faults;
}

function samplingFaults(body: Body): string[] {
  const thinking = object(body['thinking']);
  if (thinking['type'] !== 'enabled') return [];
  const faults: string[] = [];
  if (Number(thinking['budget_tokens']) >= Number(body['max_tokens'])) {
    faults.push('max_tokens must be greater than thinking.budget_tokens');
  }
  if (has(body['temperature']) && body['temperature'] !== 1) {
    faults.push('temperature may only be set to 1 when thinking is enabled');
  }
  const choice = object(body['tool_choice'])['type'];
  if (choice === 'any' || choice === 'tool')
    faults.push('Thinking may not be enabled when tool_choice forces tool use');
  return faults;
}

const blocksOf = (turn: Body): Body[] =>
  typeof turn['content'] === 'string' ? [{ type: 'text', text: turn['content'] }] : list(turn['content']);

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => string(part['text']))
        .join('');

function heard(body: Body): Heard {
  const choice = object(body['tool_choice']);
  const word = { any: 'required', none: 'none', tool: string(choice['name']) }[string(choice['type'])];
  return {
    system: textOf(body['system']),
    turns: list(body['messages']).map((turn) => ({
      role: turn['role'] === 'assistant' ? 'assistant' : 'user',
      parts: blocksOf(turn).map(partOf),
    })),
    tools: list(body['tools']).map((tool) => string(tool['name'])),
    toolChoice: word ?? 'auto',
    parallel: choice['disable_parallel_tool_use'] !== true,
    schema: object(object(body['output_config'])['format'])['type'] === 'json_schema',
    outputTokensMax: body['max_tokens'] as number,
    reasoning: ['enabled', 'adaptive'].includes(string(object(body['thinking'])['type'])),
  };
}

function partOf(part: Body): HeardPart {
  const source = object(part['source']);
  const media =
    source['type'] === 'url'
      ? dataUrl(source['url'])
      : { mime: string(source['media_type']), data: string(source['data']) };
  switch (part['type']) {
    case 'image':
      return { kind: 'image', ...media };
    case 'document':
      return { kind: 'file', ...media };
    case 'tool_use':
      return { kind: 'call', id: string(part['id']), name: string(part['name']) };
    case 'tool_result':
      return { kind: 'result', id: string(part['tool_use_id']), text: textOf(part['content']) };
    case 'thinking':
      return { kind: 'thought', seal: string(part['signature']) };
    default:
      return { kind: 'text', text: string(part['text']) };
  }
}
