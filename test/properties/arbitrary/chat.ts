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

const textPart = open(members({ type: fixed('text'), text }));

const part = fc.oneof(
  textPart,
  open(
    members({
      type: fixed('image_url'),
      image_url: members(
        {
          url: fc.oneof(
            base64.map((data) => `data:image/png;base64,${data}`),
            fixed('https://example.com/a.png'),
          ),
        },
        { detail: word('auto', 'low', 'high') },
      ),
    }),
  ),
  open(
    members({
      type: fixed('input_audio'),
      input_audio: members({ data: base64, format: word('wav', 'mp3') }),
    }),
  ),
  open(
    members({
      type: fixed('file'),
      file: fc.oneof(
        members({ file_id: callId('file-') }),
        members({ file_data: base64.map((data) => `data:application/pdf;base64,${data}`), filename: text }),
      ),
    }),
  ),
);

/** A list of parts; a single plain text is the same as the text itself. */
const content = (of: fc.Arbitrary<JsonObject>): fc.Arbitrary<Json> => fc.oneof(text, list(of, 3, 2));

const told = (role: string): fc.Arbitrary<JsonObject> =>
  open(members({ role: fixed(role), content: content(textPart) }, { name: toolName }));

const user = open(members({ role: fixed('user'), content: content(part) }, { name: toolName }));

const call = fc.oneof(
  members({
    id: callId('call_'),
    type: fixed('function'),
    function: members({ name: toolName, arguments: jsonObject.map((value) => JSON.stringify(value)) }),
  }),
  members({ id: callId('call_'), type: fixed('custom'), custom: members({ name: toolName, input: text }) }),
);

const answer = open(
  members({ role: fixed('assistant'), content: text }, { reasoning_content: text, name: toolName }),
);

/** Calls and, at once, their results. */
const calling = fc
  .tuple(
    fc.uniqueArray(call, { minLength: 1, maxLength: 3, selector: ({ id }) => id }),
    fc.option(text),
    list(text, 3, 3),
  )
  .map(([calls, said, results]): JsonObject[] => [
    { role: 'assistant', content: said, tool_calls: calls },
    ...calls.map(({ id }, i) => ({ role: 'tool', tool_call_id: id!, content: results[i]! })),
  ]);

const exchange = fc
  .tuple(
    user,
    fc.option(calling),
    answer,
    fc.option(fc.oneof(told('system'), told('developer')), { freq: 4 }),
  )
  .map(([asked, called, said, aside]): JsonObject[] => [
    asked,
    ...(called ?? []),
    said,
    ...(aside ? [aside] : []),
  ]);

/** A conversation that ends with a question. */
export const messages: fc.Arbitrary<JsonObject[]> = fc
  .tuple(
    fc.array(fc.oneof(told('system'), told('developer')), { maxLength: 2 }),
    fc.array(exchange, { maxLength: 3 }),
    user,
  )
  .map(([head, exchanges, last]) => [...head, ...exchanges.flat(), last]);

const tool = fc.oneof(
  open(
    members({
      type: fixed('function'),
      function: members({ name: toolName }, { description: text, parameters: schema, strict: fc.boolean() }),
    }),
  ),
  members({
    type: fixed('custom'),
    custom: members({ name: toolName }, { description: text, format: fixed({ type: 'text' }) }),
  }),
);

/** A name that no tool of another kind has. */
const chosen = toolName.map((name) => `pick_${name}`);

const choice = fc.oneof(
  word('auto', 'none', 'required'),
  chosen.map((name) => ({ type: 'function', function: { name } })),
  chosen.map((name) => ({ type: 'custom', custom: { name } })),
  chosen.map((name) => ({
    type: 'allowed_tools',
    allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name } }] },
  })),
);

/** Chat Completions requests, as their clients write them. */
export const chatRequest: fc.Arbitrary<JsonObject> = open(
  members(
    { model: fixed('m'), messages },
    {
      tools: tools(tool, (one) => ((one.function ?? one.custom) as JsonObject).name!).filter(
        (all) => all.length > 0,
      ),
      tool_choice: choice,
      parallel_tool_calls: fc.boolean(),
      temperature: number(0, 2),
      top_p: number(0, 1),
      seed: fc.integer(),
      frequency_penalty: number(-2, 2),
      presence_penalty: number(-2, 2),
      logit_bias: fixed({ 50: -100 }),
      logprobs: fc.boolean(),
      top_logprobs: fc.integer({ min: 0, max: 20 }),
      stop: list(text, 4),
      n: fc.integer({ min: 1, max: 4 }),
      max_completion_tokens: fc.integer({ min: 1, max: 100_000 }),
      reasoning_effort: word('none', 'minimal', 'low', 'medium', 'high', 'xhigh'),
      response_format: fc.oneof(
        fixed({ type: 'text' }),
        fixed({ type: 'json_object' }),
        members({
          type: fixed('json_schema'),
          json_schema: members({ name: toolName, schema }, { description: text, strict: fc.boolean() }),
        }),
      ),
      verbosity: word('low', 'medium', 'high'),
      modalities: fixed(['text']),
      prompt_cache_key: text,
      prompt_cache_retention: word('in_memory', '24h'),
      store: fc.boolean(),
      service_tier: word('auto', 'default', 'flex', 'priority'),
      user: text,
      safety_identifier: text,
      metadata: fc.dictionary(toolName, text, { maxKeys: 2 }).map((value) => ({ ...value })),
      web_search_options: members({}, { search_context_size: word('low', 'high') }),
      prediction: text.map((predicted) => ({ type: 'content', content: predicted })),
    },
  ),
);
