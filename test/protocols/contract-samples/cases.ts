import type { Member } from '../../../src/protocols/contract.ts';
import type { Abilities, ReasoningAbilities } from '../../../src/protocols/protocol.ts';
import { packSeal } from '../../../src/protocols/seal.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { ProtocolId } from '../../../src/turn/part.ts';
import { png, schema } from './sample.ts';

/** A request in which a case of a member's treatment comes about. */
export interface CaseSample {
  readonly to: ProtocolId;
  readonly member: Member;
  readonly name: string;
  readonly from: ProtocolId;
  /** Members beside those of a minimal request. */
  readonly body: JsonObject;
  readonly abilities?: Abilities;
}

const chat = 'openai-chat';
const responses = 'openai-responses';
const messages = 'anthropic-messages';

const modern: Abilities = { modernChat: true };
const deaf: Abilities = { modernChat: true, inputs: new Set(['text'] as const) };
const fixed: Abilities = { modernChat: true, fixedSampling: true };
const small: Abilities = { modernChat: true, outputTokensMax: 500 };
const formless: Abilities = { modernChat: true, outputSchema: false };
const reasons = (reasoning: ReasoningAbilities, more: Abilities = {}): Abilities => ({
  modernChat: true,
  reasoning,
  ...more,
});

const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const chatImage = user({ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } });
const chatFile = (mime: string): JsonObject =>
  user({ type: 'file', file: { file_data: `data:${mime};base64,YQ==`, filename: 'a' } });
const pdfBlock = user({
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data: 'YQ==' },
});
const imageBlock = user({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: png },
});
const look = { type: 'function', function: { name: 'look', parameters: schema } };
const format = (given: JsonObject | undefined): JsonObject => ({
  response_format: { type: 'json_schema', json_schema: { name: 'n', ...(given && { schema: given }) } },
});
const grammar = { type: 'grammar', syntax: 'regex', definition: 'a+' };
const customTool = { tools: [{ type: 'custom', name: 'say', format: grammar }] };
const long = (length: number): string => 'x'.repeat(length + 1);

type Row = readonly [member: Member, name: string, from: ProtocolId, body: JsonObject, abilities?: Abilities];

const rows = (to: ProtocolId, list: readonly Row[]): CaseSample[] =>
  list.map(([member, name, from, body, abilities]) => ({ to, member, name, from, body, abilities }));

/** By an effort, as the wires of OpenAI say it. */
const byEffort = (more: Partial<ReasoningAbilities> = {}): Abilities =>
  reasons({ by: ['effort'], efforts: ['low', 'high'], ...more });
const unable = reasons({ by: [] });
const always = byEffort({ off: false });

const effortRows: readonly Row[] = [
  ['reasoning.mode', 'unable', messages, { thinking: { type: 'adaptive' } }, unable],
  ['reasoning.mode', 'always', messages, { thinking: { type: 'disabled' } }, always],
  ['reasoning.mode', 'unsure', messages, { thinking: { type: 'disabled' } }, modern],
  ['reasoning.mode', 'default', messages, { thinking: { type: 'enabled' } }, modern],
  ['reasoning.effort', 'unable', messages, { output_config: { effort: 'high' } }, unable],
  ['reasoning.effort', 'always', messages, { output_config: { effort: 'none' } }, always],
  ['reasoning.effort', 'nearest', messages, { output_config: { effort: 'max' } }, byEffort()],
  ['reasoning.effort', 'unknown', messages, { output_config: { effort: 'mighty' } }, byEffort()],
  ...(
    [
      ['unable', 4000, unable],
      ['always', 0, always],
      ['unsure', 0, modern],
      ['nearest', 8000, byEffort()],
      ['asEffort', 4000, modern],
    ] as const
  ).map(([name, budget_tokens, abilities]): Row => [
    'reasoning.budgetTokens',
    name,
    messages,
    { thinking: { budget_tokens } },
    abilities,
  ]),
  [
    'reasoning.budgetTokens',
    'beside',
    messages,
    { thinking: { type: 'enabled', budget_tokens: 4000 }, output_config: { effort: 'high' } },
    modern,
  ],
];

const chatRows: readonly Row[] = [
  ['turns.developer', 'plain', responses, { input: [{ role: 'developer', content: 'D' }] }, {}],
  [
    'parts.image_detail',
    'original',
    responses,
    {
      input: [
        {
          role: 'user',
          content: [{ type: 'input_image', image_url: 'https://a.example/b.png', detail: 'original' }],
        },
      ],
    },
    modern,
  ],
  ['parts.image', 'unreadable', messages, imageBlock, deaf],
  ['parts.document', 'unreadable', messages, pdfBlock, deaf],
  [
    'parts.document',
    'text',
    responses,
    {
      input: [
        {
          role: 'user',
          content: [{ type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,YQ==' }],
        },
      ],
    },
    modern,
  ],
  ...(['unreadable', 'format'] as const).map((name): Row => [
    'parts.audio',
    name,
    responses,
    {
      input: [
        {
          role: 'user',
          content: [{ type: 'input_audio', input_audio: { data: 'YQ==', format: 'flac' } }],
        },
      ],
    },
    name === 'format' ? modern : deaf,
  ]),
  ['tools.custom', 'plain', responses, customTool, {}],
  ['tools.grammar', 'plain', responses, customTool, {}],
  ['toolChoice', 'missing', messages, { tool_choice: { type: 'tool', name: 'gone' } }, modern],
  ['toolChoice', 'unknown', messages, { tool_choice: { type: 'odd' } }, modern],
  ['sampling.temperature', 'fixed', messages, { temperature: 0.2 }, fixed],
  ['sampling.topP', 'fixed', messages, { top_p: 0.2 }, fixed],
  ['sampling.stop', 'many', messages, { stop_sequences: ['1', '2', '3', '4', '5'] }, modern],
  ['outputTokensMax', 'model', messages, { max_tokens: 900 }, small],
  ['output.verbosity', 'plain', responses, { text: { verbosity: 'low' } }, {}],
  [
    'format.schema',
    'unable',
    messages,
    { output_config: { format: { type: 'json_schema', schema } } },
    formless,
  ],
  ['cache.key', 'plain', responses, { prompt_cache_key: 'k' }, {}],
  ['cache.retention', 'plain', responses, { prompt_cache_retention: '24h' }, {}],
  ['state.store', 'plain', responses, { store: true }, {}],
  ['meta.tier', 'plain', responses, { service_tier: 'flex' }, {}],
  ['meta.tier', 'unknown', messages, { service_tier: 'odd' }, modern],
  ['meta.user', 'plain', messages, { metadata: { user_id: 'u' } }, {}],
  ['meta.user', 'long', messages, { metadata: { user_id: long(64) } }, modern],
  ['meta.safetyId', 'plain', responses, { safety_identifier: 's' }, {}],
  ['meta.labels', 'plain', responses, { metadata: { a: 'b' } }, {}],
  ['meta.labels', 'unstored', responses, { metadata: { a: 'b' } }, modern],
  ...effortRows,
];

const responsesRows: readonly Row[] = [
  ['parts.image', 'unreadable', chat, chatImage, deaf],
  ['parts.document', 'unreadable', messages, pdfBlock, deaf],
  [
    'toolChoice',
    'missing',
    chat,
    { tools: [look], tool_choice: { type: 'function', function: { name: 'gone' } } },
  ],
  ['toolChoice', 'unknown', chat, { tools: [look], tool_choice: { type: 'odd' } }],
  ['sampling.temperature', 'fixed', chat, { temperature: 0.2 }, fixed],
  ['sampling.topP', 'fixed', chat, { top_p: 0.2 }, fixed],
  ['sampling.logprobs', 'fixed', chat, { logprobs: true }, fixed],
  ['sampling.topLogprobs', 'fixed', chat, { top_logprobs: 2 }, fixed],
  ['outputTokensMax', 'model', chat, { max_tokens: 900 }, small],
  ['outputTokensMax', 'small', chat, { max_tokens: 5 }],
  ['format.schema', 'unable', chat, format(schema), formless],
  ['cache.key', 'long', chat, { prompt_cache_key: long(64) }],
  ['meta.tier', 'unknown', messages, { service_tier: 'odd' }],
  ['meta.user', 'long', chat, { user: long(64) }],
  ['meta.safetyId', 'long', chat, { safety_identifier: long(64) }],
  ...effortRows,
];

const budgets: Abilities = reasons({ by: ['budget'], budgetTokensMin: 1024, budgetTokensMax: 5000 });
const alwaysBudget: Abilities = reasons({ by: ['budget'], budgetTokensMin: 1024, off: false });
const adaptive: Abilities = reasons({ by: ['adaptive'], efforts: ['low', 'high'] });
const thinks = { reasoning_effort: 'high' };

/** The three ways in which a client of Chat can ask for reasoning. */
const asks = [
  ['reasoning.mode', { reasoning: { enabled: true } }],
  ['reasoning.effort', { reasoning_effort: 'high' }],
  ['reasoning.budgetTokens', { reasoning: { max_tokens: 8000 } }],
] as const;
const began: JsonObject = {
  messages: [
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'seen' },
  ],
};

const messagesRows: readonly Row[] = [
  [
    'turns.system',
    'later',
    chat,
    {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'system', content: 'S' },
      ],
    },
  ],
  [
    'turns.developer',
    'later',
    chat,
    {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'developer', content: 'D' },
      ],
    },
  ],
  ['parts.image', 'unreadable', chat, chatImage, deaf],
  [
    'parts.image',
    'kind',
    chat,
    user({ type: 'image_url', image_url: { url: 'data:image/tiff;base64,YQ==' } }),
  ],
  ['parts.document', 'unreadable', chat, chatFile('application/pdf'), deaf],
  ['parts.document', 'kind', chat, chatFile('application/zip')],
  [
    'parts.cache',
    'many',
    chat,
    user(
      ...['1', '2', '3', '4', '5'].map((text) => ({
        type: 'text',
        text,
        cache_control: { type: 'ephemeral' },
      })),
    ),
  ],
  [
    'parts.reasoning',
    'last',
    chat,
    {
      messages: [
        { role: 'user', content: 'Hi' },
        {
          role: 'assistant',
          content: null,
          reasoning_details: [
            {
              type: 'reasoning.encrypted',
              data: packSeal({ protocol: messages, issuer: 'up', value: 'x' }),
              index: 0,
            },
          ],
        },
        { role: 'user', content: 'More' },
      ],
    },
  ],
  [
    'tools.web_search',
    'named',
    chat,
    { web_search_options: {}, tools: [{ type: 'function', function: { name: 'web_search' } }] },
  ],
  [
    'tools.schema',
    'object',
    chat,
    { tools: [{ type: 'function', function: { name: 'look', parameters: { properties: {} } } }] },
  ],
  [
    'tools.schema',
    'union',
    chat,
    { tools: [{ type: 'function', function: { name: 'look', parameters: { anyOf: [schema] } } }] },
  ],
  [
    'toolChoice',
    'missing',
    chat,
    { tools: [look], tool_choice: { type: 'function', function: { name: 'gone' } } },
  ],
  ['toolChoice', 'unknown', chat, { tools: [look], tool_choice: { type: 'odd' } }],
  [
    'toolChoice.hosted',
    'missing',
    responses,
    { tools: [{ type: 'function', name: 'look' }], tool_choice: { type: 'file_search' } },
  ],
  ['sampling.temperature', 'fixed', chat, { temperature: 0.2 }, fixed],
  ['sampling.temperature', 'scale', chat, { temperature: 1.5 }],
  ['sampling.temperature', 'thinking', chat, { ...thinks, temperature: 0.2 }],
  ['sampling.topP', 'fixed', chat, { top_p: 0.2 }, fixed],
  ['sampling.topP', 'thinking', chat, { ...thinks, top_p: 0.2 }],
  ['sampling.topP', 'beside', chat, { temperature: 0.2, top_p: 0.2 }],
  ['sampling.topK', 'fixed', chat, { top_k: 5 }, fixed],
  ['sampling.topK', 'thinking', chat, { ...thinks, top_k: 5 }],
  ['sampling.stop', 'blank', chat, { stop: ['\n'] }],
  ['outputTokensMax', 'model', chat, { max_tokens: 900 }, small],
  ['format.schema', 'unable', chat, format(schema), formless],
  ['format.schema', 'absent', chat, format(undefined)],
  ['format.schema', 'closed', chat, format({ type: 'object', properties: {} })],
  [
    'format.schema',
    'keywords',
    chat,
    format({ ...schema, properties: { n: { type: 'integer', minimum: 1 } }, required: [] }),
  ],
  [
    'format.schema',
    'recursive',
    chat,
    format({ $defs: { n: { type: 'object', properties: { n: { $ref: '#/$defs/n' } } } }, $ref: '#/$defs/n' }),
  ],
  ['meta.tier', 'unknown', chat, { service_tier: 'flex' }],
  ['meta.user', 'long', chat, { user: long(512) }],
  ['meta.user', 'beside', chat, { user: 'u', safety_identifier: 's' }],
  ['meta.safetyId', 'long', chat, { safety_identifier: long(512) }],

  ...asks.flatMap(([member, body]): Row[] => [
    [member, 'unable', chat, body, unable],
    [member, 'forced', chat, { ...body, tools: [look], tool_choice: 'required' }],
    [member, 'begun', chat, { ...body, ...began }],
    [member, 'room', chat, { ...body, max_tokens: 1500 }],
    [member, 'fit', chat, { ...body, max_tokens: 3000 }],
  ]),
  ['reasoning.mode', 'always', chat, { reasoning: { enabled: false } }, alwaysBudget],
  ['reasoning.effort', 'always', chat, { reasoning_effort: 'none' }, alwaysBudget],
  ['reasoning.budgetTokens', 'always', chat, { reasoning: { max_tokens: 0 } }, alwaysBudget],
  ['reasoning.effort', 'nearest', chat, { reasoning_effort: 'max' }, adaptive],
  ['reasoning.effort', 'unknown', chat, { reasoning_effort: 'mighty' }],
  ['reasoning.effort', 'asBudget', chat, thinks],
  ['reasoning.effort', 'covered', chat, { reasoning: { effort: 'high', max_tokens: 4000 } }],
  ['reasoning.budgetTokens', 'bounds', chat, { reasoning: { max_tokens: 8000 } }, budgets],
  ['reasoning.budgetTokens', 'beside', chat, { reasoning: { effort: 'high', max_tokens: 4000 } }, adaptive],
  ['reasoning.budgetTokens', 'asEffort', chat, { reasoning: { max_tokens: 4000 } }, adaptive],
];

/** For each case of a treatment, a request in which it comes about. */
export const caseSamples: readonly CaseSample[] = [
  ...rows(chat, chatRows),
  ...rows(responses, responsesRows),
  ...rows(messages, messagesRows),
];
