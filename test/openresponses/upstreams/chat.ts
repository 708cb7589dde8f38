import { list, object, string } from '../../conformance/canonical/read.ts';
import { unknownMembers } from '../../conformance/request-members.ts';
import { requestSchemaFaults } from '../../conformance/schema.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { tokens, type Heard, type HeardPart, type Said } from './model.ts';
import { dataUrl, pieces, type Body, type Wire } from './simulator.ts';

/**
 * A server that speaks Chat Completions alone, as local and second-source servers do: it knows neither `developer`
 * messages nor `max_completion_tokens`, and tells its reasoning in `reasoning_content`.
 */
export const chatOnly: Wire = {
  route: ({ pathname }) => (pathname === '/v1/chat/completions' ? {} : undefined),
  unwelcome: (headers) =>
    headers.get('authorization') === 'Bearer upstream-key' ? undefined : 'Incorrect API key provided',
  faults: (body) => [
    ...requestSchemaFaults('openai-chat', body),
    ...unknownMembers('openai-chat', body)
      .filter((path) => !/^messages\[\d+\]\.reasoning_content$/.test(path))
      .map((path) => `Unrecognized request argument supplied: ${path}`),
    ...(body['max_completion_tokens'] === undefined ? [] : ['max_completion_tokens is not known here']),
    ...conversationFaults(list(body['messages'])),
  ],
  heard,
  whole: (said) => ({
    ...head('chat.completion'),
    choices: [{ index: 0, message: message(said), logprobs: null, finish_reason: finish(said) }],
    usage,
  }),
  events(said) {
    const chunk = (delta: Body, finish_reason: string | null = null): string =>
      JSON.stringify({
        ...head('chat.completion.chunk'),
        choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      });
    let calls = 0;
    const deltas = said.parts.flatMap((part): Body[] => {
      switch (part.kind) {
        case 'text':
          return pieces(part.text).map((content) => ({ content }));
        case 'refusal':
          return pieces(part.text).map((refusal) => ({ refusal }));
        case 'thought':
          return pieces(part.text).map((reasoning_content) => ({ reasoning_content }));
        case 'compaction':
          throw new Error('this server compacts nothing');
        case 'call': {
          const index = calls++;
          return [
            {
              tool_calls: [
                { index, id: part.id, type: 'function', function: { name: part.name, arguments: '' } },
              ],
            },
            ...pieces(part.input).map((text) => ({ tool_calls: [{ index, function: { arguments: text } }] })),
          ];
        }
      }
    });
    return blocksOfPayloads(
      [
        chunk({ role: 'assistant', content: '' }),
        ...deltas.map((delta) => chunk(delta)),
        chunk({}, finish(said)),
        JSON.stringify({ ...head('chat.completion.chunk'), choices: [], usage }),
      ],
      'openai-chat',
    );
  },
  failure: () => {
    const data = JSON.stringify({
      error: { message: 'The server had an error', type: 'server_error', code: null },
    });
    return { text: `data: ${data}`, data };
  },
  refusal(kind, message) {
    const [status, type, code] = refusals[kind];
    return { status, body: { error: { message, type, param: null, code } } };
  },
};

const refusals = {
  invalid: [400, 'invalid_request_error', null],
  unauthorized: [401, 'invalid_request_error', 'invalid_api_key'],
  not_found: [404, 'invalid_request_error', 'model_not_found'],
  rate_limited: [429, 'requests', 'rate_limit_exceeded'],
  overloaded: [503, 'server_error', null],
} as const;

const head = (kind: string): Body => ({
  id: 'chatcmpl-1',
  object: kind,
  created: 1_767_225_600,
  model: 'm-1',
});

const usage = {
  prompt_tokens: tokens.input,
  completion_tokens: tokens.output,
  total_tokens: tokens.input + tokens.output,
  prompt_tokens_details: { cached_tokens: tokens.cached },
  completion_tokens_details: { reasoning_tokens: tokens.reasoning },
};

const finish = ({ stop }: Said): string =>
  ({ end: 'stop', calls: 'tool_calls', length: 'length', filter: 'content_filter' })[stop];

function message(said: Said): Body {
  const join = (kind: 'text' | 'refusal' | 'thought'): string | null =>
    said.parts.flatMap((part) => (part.kind === kind ? [part.text] : [])).join('') || null;
  const calls = said.parts.flatMap((part) =>
    part.kind === 'call'
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.input } }]
      : [],
  );
  const thought = join('thought');
  return {
    role: 'assistant',
    content: join('text'),
    refusal: join('refusal'),
    ...(thought && { reasoning_content: thought }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Rules of a conversation that a schema cannot say. */
function conversationFaults(messages: readonly Body[]): string[] {
  const faults: string[] = [];
  let open = new Set<string>();
  messages.forEach((message, i) => {
    const role = string(message['role']);
    if (role === 'developer') faults.push(`messages[${i}]: unexpected role 'developer'`);
    if (role === 'tool') {
      if (!open.delete(string(message['tool_call_id'])))
        faults.push(`messages[${i}] answers no tool call before it`);
      return;
    }
    if (open.size > 0) faults.push(`messages[${i}] comes before every tool call is answered`);
    open = new Set(list(message['tool_calls']).map((call) => string(call['id'])));
  });
  if (open.size > 0) faults.push('the last tool calls are not answered');
  return faults;
}

function heard(body: Body): Heard {
  const messages = list(body['messages']);
  const allowed = object(object(body['tool_choice'])['allowed_tools']);
  const choice = allowed['mode'] ?? body['tool_choice'];
  const named = string(object(object(choice)['function'])['name']);
  const effort = body['reasoning_effort'];
  return {
    system: messages
      .filter((message) => message['role'] === 'system')
      .map((message) => textOf(message['content']))
      .join('\n'),
    turns: messages
      .filter((message) => message['role'] !== 'system')
      .map((message) => ({
        role: message['role'] === 'assistant' ? 'assistant' : 'user',
        parts: partsOf(message),
      })),
    tools: list(allowed['tools'] ?? body['tools']).map((tool) => string(object(tool['function'])['name'])),
    toolChoice: named || (typeof choice === 'string' ? choice : 'auto'),
    parallel: body['parallel_tool_calls'] !== false,
    schema: object(body['response_format'])['type'] === 'json_schema',
    outputTokensMax: body['max_tokens'] as number | undefined,
    reasoning: effort !== undefined && effort !== null && effort !== 'none',
  };
}

function partsOf(message: Body): HeardPart[] {
  if (message['role'] === 'tool') {
    return [{ kind: 'result', id: string(message['tool_call_id']), text: textOf(message['content']) }];
  }
  const calls = list(message['tool_calls']).map((call): HeardPart => ({
    kind: 'call',
    id: string(call['id']),
    name: string(object(call['function'])['name']),
  }));
  const content = message['content'];
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : list(content);
  return [
    ...parts.map((part): HeardPart => {
      switch (part['type']) {
        case 'image_url':
          return { kind: 'image', ...dataUrl(object(part['image_url'])['url']) };
        case 'file':
          return { kind: 'file', ...dataUrl(object(part['file'])['file_data']) };
        default:
          return { kind: 'text', text: string(part['text'] ?? part['refusal']) };
      }
    }),
    ...calls,
  ];
}

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => string(part['text']))
        .join('');
