/** The simulated backend takes a turn over a socket that is in order, and refuses it with any one thing wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { openSocket } from '../../../../src/providers/open-socket.ts';
import { post, says, startBench, type Bench } from '../setup.ts';

type Json = Record<string, unknown>;

let bench: Bench;
let headers: Record<string, string>;
let frame: Json;

beforeAll(async () => {
  bench = await startBench({ provider: { transport: 'websocket' } });
  await post(bench, '/v1/responses', { instructions: 'Be kind.', input: [says('hi')] });
  const [socket] = bench.backend.connections;
  headers = Object.fromEntries(
    [...socket!.data.upgrade].filter(
      ([name]) => !/^(?:host|connection|upgrade|sec-websocket-.*)$/.test(name),
    ),
  );
  frame = bench.backend.asked[0]!.frame!;
});
afterAll(() => bench[Symbol.asyncDispose]());

/** Opens a socket; the words of its refusal where it is refused. */
function open(more: Record<string, string | undefined> = {}): Promise<Socket | string> {
  const all = Object.entries({ ...headers, ...more }).filter(([, value]) => value !== undefined);
  const url = `${bench.backend.url.replace('http', 'ws')}/backend-api/codex/responses`;
  const socket = openSocket(url, Object.fromEntries(all) as Record<string, string>);
  return new Promise((done) => {
    socket.onopen = () => done(socket);
    socket.onerror = (event) => done((event as ErrorEvent).message);
  });
}

type Socket = ReturnType<typeof openSocket>;

/** Sends a frame; the event that ends its answer. */
function ask(socket: Socket, each: Json | Uint8Array<ArrayBuffer>): Promise<Json> {
  return new Promise((done) => {
    socket.onclose = () => done({ type: 'closed' });
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(String(data)) as Json;
      if (['response.completed', 'error'].includes(String(event.type))) done(event);
    };
    socket.send(each instanceof Uint8Array ? each : JSON.stringify(each));
  });
}

/** The same on a connection of its own. */
async function say(each: Json | Uint8Array<ArrayBuffer>): Promise<Json> {
  const socket = (await open()) as Socket;
  const end = await ask(socket, each);
  socket.terminate();
  return end;
}

test('a turn that is in order is served', async () => {
  expect(await say(frame)).toMatchObject({ type: 'response.completed' });
});

describe('a turn that goes on from another', () => {
  async function then(more: (id: string) => Json): Promise<Json> {
    const socket = (await open()) as Socket;
    const { response } = await ask(socket, frame);
    const end = await ask(socket, { ...frame, ...more((response as { id: string }).id) });
    socket.terminate();
    return end;
  }

  test('is served with what is new', async () => {
    const end = await then((id) => ({ previous_response_id: id, input: [says('more')] }));
    expect(end.type).toBe('response.completed');
    expect(bench.backend.asked.at(-1)!.body.input).toHaveLength(3);
  });

  test.each([
    ['another id', () => ({ previous_response_id: 'resp_0' }), 'previous_response_not_found'],
    ['nothing new', (id: string) => ({ previous_response_id: id, input: [] }), 'Nothing new'],
    [
      'other instructions',
      (id: string) => ({ previous_response_id: id, instructions: 'Be brief.' }),
      'More than the input has changed',
    ],
  ])('is refused with %s', async (_what, more, why) => {
    expect(JSON.stringify(await then(more))).toContain(why);
  });
});

describe('refused is', () => {
  const metadata = (more: Json) => () => ({
    client_metadata: { ...(frame.client_metadata as Json), ...more },
  });

  test.each([
    ['another frame', () => ({ type: 'response.append' }), 'Unknown frame'],
    ['a member that nobody knows', () => ({ temperature: 1 }), 'Unsupported parameter'],
    ['a reply that is to be kept', () => ({ store: true }), 'Store must be set to false'],
    ['a turn that does not stream', () => ({ stream: false }), 'Stream must be set to true'],
    ['another model than that of the upgrade', () => ({ model: 'gpt-6.1-sol' }), 'x-codex-routing-hint'],
    ['another thread', metadata({ thread_id: 'x' }), 'The connection is of another thread_id'],
    ['another session', metadata({ session_id: 'x' }), 'The connection is of another session_id'],
    ['no time', metadata({ 'x-codex-ws-stream-request-start-ms': undefined }), 'start-ms is missing'],
    ['another turn than the blob’s', metadata({ turn_id: 'x' }), 'turn_id differs'],
    ['the role system', () => ({ input: [{ ...says('x'), role: 'system' }] }), 'System messages'],
  ])('%s', async (_what, more, why) => {
    const end = await say({ ...frame, ...more() });
    expect(end).toMatchObject({ type: 'error', status: 400, detail: expect.stringContaining(why) });
  });

  test('a binary frame, and a second turn before the first has ended', async () => {
    expect(await say(new Uint8Array([1]))).toEqual({ type: 'closed' });
    bench.backend.paceMs = 20;
    const socket = (await open()) as Socket;
    const closed = new Promise((done) => (socket.onclose = done));
    socket.send(JSON.stringify(frame));
    socket.send(JSON.stringify(frame));
    await closed;
    bench.backend.paceMs = 0;
    expect(bench.backend.faults.at(-1)).toBe('Two turns at once');
  });

  test.each([
    ['no protocol', { 'openai-beta': undefined }],
    ['another protocol', { 'openai-beta': 'responses_websockets=2025-01-01' }],
    ['no version', { version: undefined }],
    ['another version than the user agent’s', { version: '0.1.0' }],
    ['no session', { 'session-id': undefined }],
    ['no route', { 'x-codex-routing-hint': undefined }],
    ['a header of an HTTP request', { accept: 'text/event-stream' }],
    ['an unknown header', { 'x-forwarded-for': '1.2.3.4' }],
  ])('an upgrade with %s', async (_what, more) => {
    expect(String(await open(more))).toEndWith('status code: 400');
  });

  test('an upgrade with a token that is not in force, and for another’s account', async () => {
    expect(String(await open({ authorization: 'Bearer x' }))).toEndWith('status code: 401');
    expect(String(await open({ 'chatgpt-account-id': 'x' }))).toEndWith('status code: 403');
  });
});
