import { describe, expect, test } from 'bun:test';
import { GoogleGenAI, type Content } from '@google/genai';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../../src/protocols/protocol.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import {
  chunk,
  context,
  decodeRequest,
  decodeStream,
  encodeStream,
  fold,
  framesOfChunks,
  partsOf,
  source,
  target,
} from './support.ts';

const signature = 'EvEBCu4BAQw51sdWw1wI3BUHK8lRMRRl';

/** What Gemini says in its first turn: a thought, a word, and two calls of which the first is signed. */
const first = [
  chunk([{ text: 'I need both.', thought: true }]),
  chunk([{ text: 'One moment.' }]),
  chunk([
    { functionCall: { id: 'g1', name: 'get_weather', args: { city: 'Paris' } }, thoughtSignature: signature },
  ]),
  chunk([{ functionCall: { id: 'g2', name: 'get_weather', args: { city: 'Rome' } } }], {
    finishReason: 'STOP',
  }),
];
const events = decodeStream(framesOfChunks(first));
const result = (surface: Protocol): JsonObject => surface.encodeResult(fold(events), context).body;

/** Each client's second request: its history, with what the gateway told it as it came. */
const clients: readonly [Protocol, () => JsonObject][] = [
  [
    openaiChat,
    () => {
      const [choice] = result(openaiChat).choices as JsonObject[];
      const tool = (tool_call_id: string, content: string) => ({ role: 'tool', tool_call_id, content });
      return {
        model: 'm',
        messages: [
          { role: 'user', content: 'Weather?' },
          choice!.message!,
          tool('g2', 'rain'),
          tool('g1', 'sun'),
        ],
      };
    },
  ],
  [
    openaiResponses,
    () => {
      const output = result(openaiResponses).output as JsonObject[];
      const item = (call_id: string, text: string) => ({
        type: 'function_call_output',
        call_id,
        output: text,
      });
      return {
        model: 'm',
        input: [{ role: 'user', content: 'Weather?' }, ...output, item('g2', 'rain'), item('g1', 'sun')],
      };
    },
  ],
  [
    anthropicMessages,
    () => {
      const block = (tool_use_id: string, content: string) => ({ type: 'tool_result', tool_use_id, content });
      return {
        model: 'm',
        max_tokens: 100,
        messages: [
          { role: 'user', content: 'Weather?' },
          { role: 'assistant', content: result(anthropicMessages).content! },
          { role: 'user', content: [block('g2', 'rain'), block('g1', 'sun')] },
        ],
      };
    },
  ],
];

describe('Gemini gets back what it said through a client of', () => {
  test.each(clients.map(([surface, request]) => [surface.id, surface, request] as const))(
    '%s',
    (_, surface, request) => {
      const { body } = googleGemini.encodeRequest(surface.decodeRequest(request()), {
        ...target,
        model: 'gemini-3-pro',
      });
      const [, model, results] = body.contents as JsonObject[];
      const parts = model!.parts as JsonObject[];
      expect(parts.filter(({ thought }) => thought !== true)).toEqual([
        { text: 'One moment.' },
        {
          functionCall: { id: 'g1', name: 'get_weather', args: { city: 'Paris' } },
          thoughtSignature: signature,
        },
        { functionCall: { id: 'g2', name: 'get_weather', args: { city: 'Rome' } } },
      ]);
      expect(results!.parts).toEqual([
        { functionResponse: { id: 'g1', name: 'get_weather', response: { output: 'sun' } } },
        { functionResponse: { id: 'g2', name: 'get_weather', response: { output: 'rain' } } },
      ]);
    },
  );
});

test('through a client that puts all reasoning first, each signature finds the part it came on', () => {
  const signed = [
    chunk([{ text: 'One moment.' }]),
    chunk([{ text: '', thoughtSignature: 'VA==' }]),
    chunk([{ functionCall: { id: 'g1', name: 'f', args: {} }, thoughtSignature: 'Qw==' }], {
      finishReason: 'STOP',
    }),
  ];
  for (const [text, place] of [
    [signed, 'on an empty text'],
    [
      [chunk([{ text: 'One ' }]), chunk([{ text: 'moment.', thoughtSignature: 'VA==' }]), signed[2]!],
      'on the text',
    ],
  ] as const) {
    const reply = fold(decodeStream(framesOfChunks(text)));
    const [choice] = openaiChat.encodeResult(reply, context).body.choices as JsonObject[];
    const request = openaiChat.decodeRequest({
      model: 'm',
      messages: [{ role: 'user', content: 'Go' }, choice!.message!],
    });
    const parts = (googleGemini.encodeRequest(request, target).body.contents as JsonObject[])[1]!
      .parts as JsonObject[];
    expect({ place, call: parts.at(-1) }).toEqual({
      place,
      call: { functionCall: { id: 'g1', name: 'f', args: {} }, thoughtSignature: 'Qw==' },
    });
    if (place === 'on the text') expect(parts[0]).toEqual({ text: 'One moment.', thoughtSignature: 'VA==' });
  }
});

/** A turn of another upstream: sealed reasoning, a word and a call. */
const foreign: Readonly<Record<string, TurnEvent[]>> = Object.fromEntries(
  [anthropicMessages, openaiResponses, openaiChat].map(({ id }) => [
    id,
    [
      { kind: 'start', id: 'r', model: 'm' },
      {
        kind: 'part_start',
        choice: 0,
        index: 0,
        part:
          id === 'openai-responses'
            ? { kind: 'reasoning', summary: [], id: 'rs_1' }
            : { kind: 'reasoning', text: '' },
      },
      ...['I should ', 'look.'].map((value): TurnEvent => ({
        kind: 'part_delta',
        choice: 0,
        index: 0,
        delta: id === 'openai-responses' ? { field: 'summary', section: 0, value } : { field: 'text', value },
      })),
      {
        kind: 'part_delta',
        choice: 0,
        index: 0,
        delta: {
          field: 'seal',
          value: {
            protocol: id,
            issuer: 'there',
            value:
              id === 'openai-chat'
                ? '[{"type":"reasoning.text","text":"I should look.","signature":"x"}]'
                : 'SEALED+/==',
          },
        },
      },
      { kind: 'part_end', choice: 0, index: 0 },
      { kind: 'part_start', choice: 0, index: 1, part: { kind: 'text', text: '' } },
      { kind: 'part_delta', choice: 0, index: 1, delta: { field: 'text', value: 'One ' } },
      { kind: 'part_delta', choice: 0, index: 1, delta: { field: 'text', value: 'moment.' } },
      { kind: 'part_end', choice: 0, index: 1 },
      {
        kind: 'part_start',
        choice: 0,
        index: 2,
        part: {
          kind: 'tool_call',
          callId: 'toolu_1',
          family: 'function',
          name: 'look',
          input: '',
          inputAs: 'json',
          by: 'client',
        },
      },
      { kind: 'part_delta', choice: 0, index: 2, delta: { field: 'input', value: '{}' } },
      { kind: 'part_end', choice: 0, index: 2 },
      { kind: 'stop', choice: 0, stop: { reason: 'tool_use' } },
    ] satisfies TurnEvent[],
  ]),
);

/** Serves one reply of the gateway to the official SDK; returns what its chat then sends. */
async function chatHistory(reply: readonly TurnEvent[]): Promise<Content[]> {
  const seen: JsonObject[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      seen.push((await request.json()) as JsonObject);
      return new Response(encodeStream(reply), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const ai = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: `http://127.0.0.1:${server.port}` } });
  const chat = ai.chats.create({ model: 'm' });
  for (const message of ['Go.', [{ functionResponse: { name: 'look', response: { output: 'seen' } } }]]) {
    for await (const _ of await chat.sendMessageStream({ message })) continue;
  }
  return seen[1]!.contents as unknown as Content[];
}

/** What Gemini CLI keeps of a reply: no thoughts, and texts that follow one another joined. */
function cliHistory(reply: readonly TurnEvent[]): Content[] {
  const parts: JsonObject[] = [];
  for (const part of partsOf(framesOf(reply))) {
    const last = parts.at(-1);
    if (part.thought === true || part.text === '') continue;
    if (typeof last?.text === 'string' && typeof part.text === 'string') last.text += part.text;
    else parts.push({ ...part });
  }
  return [
    { role: 'user', parts: [{ text: 'Go.' }] },
    { role: 'model', parts },
    {
      role: 'user',
      parts: [{ functionResponse: { id: 'toolu_1', name: 'look', response: { output: 'seen' } } }],
    },
  ];
}

const framesOf = (reply: readonly TurnEvent[]): JsonObject[] =>
  encodeStream(reply)
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.slice('data: '.length)) as JsonObject);

const histories: readonly [string, (reply: readonly TurnEvent[]) => Content[] | Promise<Content[]>][] = [
  ['the official SDK', chatHistory],
  ['Gemini CLI', cliHistory],
];

describe.each(histories)('through %s', (_, historyOf) => {
  test.each(Object.keys(foreign))('%s gets its sealed reasoning back before the call', async (id) => {
    const request = decodeRequest({ contents: (await historyOf(foreign[id]!)) as unknown as JsonObject[] });
    const [, assistant, user] = request.turns;
    const [reasoning, text, call, ...more] = assistant!.parts;
    expect(more).toEqual([]);
    const sealed = foreign[id]!.find((event) => event.kind === 'part_delta' && event.delta.field === 'seal');
    expect(reasoning).toMatchObject({
      kind: 'reasoning',
      ...(id === 'openai-responses'
        ? { summary: ['I should look.'], id: 'rs_1' }
        : { text: 'I should look.' }),
      seal: sealed?.kind === 'part_delta' && sealed.delta.value,
    });
    expect(text).toEqual({ kind: 'text', text: 'One moment.' });
    expect(call).toMatchObject({ kind: 'tool_call', callId: 'toolu_1', name: 'look' });
    expect(user!.parts).toMatchObject([
      { kind: 'tool_result', callId: 'toolu_1', output: { as: 'text', text: 'seen' } },
    ]);
  });
});

test('the official SDK gives a signature back on its own call', async () => {
  const [, ...history] = await chatHistory(events);
  const { body } = googleGemini.encodeRequest(
    decodeRequest({ contents: history as unknown as JsonObject[] }),
    target,
  );
  const parts = (body.contents as JsonObject[])[0]!.parts as JsonObject[];
  expect(parts.find(({ thoughtSignature }) => thoughtSignature !== undefined)).toEqual({
    functionCall: { id: 'g1', name: 'get_weather', args: { city: 'Paris' } },
    thoughtSignature: signature,
  });
});

test('what another upstream sealed does not go to Gemini', () => {
  const contents = cliHistory(foreign['anthropic-messages']!) as unknown as JsonObject[];
  const { body, notes } = googleGemini.encodeRequest(decodeRequest({ contents }), target);
  expect(JSON.stringify(body)).not.toContain('thoughtSignature');
  expect(notes).toMatchObject([{ action: 'dropped', weight: 'note' }]);
  expect(source.issuer).toBe('here');
});
