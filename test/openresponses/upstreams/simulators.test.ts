import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../../support/corpus.ts';
import { chatOnly } from './chat.ts';
import { gemini } from './gemini.ts';
import { messages } from './messages.ts';
import { responses } from './responses.ts';
import { startSimulator, type Body, type Simulator, type Wire } from './simulator.ts';

// A simulated upstream proves something only as far as it refuses what the real one refuses.
const described = corpusAvailable ? describe : describe.skip;

interface Subject {
  readonly wire: Wire;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Body;
  /** Members laid over a good body, and the words of the refusal. */
  readonly refused: readonly (readonly [string, Body, RegExp])[];
}

const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } };
const use = { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} };

const subjects: Readonly<Record<string, Subject>> = {
  'Chat Completions': {
    wire: chatOnly,
    path: '/v1/chat/completions',
    headers: { authorization: 'Bearer upstream-key' },
    body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
    refused: [
      ['an unknown member', { top_k: 4 }, /top_k/],
      ['a member of a wrong type', { temperature: 'warm' }, /temperature/],
      ['a developer message', { messages: [{ role: 'developer', content: 'x' }] }, /developer/],
      ['a role of another protocol', { messages: [{ role: 'model', content: 'x' }] }, /messages/],
      [
        'a result without its call',
        { messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] },
        /no tool call/,
      ],
      [
        'a call without its result',
        {
          messages: [
            { role: 'assistant', tool_calls: [call] },
            { role: 'user', content: 'x' },
          ],
        },
        /before every tool call/,
      ],
    ],
  },
  Messages: {
    wire: messages,
    path: '/v1/messages',
    headers: { 'x-api-key': 'upstream-key', 'anthropic-version': '2023-06-01' },
    body: { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
    refused: [
      ['an unknown member', { frequency_penalty: 1 }, /Extra inputs are not permitted/],
      ['a missing limit', { max_tokens: undefined }, /max_tokens/],
      ['a first turn of the assistant', { messages: [{ role: 'assistant', content: 'x' }] }, /first message/],
      [
        'empty text',
        { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
        /non-whitespace/,
      ],
      [
        'a call without its result',
        {
          messages: [
            { role: 'user', content: 'x' },
            { role: 'assistant', content: [use] },
            { role: 'user', content: 'y' },
          ],
        },
        /no tool_result/,
      ],
      [
        'thinking with a foreign signature',
        {
          messages: [
            { role: 'user', content: 'x' },
            { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'forged' }] },
            { role: 'user', content: 'y' },
          ],
        },
        /Invalid signature/,
      ],
      ['a budget above the limit', { thinking: { type: 'enabled', budget_tokens: 1024 } }, /greater than/],
    ],
  },
  Gemini: {
    wire: gemini,
    path: '/v1beta/models/m:generateContent',
    headers: { 'x-goog-api-key': 'upstream-key' },
    body: { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
    refused: [
      ['an unknown member', { temperature: 1 }, /additional properties: .*temperature/],
      [
        'a role of another protocol',
        { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] },
        /valid role/,
      ],
      ['a turn without parts', { contents: [{ role: 'user', parts: [] }] }, /at least one parts/],
      [
        'a result without its call',
        { contents: [{ role: 'user', parts: [{ functionResponse: { name: 'f', response: {} } }] }] },
        /1 function responses for 0/,
      ],
      [
        'a call without its thought signature',
        {
          contents: [
            { role: 'user', parts: [{ text: 'x' }] },
            { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
            { role: 'user', parts: [{ functionResponse: { name: 'f', response: {} } }] },
          ],
        },
        /missing a thought_signature/,
      ],
      [
        'allowed functions in mode AUTO',
        { toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['f'] } } },
        /only works with mode/,
      ],
      [
        'a schema without its media type',
        { generationConfig: { responseJsonSchema: { type: 'object' } } },
        /needs response_mime_type/,
      ],
    ],
  },
  Responses: {
    wire: responses,
    path: '/v1/responses',
    headers: { authorization: 'Bearer upstream-key' },
    body: { model: 'm', input: 'hi' },
    refused: [
      ['an unknown member', { stop: ['x'] }, /Unknown parameter: 'stop'/],
      ['a member of a wrong type', { max_output_tokens: 'many' }, /max_output_tokens/],
      [
        'a result without its call',
        { input: [{ type: 'function_call_output', call_id: 'x', output: 'y' }] },
        /No tool call/,
      ],
      [
        'a call without its result',
        { input: [{ type: 'function_call', call_id: 'x', name: 'f', arguments: '{}' }] },
        /No tool output/,
      ],
      [
        'reasoning of another',
        { input: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'forged' }] },
        /could not be verified/,
      ],
      ['a response that nobody keeps', { previous_response_id: 'resp_x' }, /not found/],
    ],
  },
};

for (const [name, { wire, path, headers, body, refused }] of Object.entries(subjects)) {
  described(`the simulated ${name} upstream`, () => {
    let simulator: Simulator;
    beforeAll(() => {
      simulator = startSimulator(wire);
    });
    afterAll(() => simulator.stop());

    const send = (members: Body, more = headers, to = path): Promise<Response> =>
      fetch(simulator.url + to, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...more },
        body: JSON.stringify({ ...body, ...members }),
      });

    test('answers a good request', async () => {
      expect((await send({})).status).toBe(200);
    });

    test.each(refused)('refuses %s', async (_, members, words) => {
      const reply = await send(members);
      expect(reply.status).toBe(400);
      expect(await reply.text()).toMatch(words);
    });

    test.each(Object.keys(headers))('refuses a request without %s', async (header) => {
      const { [header]: _, ...others } = headers;
      expect([401, 403]).toContain((await send({}, others)).status);
    });

    test('knows no other model', async () => {
      const other = path.replace('models/m:', 'models/other:');
      expect((await send({ ...('model' in body && { model: 'other' }) }, headers, other)).status).toBe(404);
    });
  });
}
