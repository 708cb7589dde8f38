import { list, object, string } from '../../conformance/canonical/read.ts';
import { unknownMembers } from '../../conformance/request-members.ts';
import { requestSchemaFaults } from '../../conformance/schema.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { seal, tokens, type Heard, type HeardPart, type Said, type SaidPart } from './model.ts';
import { dataUrl, pieces, type Body, type Wire } from './simulator.ts';

/** The id of the one response that the simulated server remembers. */
export const remembered = 'resp_remembered';

/** OpenAI's Responses API. */
export const responses: Wire = {
  route: ({ pathname }) =>
    pathname === '/v1/responses' ? {} : pathname === '/v1/responses/compact' ? { compacts: true } : undefined,
  unwelcome: (headers) =>
    headers.get('authorization') === 'Bearer upstream-key' ? undefined : 'Incorrect API key provided',
  faults: (body) => [
    ...requestSchemaFaults('openai-responses', body).filter((fault) => !optional.test(fault)),
    ...unknownMembers('openai-responses', body)
      .filter((path) => !ofMessages.test(path))
      .map((path) => `Unknown parameter: '${path}'.`),
    ...itemFaults(body),
  ],
  heard,
  whole: (said, body) =>
    response(
      said,
      body,
      said.parts.map((part, i) => item(part, i, said)),
    ),
  events(said, body) {
    const opening = { ...response(said, body, []), status: 'in_progress', completed_at: null, usage: null };
    const whole = response(
      said,
      body,
      said.parts.map((part, i) => item(part, i, said)),
    );
    const events = [
      { type: 'response.created', response: { ...opening, incomplete_details: null } },
      { type: 'response.in_progress', response: { ...opening, incomplete_details: null } },
      ...said.parts.flatMap((part, i) => itemEvents(part, i, said)),
      { type: `response.${string(whole['status'])}`, response: whole },
    ];
    return blocksOfPayloads(
      events.map((event, sequence_number) => JSON.stringify({ ...event, sequence_number })),
      'openai-responses',
    );
  },
  failure: () =>
    blocksOfPayloads(
      [
        JSON.stringify({
          type: 'error',
          code: 'server_error',
          message: 'The server had an error',
          param: null,
          sequence_number: 99,
        }),
      ],
      'openai-responses',
    )[0]!,
  refusal(kind, text) {
    const [status, type, code] = refusals[kind];
    if (text === forgotten) {
      const error = {
        message: forgotten,
        type,
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      };
      return { status, body: { error } };
    }
    return { status, body: { error: { message: text, type, param: null, code } } };
  },
};

/** Messages that came out of a compaction have ids, and go in again as they are. */
const ofMessages = /^input\[\d+\]\.id$/;

/** Required by the description and left out by every client: the API fills them in. */
const optional = /must have required property '(strict|detail)'$/;

const forgotten = 'Previous response not found.';

const refusals = {
  invalid: [400, 'invalid_request_error', null],
  unauthorized: [401, 'invalid_request_error', 'invalid_api_key'],
  not_found: [404, 'invalid_request_error', 'model_not_found'],
  rate_limited: [429, 'requests', 'rate_limit_exceeded'],
  overloaded: [503, 'server_error', 'server_is_overloaded'],
} as const;

/** The repeated request and the defaults of what it left out, as the real API answers them. */
function response(said: Said, body: Body, output: Body[]): Body {
  const cut = said.stop === 'length' || said.stop === 'filter';
  const reason = said.stop === 'length' ? 'max_output_tokens' : 'content_filter';
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1_767_225_600,
    completed_at: cut ? null : 1_767_225_601,
    status: cut ? 'incomplete' : 'completed',
    error: null,
    incomplete_details: cut ? { reason } : null,
    model: 'm-1',
    output,
    usage: {
      input_tokens: tokens.input,
      input_tokens_details: { cached_tokens: tokens.cached },
      output_tokens: tokens.output,
      output_tokens_details: { reasoning_tokens: tokens.reasoning },
      total_tokens: tokens.input + tokens.output,
    },
    background: false,
    frequency_penalty: 0,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: body['max_tool_calls'] ?? null,
    metadata: body['metadata'] ?? {},
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    presence_penalty: 0,
    previous_response_id: body['previous_response_id'] ?? null,
    prompt_cache_key: body['prompt_cache_key'] ?? null,
    reasoning: { effort: null, summary: null, ...object(body['reasoning']) },
    safety_identifier: body['safety_identifier'] ?? null,
    service_tier: 'default',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: textOptions(object(body['text'])),
    tool_choice: choiceOf(body['tool_choice']),
    tools: list(body['tools']).map((tool) => ({
      description: null,
      parameters: null,
      strict: true,
      ...tool,
    })),
    top_logprobs: body['top_logprobs'] ?? 0,
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
  };
}

function textOptions(text: Body): Body {
  const format = object(text['format']);
  if (format['type'] !== 'json_schema') return { verbosity: 'medium', ...text, format: { type: 'text' } };
  return { verbosity: 'medium', ...text, format: { description: null, strict: false, ...format } };
}

const choiceOf = (choice: unknown): unknown =>
  object(choice)['type'] === 'allowed_tools' ? { mode: 'auto', ...object(choice) } : (choice ?? 'auto');

function item(part: SaidPart, index: number, said: Said): Body {
  const last = index === said.parts.length - 1;
  const status = last && (said.stop === 'length' || said.stop === 'filter') ? 'incomplete' : 'completed';
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return {
        id: `msg_${index}`,
        type: 'message',
        status,
        role: 'assistant',
        content: [content(part, true)],
      };
    case 'thought':
      return {
        id: `rs_${index}`,
        type: 'reasoning',
        summary: [{ type: 'summary_text', text: part.text }],
        encrypted_content: part.seal,
      };
    case 'compaction':
      return { id: `cmp_${index}`, type: 'compaction', encrypted_content: sealed(part.summary) };
    case 'call':
      return {
        id: `fc_${index}`,
        type: 'function_call',
        status,
        call_id: part.id,
        name: part.name,
        arguments: part.input,
      };
  }
}

/** What the server seals for itself. */
const sealPrefix = 'gAAAA';
const sealed = (text: string): string => sealPrefix + btoa(text);
const opened = (blob: string): string => atob(blob.slice(sealPrefix.length));

const content = (part: Extract<SaidPart, { kind: 'text' | 'refusal' }>, whole: boolean): Body =>
  part.kind === 'text'
    ? { type: 'output_text', text: whole ? part.text : '', annotations: [], logprobs: [] }
    : { type: 'refusal', refusal: whole ? part.text : '' };

function itemEvents(part: SaidPart, output_index: number, said: Said): Body[] {
  const done = item(part, output_index, said);
  const at = { item_id: done['id'], output_index };
  const begun: Body = { ...done, ...(hasStatus(part) ? { status: 'in_progress' } : {}) };
  if (part.kind === 'call') begun['arguments'] = '';
  else if (part.kind === 'thought') begun['summary'] = [];
  else if (part.kind !== 'compaction') begun['content'] = [];
  return [
    { type: 'response.output_item.added', output_index, item: begun },
    ...partEvents(part, at),
    { type: 'response.output_item.done', output_index, item: done },
  ];
}

const hasStatus = ({ kind }: SaidPart): boolean => kind !== 'thought' && kind !== 'compaction';

function partEvents(part: SaidPart, at: Body): Body[] {
  switch (part.kind) {
    case 'compaction':
      return [];
    case 'text':
    case 'refusal': {
      const place = { ...at, content_index: 0 };
      const type = part.kind === 'text' ? 'response.output_text' : 'response.refusal';
      const more = part.kind === 'text' ? { logprobs: [] } : {};
      return [
        { type: 'response.content_part.added', ...place, part: content(part, false) },
        ...pieces(part.text).map((delta) => ({ type: `${type}.delta`, ...place, delta, ...more })),
        { type: `${type}.done`, ...place, [part.kind]: part.text, ...more },
        { type: 'response.content_part.done', ...place, part: content(part, true) },
      ];
    }
    case 'thought': {
      const place = { ...at, summary_index: 0 };
      const kind = 'response.reasoning_summary';
      return [
        { type: `${kind}_part.added`, ...place, part: { type: 'summary_text', text: '' } },
        ...pieces(part.text).map((delta) => ({ type: `${kind}_text.delta`, ...place, delta })),
        { type: `${kind}_text.done`, ...place, text: part.text },
        { type: `${kind}_part.done`, ...place, part: { type: 'summary_text', text: part.text } },
      ];
    }
    case 'call': {
      const kind = 'response.function_call_arguments';
      return [
        ...pieces(part.input).map((delta) => ({ type: `${kind}.delta`, ...at, delta })),
        { type: `${kind}.done`, ...at, name: part.name, arguments: part.input },
      ];
    }
  }
}

const itemsOf = (input: unknown): Body[] =>
  typeof input === 'string' ? [{ role: 'user', content: input }] : list(input);

/** What the API says no to though the schema allows it. */
function itemFaults(body: Body): string[] {
  const previous = body['previous_response_id'];
  if (previous !== undefined && previous !== null && previous !== remembered) return [forgotten];
  const faults: string[] = [];
  const open = new Set<string>();
  for (const one of itemsOf(body['input'])) {
    const id = string(one['call_id']);
    if (one['type'] === 'function_call') open.add(id);
    if (one['type'] === 'function_call_output' && !open.delete(id)) {
      faults.push(`No tool call found for function call output with call_id ${id}.`);
    }
    if (one['type'] === 'compaction' && !string(one['encrypted_content']).startsWith(sealPrefix)) {
      faults.push('The encrypted content could not be verified.');
    }
    if (one['type'] === 'reasoning' && one['encrypted_content'] !== seal) {
      faults.push('The encrypted content could not be verified.');
    }
  }
  for (const id of open) faults.push(`No tool output found for function call ${id}.`);
  return faults;
}

function heard(body: Body): Heard {
  const items = itemsOf(body['input']);
  const isSystem = (one: Body): boolean => one['role'] === 'system' || one['role'] === 'developer';
  const choice = body['tool_choice'];
  const allowed = object(choice)['type'] === 'allowed_tools' ? list(object(choice)['tools']) : undefined;
  const tools = (allowed ?? list(body['tools'])).map((tool) => string(tool['name']));
  const earlier: Heard['turns'] =
    body['previous_response_id'] === remembered
      ? [
          { role: 'user', parts: [{ kind: 'text', text: 'My name is Alice.' }] },
          { role: 'assistant', parts: [{ kind: 'text', text: 'Hello Alice!' }] },
        ]
      : [];
  const own = items.filter((one) => !isSystem(one));
  return {
    system: [
      string(body['instructions']),
      ...items.filter(isSystem).map((one) => textOf(one['content'])),
    ].join('\n'),
    turns: [
      ...earlier,
      ...own.map((one) => ({
        role: one['role'] === 'assistant' || isOutput(one) ? ('assistant' as const) : ('user' as const),
        parts: partsOf(one),
      })),
    ],
    tools,
    toolChoice: string(object(choice)['name']) || (typeof choice === 'string' ? choice : 'auto'),
    parallel: body['parallel_tool_calls'] !== false,
    schema: object(object(body['text'])['format'])['type'] === 'json_schema',
    outputTokensMax: (body['max_output_tokens'] ?? undefined) as number | undefined,
    compacts: items.at(-1)?.['type'] === 'compaction_trigger',
    reasoning: !['', 'none'].includes(string(object(body['reasoning'])['effort'])),
  };
}

const isOutput = (one: Body): boolean => one['type'] === 'function_call' || one['type'] === 'reasoning';

function partsOf(one: Body): HeardPart[] {
  switch (one['type']) {
    case 'function_call':
      return [{ kind: 'call', id: string(one['call_id']), name: string(one['name']) }];
    case 'function_call_output':
      return [{ kind: 'result', id: string(one['call_id']), text: textOf(one['output']) }];
    case 'compaction':
      return [{ kind: 'text', text: opened(string(one['encrypted_content'])) }];
    case 'compaction_trigger':
      return [];
    case 'reasoning':
      return [{ kind: 'thought', seal: string(one['encrypted_content']) }];
  }
  const content = one['content'];
  const parts = typeof content === 'string' ? [{ type: 'input_text', text: content }] : list(content);
  return parts.map((part): HeardPart => {
    switch (part['type']) {
      case 'input_image':
        return { kind: 'image', ...dataUrl(part['image_url']) };
      case 'input_file':
        return { kind: 'file', ...dataUrl(part['file_data']) };
      default:
        return { kind: 'text', text: string(part['text'] ?? part['refusal']) };
    }
  });
}

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => string(part['text']))
        .join('');
