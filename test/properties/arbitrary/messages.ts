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

const mark = {
  cache_control: fc.oneof(fixed({ type: 'ephemeral' }), fixed({ type: 'ephemeral', ttl: '1h' })),
};

const textBlock = open(members({ type: fixed('text'), text }, mark));

const image = open(
  members(
    {
      type: fixed('image'),
      source: fc.oneof(
        members({ type: fixed('base64'), media_type: word('image/png', 'image/webp'), data: base64 }),
        fixed({ type: 'url', url: 'https://example.com/a.png' }),
        callId('file_').map((file_id) => ({ type: 'file', file_id })),
      ),
    },
    mark,
  ),
);

const document = open(
  members(
    {
      type: fixed('document'),
      source: fc.oneof(
        members({ type: fixed('base64'), media_type: fixed('application/pdf'), data: base64 }),
        members({ type: fixed('text'), media_type: fixed('text/plain'), data: text }),
        fixed({ type: 'url', url: 'https://example.com/a.pdf' }),
      ),
    },
    { title: text, context: text, citations: fixed({ enabled: true }), ...mark },
  ),
);

const found = open(
  members({
    type: fixed('search_result'),
    source: fixed('https://example.com'),
    title: text,
    content: list(members({ type: fixed('text'), text }), 2),
  }),
);

const askedBlock = fc.oneof({ weight: 3, arbitrary: textBlock }, image, document, found);

const thinking = fc.oneof(
  members({ type: fixed('thinking'), thinking: text, signature: base64 }),
  members({ type: fixed('redacted_thinking'), data: base64 }),
);

const call = open(
  members({ type: fixed('tool_use'), id: callId('toolu_'), name: toolName, input: jsonObject }, mark),
);

const user: fc.Arbitrary<JsonObject> = members({
  role: fixed('user'),
  content: fc.oneof(text, list(askedBlock)) as fc.Arbitrary<Json>,
});

const answer = fc
  .tuple(fc.array(thinking, { maxLength: 1 }), fc.oneof(text, list(textBlock)))
  .map(([thought, said]): JsonObject => {
    if (thought.length === 0) return { role: 'assistant', content: said };
    const blocks = typeof said === 'string' ? [{ type: 'text', text: said }] : said;
    return { role: 'assistant', content: [...thought, ...blocks] };
  });

/** Calls and, at once, their results. */
const calling = fc
  .tuple(
    fc.array(thinking, { maxLength: 1 }),
    fc.uniqueArray(call, { minLength: 1, maxLength: 3, selector: ({ id }) => id }),
    fc.array(
      members(
        { content: fc.oneof(text, list(fc.oneof(textBlock, image), 2)) as fc.Arbitrary<Json> },
        { is_error: fc.boolean() },
      ),
      {
        minLength: 3,
        maxLength: 3,
      },
    ),
  )
  .map(([thought, calls, results]): JsonObject[] => [
    { role: 'assistant', content: [...thought, ...calls] },
    {
      role: 'user',
      content: calls.map(({ id }, i) => ({ type: 'tool_result', tool_use_id: id!, ...results[i] })),
    },
  ]);

const exchange = fc
  .tuple(user, fc.option(calling), answer)
  .map(([asked, called, said]): JsonObject[] => [asked, ...(called ?? []), said]);

export const messages: fc.Arbitrary<JsonObject[]> = fc
  .tuple(fc.array(exchange, { maxLength: 3 }), user)
  .map(([exchanges, last]) => [...exchanges.flat(), last]);

const tool = fc.oneof(
  open(
    members({ name: toolName, input_schema: schema }, { description: text, strict: fc.boolean(), ...mark }),
  ),
  open(
    members(
      { type: fixed('web_search_20250305'), name: fixed('web_search') },
      { max_uses: fc.integer({ min: 1, max: 9 }) },
    ),
  ),
  members({ type: fixed('bash_20250124'), name: fixed('bash') }),
);

const alone = { disable_parallel_tool_use: fc.boolean() };

/** Messages requests, as their clients write them. */
export const messagesRequest: fc.Arbitrary<JsonObject> = open(
  members(
    { model: fixed('m'), messages, max_tokens: fc.integer({ min: 1, max: 100_000 }) },
    {
      system: fc.oneof(text, list(textBlock)) as fc.Arbitrary<Json>,
      tools: tools(tool, ({ name }) => name!).filter((all) => all.length > 0),
      tool_choice: fc.oneof(
        members({ type: word('auto', 'any') }, alone),
        members({ type: fixed('tool'), name: toolName }, alone),
        fixed({ type: 'none' }),
      ),
      temperature: number(0, 1),
      top_p: number(0, 1),
      top_k: fc.integer({ min: 1, max: 500 }),
      stop_sequences: list(text, 4),
      thinking: fc.oneof(
        fc.integer({ min: 1024, max: 100_000 }).map((budget_tokens) => ({ type: 'enabled', budget_tokens })),
        fixed({ type: 'disabled' }),
        members({ type: fixed('adaptive') }, { display: word('summarized', 'omitted') }),
      ),
      output_config: members(
        {},
        {
          effort: word('low', 'medium', 'high', 'max'),
          format: schema.map((value) => ({ type: 'json_schema', schema: value })),
        },
      ),
      service_tier: word('auto', 'standard_only'),
      metadata: members({ user_id: text }),
      stream: fc.boolean(),
      container: callId('container_'),
      context_management: fixed({ edits: [{ type: 'clear_tool_uses_20250919' }] }),
    },
  ),
);
