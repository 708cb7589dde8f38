import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { gate } from '../support/replay.ts';
import { hello, startBench, type Bench } from './setup.ts';

// The official SDK's own WebSocket client.
let bench: Bench;
let client: OpenAI;
beforeAll(() => {
  bench = startBench();
  client = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused', maxRetries: 0 });
});
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

type Told = { type: string } & Record<string, unknown>;

/** Every event and error of a connection, in order, to be waited for. */
function connect() {
  const socket = new ResponsesWS(client);
  const told: Told[] = [];
  let wake = (): void => {};
  const hear = (event: Told): void => {
    told.push(event);
    wake();
  };
  socket.on('event', (event) => hear(event as unknown as Told));
  // An error is an event as well; without a listener the SDK would reject.
  socket.on('error', () => {});
  socket.on('close', (code) => hear({ type: 'close', code }));
  async function until(type: string): Promise<Told> {
    for (;;) {
      const at = told.findIndex((event) => event.type === type);
      if (at >= 0) return told.splice(0, at + 1).at(-1)!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return { socket, told, until };
}

const responseOf = ({ response }: Told) => response as OpenAI.Responses.Response;

describe.each(['responses', 'chat', 'messages', 'gemini'] as const)(
  'the OpenAI SDK over a WebSocket on a %s upstream',
  (upstream) => {
    const model = `${upstream}/m`;
    const willReply = (): void =>
      bench.upstream.enqueue({
        kind: 'stream',
        blocks: hello[upstream].blocks,
        delivery: { split: 'event' },
      });

    test('makes a response and goes on from it', async () => {
      const { socket, told, until } = connect();
      willReply();
      socket.send({ type: 'response.create', model, input: 'the first words', store: false });
      const first = responseOf(await until('response.completed'));
      expect(first.output[0]).toMatchObject({ content: [{ text: 'Hello world' }] });
      willReply();
      socket.send({
        type: 'response.create',
        model,
        input: 'the second words',
        store: false,
        previous_response_id: first.id,
      });
      expect(responseOf(await until('response.completed')).status).toBe('completed');
      expect(bench.upstream.requests.at(-1)!.text).toMatch(/the first words.*Hello world.*the second words/s);
      expect(told).toEqual([]);
      socket.close();
      await until('close');
    });

    test('hears of errors, cancels, and goes on', async () => {
      const { socket, until } = connect();
      socket.send({ type: 'response.create', model, input: 'x', previous_response_id: 'resp_none' });
      expect(await until('error')).toMatchObject({
        status: 400,
        error: { code: 'previous_response_not_found' },
      });
      bench.upstream.enqueue({
        kind: 'stream',
        blocks: hello[upstream].blocks,
        delivery: { split: 'event', hold: { before: 2, gate: gate() } },
      });
      socket.send({ type: 'response.create', model, input: 'x', store: false });
      const { id } = responseOf(await until('response.created'));
      socket.sendRaw(JSON.stringify({ type: 'response.cancel', response_id: id }));
      expect(await until('error')).toMatchObject({ status: 499, error: { code: 'response_cancelled' } });
      expect((await bench.upstream.closed(0)).closedByPeer).toBe(true);
      willReply();
      socket.send({ type: 'response.create', model, input: 'x', store: false });
      expect(responseOf(await until('response.completed')).status).toBe('completed');
      socket.close();
      await until('close');
    });
  },
);
