import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { object } from '../conformance/canonical/read.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { openSocket, type Frame, type TestSocket } from '../support/socket.ts';
import { cases } from './cases.ts';
import { itemsOf, terminalTypes, textOf, type Exchange, type Json } from './exchange.ts';
import { replyFaults } from './rules.ts';
import { eventFaults, schemaFaults } from './schema.ts';
import { startStage, upstreamNames, type Stage } from './setup.ts';

// The same cases as over HTTP, on one connection for each upstream, and what the specification says of sockets.
const described = corpusAvailable ? describe : describe.skip;

let stage: Stage;
beforeAll(() => {
  stage = startStage();
});
afterAll(() => stage.stop());

/** A turn over a socket as the streamed exchange that it stands for. */
async function exchangeOver(socket: TestSocket, request: Json): Promise<Exchange> {
  const events = await socket.ask(request);
  const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
  const last = events.findLast(({ type }) => terminalTypes.has(type));
  return {
    request,
    stream: true,
    status: Number(events.at(-1)?.['status'] ?? 200),
    contentType: 'text/event-stream',
    text,
    response: object(last?.['response']),
    blocks: events.map((event) => ({
      event: event.type,
      data: JSON.stringify(event),
      text: JSON.stringify(event),
    })),
    events,
  };
}

const introduced = [
  { type: 'message', role: 'user', content: 'My name is Alice.' },
  { type: 'message', role: 'assistant', content: 'Hello Alice! How can I help you today?' },
  { type: 'message', role: 'user', content: 'Say hello.' },
];

const errorFaults = (frame: Frame | undefined): string[] => schemaFaults('WebSocketErrorEvent', frame);

for (const upstream of upstreamNames) {
  described(`Open Responses over a WebSocket from a ${upstream} upstream (${corpusRoot})`, () => {
    const model = `${upstream}/m`;
    let socket: TestSocket;
    beforeAll(async () => {
      socket = await openSocket(stage.url);
    });
    afterAll(() => socket.close());

    for (const one of cases) {
      test(one.name, async () => {
        const first = await exchangeOver(socket, { model, ...one.request });
        expect(replyFaults(first)).toEqual([]);
        const judged = one.next ? await exchangeOver(socket, one.next(first)) : first;
        expect(replyFaults(judged)).toEqual([]);
        const expects = one.instead?.[upstream] ?? one.expects;
        expect(expects(judged).filter(Boolean)).toEqual([]);
      });
    }

    for (const store of [true, false]) {
      test(`a conversation goes on by its last id alone, with store ${store}`, async () => {
        const first = await exchangeOver(socket, { model, store, input: introduced });
        const second = await exchangeOver(socket, {
          model,
          store,
          previous_response_id: first.response['id'],
          input: 'What is my name?',
        });
        expect(replyFaults(second)).toEqual([]);
        expect(textOf(second.response)).toBe('Your name is Alice.');
      });
    }

    test('a tool’s result is all that has to be sent after its call', async () => {
      const tools = [
        {
          type: 'function',
          name: 'get_weather',
          parameters: {
            type: 'object',
            properties: { location: { type: 'string' } },
            required: ['location'],
          },
        },
      ];
      const first = await exchangeOver(socket, {
        model,
        store: false,
        tools,
        input: 'What is the weather in Oslo?',
      });
      const [call] = itemsOf(first.response, 'function_call');
      const second = await exchangeOver(socket, {
        model,
        store: false,
        tools,
        previous_response_id: first.response['id'],
        input: [{ type: 'function_call_output', call_id: call?.['call_id'], output: '12 degrees' }],
      });
      expect(replyFaults(second)).toEqual([]);
      expect(textOf(second.response)).toContain('The tool said: 12 degrees.');
    });

    test('a warm-up is a complete response that asks no upstream, and is gone on from', async () => {
      const asked = stage.upstreams[upstream].bodies.length;
      const warm = await exchangeOver(socket, {
        model,
        store: false,
        generate: false,
        input: introduced,
      });
      expect(replyFaults(warm)).toEqual([]);
      expect(warm.response).toMatchObject({ status: 'completed', output: [] });
      expect(stage.upstreams[upstream].bodies.length).toBe(asked);
      const next = await exchangeOver(socket, {
        model,
        store: false,
        previous_response_id: warm.response['id'],
        input: 'What is my name?',
      });
      expect(replyFaults(next)).toEqual([]);
      expect(textOf(next.response)).toBe('Your name is Alice.');
    });

    test('an unknown previous response is an error frame, and the connection goes on', async () => {
      const frames = await socket.ask({ model, input: 'hi', previous_response_id: 'resp_unknown' });
      expect(frames).toHaveLength(1);
      expect(errorFaults(frames[0])).toEqual([]);
      expect(frames[0]).toMatchObject({
        status: 400,
        error: { code: 'previous_response_not_found', param: 'previous_response_id' },
      });
      const next = await exchangeOver(socket, { model, input: 'Say hello in exactly 3 words.' });
      expect(textOf(next.response)).toBe('Hello there, friend!');
    });

    test('refusals are error frames of the specification’s form', async () => {
      for (const wrong of [
        { model: `${upstream}/none`, input: 'hi' },
        { model, input: [{ type: 'message', role: 'user', content: 'fail with 429' }] },
        { model, input: [{ type: 'message', role: 'user', content: 'fail with 503' }] },
        { model, input: 17 },
        { input: 'hi' },
        { model, input: 'hi', background: true },
      ]) {
        const frames = await socket.ask(wrong);
        expect(frames.map(({ type }) => type)).toEqual(['error']);
        expect(errorFaults(frames[0])).toEqual([]);
      }
    });

    test('a reply that breaks in the middle ends in a failure, and the connection goes on', async () => {
      for (const how of ['break with an error', 'break off']) {
        const events = await socket.ask({ model, input: [{ type: 'message', role: 'user', content: how }] });
        const last = events.at(-1)!;
        expect(['error', 'response.failed']).toContain(last.type);
        if (last.type === 'error') expect(errorFaults(last)).toEqual([]);
        // In the native lane the response is as its upstream had told of it.
        else if (upstream !== 'responses') expect(eventFaults(last)).toEqual([]);
      }
      const next = await exchangeOver(socket, { model, input: 'Say hello in exactly 3 words.' });
      expect(textOf(next.response)).toBe('Hello there, friend!');
    });
  });
}
