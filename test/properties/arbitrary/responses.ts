import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/turn/json.ts';
import {
  base64,
  callId,
  fixed,
  jsonObject,
  list,
  members,
  number,
  open,
  schema,
  text,
  toolName,
  tools,
  word,
} from './common.ts';

const askedText = open(members({ type: fixed('input_text'), text }));

const asked = fc.oneof(
  { weight: 3, arbitrary: askedText },
  open(
    members(
      { type: fixed('input_image'), detail: word('auto', 'low', 'high') },
      {
        image_url: fc.oneof(
          base64.map((data) => `data:image/png;base64,${data}`),
          fixed('https://example.com/a.png'),
        ),
      },
    ).filter((image) => image.image_url !== undefined),
  ),
  open(
    fc.oneof(
      members({ type: fixed('input_file'), file_id: callId('file-') }),
      members({ type: fixed('input_file'), file_url: fixed('https://example.com/a.pdf') }),
      members({
        type: fixed('input_file'),
        file_data: base64.map((data) => `data:application/pdf;base64,${data}`),
        filename: text,
      }),
    ),
  ),
);

const question = (role: string, content: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> =>
  open(members({ type: fixed('message'), role: fixed(role), content: list(content) }));

const user = question('user', asked);

const answer = open(
  members(
    {
      type: fixed('message'),
      id: callId('msg_'),
      role: fixed('assistant'),
      status: fixed('completed'),
      content: list(
        members({ type: fixed('output_text'), text, annotations: fixed([]), logprobs: fixed([]) }),
        2,
      ),
    },
    { phase: word('commentary', 'final_answer') },
  ),
);

const reasoning = members(
  {
    type: fixed('reasoning'),
    id: callId('rs_'),
    summary: list(members({ type: fixed('summary_text'), text }), 2, 0),
    encrypted_content: base64,
  },
  { content: list(members({ type: fixed('reasoning_text'), text }), 1) },
);

const call = fc.oneof(
  open(
    members(
      {
        type: fixed('function_call'),
        call_id: callId('call_'),
        name: toolName,
        arguments: jsonObject.map((value) => JSON.stringify(value)),
      },
      { id: callId('fc_'), status: fixed('completed'), namespace: toolName },
    ),
  ),
  members(
    { type: fixed('custom_tool_call'), call_id: callId('call_'), name: toolName, input: text },
    { id: callId('ctc_') },
  ),
);

/** Calls and, at once, their results. */
const calling = fc
  .tuple(
    fc.option(reasoning),
    fc.uniqueArray(call, { minLength: 1, maxLength: 3, selector: ({ call_id }) => call_id }),
    fc.array(
      fc.oneof(
        text,
        list(
          fc.oneof(
            askedText,
            members({
              type: fixed('input_image'),
              image_url: fixed('https://example.com/a.png'),
              detail: fixed('auto'),
            }),
          ),
          2,
        ),
      ) as fc.Arbitrary<Json>,
      { minLength: 3, maxLength: 3 },
    ),
  )
  .map(([thought, calls, outputs]): JsonObject[] => [
    ...(thought ? [thought] : []),
    ...calls,
    ...calls.map(({ type, call_id }, i): JsonObject => ({
      type: `${type as string}_output`,
      call_id: call_id!,
      output: outputs[i]!,
    })),
  ]);

const hosted = fc.oneof(
  members({
    type: fixed('web_search_call'),
    id: callId('ws_'),
    status: fixed('completed'),
    action: members({ type: fixed('search'), query: text }),
  }),
  members({ type: fixed('compaction'), id: callId('cmp_'), encrypted_content: base64 }),
  members({ type: fixed('item_reference'), id: callId('msg_') }),
);

const exchange = fc
  .tuple(
    user,
    fc.option(calling),
    fc.option(hosted),
    fc.option(reasoning),
    answer,
    fc.option(question('developer', askedText)),
  )
  .map(([first, called, host, thought, said, aside]): JsonObject[] => [
    first,
    ...(called ?? []),
    ...(host ? [host] : []),
    ...(thought ? [thought] : []),
    said,
    ...(aside ? [aside] : []),
  ]);

export const input: fc.Arbitrary<JsonObject[]> = fc
  .tuple(
    fc.array(fc.oneof(question('system', askedText), question('developer', askedText)), { maxLength: 2 }),
    fc.array(exchange, { maxLength: 3 }),
    user,
  )
  .map(([head, exchanges, last]) => [...head, ...exchanges.flat(), last]);

const tool = fc.oneof(
  open(
    members(
      { type: fixed('function'), name: toolName, parameters: schema },
      { description: text, strict: fc.boolean(), defer_loading: fixed(true) },
    ),
  ),
  members({ type: fixed('custom'), name: toolName }, { description: text, format: fixed({ type: 'text' }) }),
  open(members({ type: fixed('web_search') }, { search_context_size: word('low', 'high') })),
  members({ type: fixed('file_search'), vector_store_ids: list(callId('vs_')) }),
  members({ type: fixed('mcp'), server_label: toolName, server_url: fixed('https://example.com/mcp') }),
);

const isNotEmpty = (object: JsonObject): boolean => Object.keys(object).length > 0;

/** Responses requests, as their clients write them. */
export const responsesRequest: fc.Arbitrary<JsonObject> = open(
  members(
    { model: fixed('m'), input },
    {
      instructions: text,
      tools: tools(tool, (one) => one.name ?? one.type!).filter((all) => all.length > 0),
      tool_choice: fc.oneof(
        word('auto', 'none', 'required'),
        toolName.map((name) => ({ type: 'function', name })),
        toolName.map((name) => ({
          type: 'allowed_tools',
          mode: 'auto',
          tools: [{ type: 'function', name }],
        })),
        fixed({ type: 'web_search' }),
      ),
      parallel_tool_calls: fc.boolean(),
      temperature: number(0, 2),
      top_p: number(0, 1),
      top_logprobs: fc.integer({ min: 0, max: 20 }),
      max_output_tokens: fc.integer({ min: 16, max: 100_000 }),
      max_tool_calls: fc.integer({ min: 1, max: 9 }),
      reasoning: members(
        {},
        { effort: word('none', 'low', 'high', 'xhigh'), summary: word('auto', 'detailed') },
      ).filter(isNotEmpty),
      text: members(
        {},
        {
          verbosity: word('low', 'high'),
          format: fc.oneof(
            fixed({ type: 'text' }),
            fixed({ type: 'json_object' }),
            members(
              { type: fixed('json_schema'), name: toolName, schema },
              { description: text, strict: fc.boolean() },
            ),
          ),
        },
      ).filter(isNotEmpty),
      include: list(word('reasoning.encrypted_content', 'web_search_call.results'), 2),
      prompt_cache_key: text,
      previous_response_id: callId('resp_'),
      store: fc.boolean(),
      stream: fixed(true),
      service_tier: word('auto', 'flex'),
      truncation: word('auto', 'disabled'),
      user: text,
      safety_identifier: text,
      metadata: fc.dictionary(toolName, text, { maxKeys: 2 }).map((value) => ({ ...value })),
    },
  ),
);
