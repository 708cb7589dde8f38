import { describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import type { Fate, Member } from '../../../src/protocols/contract.ts';
import { contract } from '../../../src/protocols/google-gemini/contract.ts';
import type { Abilities, Protocol } from '../../../src/protocols/protocol.ts';
import type { JsonObject } from '../../../src/turn/json.ts';

/** A request of a Chat client in which a case of a member's treatment comes about. */
type Row = readonly [member: Member, name: string, body: JsonObject, abilities?: Abilities];

const user = (...content: JsonObject[]): JsonObject => ({ messages: [{ role: 'user', content }] });
const image = (url: string): JsonObject => user({ type: 'image_url', image_url: { url } });
const file = (mime: string): JsonObject =>
  user({ type: 'file', file: { file_data: `data:${mime};base64,aGk=` } });
const deaf: Abilities = { inputs: new Set(['text'] as const) };
const tool = (parameters: JsonObject): JsonObject => ({
  tools: [{ type: 'function', function: { name: 'f', parameters } }],
});
const format = (schema?: JsonObject): JsonObject => ({
  response_format: { type: 'json_schema', json_schema: { name: 'n', ...(schema && { schema }) } },
});
const object = (p: JsonObject): JsonObject => ({ type: 'object', properties: { p } });
const known = tool(object({ type: 'string' }));
const node: JsonObject = { type: 'object', properties: { next: { $ref: '#/$defs/node' } } };
const doubling: JsonObject = { $defs: {}, $ref: '#/$defs/d0' };
for (let i = 0; i < 20; i++) {
  const next = { $ref: `#/$defs/d${i + 1}` };
  (doubling.$defs as JsonObject)[`d${i}`] = { type: 'object', properties: { a: next, b: next } };
}
(doubling.$defs as JsonObject).d20 = { type: 'string' };
const levels: Abilities = { reasoning: { by: ['effort'], efforts: ['low', 'high'], off: false } };
const budgets: Abilities = { reasoning: { by: ['budget'], budgetTokensMin: 128, budgetTokensMax: 1000 } };
const unable: Abilities = { reasoning: { by: [] } };
const fixed: Abilities = { fixedSampling: true };
const says = (role: string): JsonObject => ({
  messages: [
    { role: 'user', content: 'hi' },
    { role, content: 'Mind.' },
  ],
});

const schemas = (member: Member, holder: (schema: JsonObject) => JsonObject): Row[] => [
  [member, 'keyword', holder(object({ type: 'array', uniqueItems: true }))],
  [member, 'format', holder(object({ type: 'string', format: 'uri' }))],
  [member, 'recursion', holder({ $defs: { node }, ...object({ $ref: '#/$defs/node' }) })],
  [member, 'size', holder(doubling)],
];

const rows: readonly Row[] = [
  ['turns.system', 'later', says('system')],
  ['turns.developer', 'later', says('developer')],
  ['parts.image', 'fetched', image('https://e.example/a.png')],
  ['parts.image', 'unreadable', image('data:image/png;base64,aGk='), deaf],
  [
    'parts.audio',
    'unreadable',
    user({ type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } }),
    deaf,
  ],
  ['parts.document', 'unreadable', file('application/pdf'), deaf],
  ['parts.file', 'unreadable', file('application/zip'), deaf],
  ['parts.url', 'fetched', user({ type: 'file', file: { file_data: 'https://e.example/a.pdf' } })],
  [
    'parts.result_media',
    'behind',
    {
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        {
          role: 'tool',
          tool_call_id: 'c',
          content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }],
        },
      ],
    },
  ],
  ...schemas('tools.schema', tool),
  ['tools.schema', 'union', tool({ anyOf: [object({}), object({})] })],
  ['tools.schema', 'object', tool({ ...object({}), type: 'string' })],
  ['toolChoice', 'missing', { ...known, tool_choice: { type: 'function', function: { name: 'g' } } }],
  ['toolChoice', 'unknown', { ...known, tool_choice: { type: 'newer' } }],
  [
    'toolChoice.allowed',
    'missing',
    {
      ...known,
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'auto',
          tools: ['f', 'g'].map((name) => ({ type: 'function', function: { name } })),
        },
      },
    },
  ],
  ['sampling.temperature', 'fixed', { temperature: 0.5 }, fixed],
  ['sampling.temperature', 'scale', { temperature: 3 }],
  ['sampling.topP', 'fixed', { top_p: 0.5 }, fixed],
  ['sampling.topK', 'fixed', { top_k: 5 }, fixed],
  ['sampling.seed', 'range', { seed: 2 ** 40 }],
  ['sampling.topLogprobs', 'many', { logprobs: true, top_logprobs: 30 }],
  ['sampling.stop', 'many', { stop: ['1', '2', '3', '4', '5', '6'] }],
  ['outputTokensMax', 'model', { max_tokens: 1000 }, { outputTokensMax: 500 }],
  ['reasoning.mode', 'unable', { reasoning: { enabled: true } }, unable],
  ['reasoning.mode', 'always', { reasoning: { enabled: false } }, levels],
  ['reasoning.mode', 'default', { reasoning: { enabled: true } }, levels],
  ['reasoning.effort', 'unable', { reasoning_effort: 'high' }, unable],
  ['reasoning.effort', 'always', { reasoning_effort: 'none' }, levels],
  ['reasoning.effort', 'nearest', { reasoning_effort: 'max' }, levels],
  ['reasoning.effort', 'unknown', { reasoning_effort: 'mighty' }, levels],
  ['reasoning.effort', 'asBudget', { reasoning_effort: 'high' }],
  ['reasoning.budgetTokens', 'unable', { reasoning: { max_tokens: 4000 } }, unable],
  ['reasoning.budgetTokens', 'always', { reasoning: { max_tokens: 0 } }, levels],
  ['reasoning.budgetTokens', 'nearest', { reasoning: { max_tokens: 8000 } }, levels],
  ['reasoning.budgetTokens', 'bounds', { reasoning: { max_tokens: 8000 } }, budgets],
  ['reasoning.budgetTokens', 'beside', { reasoning: { effort: 'high', max_tokens: 4000 } }, levels],
  ['reasoning.budgetTokens', 'asEffort', { reasoning: { max_tokens: 1000 } }, levels],
  ...schemas('format.schema', format),
  ['format.schema', 'unable', format(object({})), { outputSchema: false }],
  ['format.schema', 'absent', format()],
  ['meta.tier', 'unknown', { service_tier: 'scale' }],
];

/** Members that Chat clients have no field for, or no value. */
const elsewhere = new Set(['parts.video unreadable', 'reasoning.show length']);

const actions: Partial<Record<Fate, string>> = { drop: 'dropped', emulate: 'emulated', clamp: 'clamped' };

const notesOf = (from: Protocol, body: JsonObject, abilities: Abilities = {}) =>
  googleGemini.encodeRequest(from.decodeRequest(body), { model: 'm', issuer: 'here', abilities }).notes;

describe('the exceptions of the table', () => {
  test('each has a request in which it comes about', () => {
    const stated = Object.entries(contract.members).flatMap(([member, { cases = {} }]) =>
      Object.keys(cases).map((name) => `${member} ${name}`),
    );
    const sampled = rows.map(([member, name]) => `${member} ${name}`);
    expect(stated.filter((one) => !sampled.includes(one) && !elsewhere.has(one))).toEqual([]);
    expect(sampled.filter((one) => !stated.includes(one))).toEqual([]);
  });

  test.each(
    rows.map(
      ([member, name, body, abilities]) => [`${member}, ${name}`, member, name, body, abilities] as const,
    ),
  )('%s', (_, member, name, body, abilities) => {
    const { fate, why, weight = 'note' } = contract.members[member].cases![name]!;
    const notes = notesOf(
      openaiChat,
      { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body },
      abilities,
    );
    expect(notes).toContainEqual({
      path: expect.any(String) as string,
      action: (actions[fate] ?? 'dropped') as 'dropped',
      why: expect.stringContaining(why) as string,
      weight,
    });
  });

  test('how much of the thoughts a Responses client wants to see', () => {
    const notes = notesOf(openaiResponses, {
      model: 'm',
      input: 'hi',
      reasoning: { effort: 'low', summary: 'detailed' },
    });
    const { why } = contract.members['reasoning.show'].cases!.length!;
    expect(notes.map((note) => note.why)).toContain(why);
  });
});
