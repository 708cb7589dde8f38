import type { Payload } from '../canonical.ts';
import type { CheckId } from '../check.ts';
import { refusalMisses } from '../asked/answers.ts';
import { compareRequests } from '../asked/compare.ts';
import { nameMisses, oddNames, returnMisses } from '../asked/names.ts';
import { refusedRequests, rejectionMisses, verdicts } from '../asked/rejections.ts';
import { requestCell } from '../asked/run.ts';
import { schemaMisses } from '../asked/schemas.ts';
import { nativeMisses, sentMisses } from '../asked/sent.ts';
import { type Surface, surfaces } from '../finish.ts';
import type { Proof } from './proof.ts';
import { idsOf } from './transport.ts';

const image = 'iVBORw0KGgo=';
const schema = { type: 'object', properties: { city: { type: 'string', maxLength: 9 } }, required: ['city'] };
const format = { type: 'object', properties: { sum: { type: 'integer' } } };

/** One question in each protocol: all that a request can ask of every one of them. */
export const sameQuestion: Readonly<Record<Surface, Payload>> = {
  'openai-chat': {
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'rain' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', description: 'Weather', parameters: schema } }],
    tool_choice: 'required',
    max_completion_tokens: 99,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END'],
    response_format: { type: 'json_schema', json_schema: { name: 'sum', schema: format } },
  },
  'openai-responses': {
    model: 'm',
    instructions: 'Be brief.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this?' },
          { type: 'input_image', image_url: `data:image/png;base64,${image}` },
        ],
      },
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Oslo"}' },
      { type: 'function_call_output', call_id: 'c1', output: 'rain' },
    ],
    tools: [{ type: 'function', name: 'weather', description: 'Weather', parameters: schema }],
    tool_choice: 'required',
    max_output_tokens: 99,
    temperature: 0.5,
    top_p: 0.9,
    text: { format: { type: 'json_schema', name: 'sum', schema: format } },
  },
  'anthropic-messages': {
    model: 'm',
    system: 'Be brief.',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
        ],
      },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'c1', name: 'weather', input: { city: 'Oslo' } }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'rain' }] },
    ],
    tools: [{ name: 'weather', description: 'Weather', input_schema: schema }],
    tool_choice: { type: 'any' },
    max_tokens: 99,
    temperature: 0.5,
    top_p: 0.9,
    stop_sequences: ['END'],
    output_config: { format: { type: 'json_schema', schema: format } },
  },
  'google-gemini': {
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [
      {
        role: 'user',
        parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: image } }],
      },
      { role: 'model', parts: [{ functionCall: { name: 'weather', args: { city: 'Oslo' } } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'rain' } } }] },
    ],
    tools: [
      {
        functionDeclarations: [{ name: 'weather', description: 'Weather', parametersJsonSchema: schema }],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    generationConfig: {
      maxOutputTokens: 99,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ['END'],
      responseMimeType: 'application/json',
      responseJsonSchema: format,
    },
  },
};

/** What a careless translation would do, by the text that it changes in the request of each upstream. */
const careless: readonly { fault: string; from: RegExp; to: string }[] = [
  { fault: 'the instructions are lost', from: /Be brief\./, to: '' },
  { fault: 'an image has other bytes', from: /iVBORw0KGgo=/, to: 'iVBORw0KGgA=' },
  { fault: 'a result is another', from: /"rain"/, to: '"snow"' },
  { fault: 'arguments of a call are another', from: /Oslo/, to: 'Bergen' },
  { fault: 'a tool’s description is lost', from: /"description":"Weather"/, to: '"description":""' },
  { fault: 'a tool’s schema takes more', from: /"maxLength":9/, to: '"maxLength":99' },
  { fault: 'the limit is another', from: /(:|s":)99\b/, to: '$19' },
  { fault: 'the temperature is lost', from: /"temperature":0.5,/, to: '' },
  { fault: 'the format is another', from: /"integer"/, to: '"string"' },
  { fault: 'a tool need not be called', from: /"(required|any|ANY)"(?!:)/, to: '"auto"' },
  { fault: 'the model speaks for the user', from: /"role":"user"/, to: '"role":"<model>"' },
];

/** The faults of a translated request: Q. */
export function askedProofs(upstream: Surface): Proof[] {
  const from = surfaces.find((surface) => surface !== upstream && surface !== 'openai-responses')!;
  const native = sameQuestion[upstream];
  const compared = (sent: Payload): CheckId[] =>
    idsOf(compareRequests(from, upstream, sameQuestion[from], sent).misses);
  const offered = new Map<string, unknown>([['weather', schema]]);
  const taken = refusedRequests.filter((refused) => refused.upstream === upstream);
  return [
    ...careless.map(({ fault, from: text, to }): Proof => ({
      check: 'Q1',
      fault,
      found: () => compared(changed(native, fault, text, to, upstream)),
    })),
    {
      check: 'Q1',
      fault: 'a request of the same protocol is changed',
      found: () => idsOf(nativeMisses(native, { json: { ...native, added: true } } as never)),
    },
    {
      check: 'Q2',
      fault: 'a keyword of a schema is left out without a word',
      found: () => idsOf(schemaMisses(offered, new Map([['weather', { ...schema, required: [] }]]), '')),
    },
    {
      check: 'Q2',
      fault: 'a tool is not offered',
      found: () => idsOf(schemaMisses(offered, new Map(), '')),
    },
    { check: 'Q2', fault: 'a name is not legal', found: () => idsOf(nameMisses(upstream, oddNames)) },
    {
      check: 'Q2',
      fault: 'two names fall together',
      found: () =>
        idsOf(
          nameMisses(
            upstream,
            oddNames.map((name) => name.replace(/\W/g, '_').slice(0, 60)),
          ),
        ),
    },
    {
      check: 'Q2',
      fault: 'a call comes back under the wire’s name',
      found: () => idsOf(returnMisses('a b', 'a_b')),
    },
    ...taken.map((refused): Proof => ({
      check: 'Q3',
      fault: `${refused.case} of ${refused.pair} goes up as it was refused`,
      needsCorpus: true,
      found() {
        const { request } = verdicts().find((one) => one.pair === refused.pair && one.case === refused.case)!;
        // One verdict is kept without its request, but names the field.
        return idsOf(rejectionMisses(refused, request ?? { temperature: 0.7 }));
      },
    })),
    {
      check: 'Q3',
      fault: 'a member of another protocol goes up',
      needsCorpus: true,
      found: () => idsOf(sentMisses('made up', upstream, { ...native, foreign_member: 1 })),
    },
    {
      check: 'Q4',
      fault: 'an odd request breaks the gateway',
      found: () =>
        idsOf(
          refusalMisses(
            'fuzz',
            upstream,
            500,
            '{"error":{"message":"oh","type":"x","code":500,"status":"X"},"type":"error"}',
            0,
          ),
        ),
    },
    {
      check: 'Q4',
      fault: 'a refusal is a page of HTML',
      found: () => idsOf(refusalMisses('fuzz', upstream, 400, '<html>Bad Request</html>', 0)),
    },
    {
      check: 'Q4',
      fault: 'the gateway is gone',
      async found() {
        const request = { name: 'made up', surface: upstream, body: native as never };
        const stage = { gateway: { url: 'http://127.0.0.1:1' } };
        const errand = {
          stage,
          kind: 'fuzz',
          request,
          upstream: from,
          stream: false,
          model: 'm',
          sent: new Map(),
        };
        return idsOf((await requestCell(errand as never)).misses);
      },
    },
  ];
}

function changed(body: Payload, fault: string, from: RegExp, to: string, upstream: Surface): Payload {
  const before = JSON.stringify(body);
  const model = upstream === 'google-gemini' ? 'model' : 'assistant';
  const after = before.replace(from, to.replace('<model>', model));
  if (after === before) throw new Error(`${fault}: the mutant changes nothing for ${upstream}`);
  return JSON.parse(after) as Payload;
}
