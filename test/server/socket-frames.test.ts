import { describe, expect, test } from 'bun:test';
import { eventFrames } from '../../src/server/socket-events.ts';
import { errorFrame, readFrame, refusalFrame } from '../../src/server/socket-frames.ts';
import { FailureError, type Failure } from '../../src/turn/failure.ts';
import type { JsonObject } from '../../src/turn/json.ts';

const read = (text: string) => {
  const frame = readFrame(text);
  return frame.kind === 'create' ? { ...frame, body: Buffer.from(frame.body).toString() } : frame;
};

describe('a client’s frame', () => {
  test.each([
    ['{"type":"response.create","model":"m","input":"hi"}', '{"model":"m","input":"hi","stream":true}'],
    ['{"model":"m","type":"response.create"}', '{"model":"m","stream":true}'],
    ['{ "model" : "m" , "type" : "response.create" , "x" : 1 }', '{ "model" : "m" , "x" : 1 ,"stream":true}'],
    ['{"type":"response.create","stream":null,"model":"m"}', '{"stream":true,"model":"m"}'],
    ['{"type":"response.create","stream":true,"model":"m"}', '{"stream":true,"model":"m"}'],
    ['{"type":"response.create"}', '{"stream":true}'],
    ['{"type":"response.create","response":{}}', '{"stream":true}'],
    ['{"type":"response.create","response":{"model":"m","generate":true}}', '{"model":"m","stream":true}'],
    ['{"type":"response.create","response":"r","model":"m"}', '{"response":"r","model":"m","stream":true}'],
    ['{"type":"x","model":"m","type":"response.create"}', '{"model":"m","stream":true}'],
    [
      '{"type":"response.create","model":"m","input":[{"type":"message","generate":false,"stream":false}]}',
      '{"model":"m","input":[{"type":"message","generate":false,"stream":false}],"stream":true}',
    ],
  ])('%s brings the body of a POST', (frame, body) => {
    expect(read(frame)).toMatchObject({ kind: 'create', body, isWarmUp: false });
  });

  test.each([
    ['{"type":"response.create","model":"m","input":"hi","generate":false}', true],
    ['{"type":"response.create","model":"m","input":[ ]}', true],
    ['{"type":"response.create","model":"m","input":[],"generate":true}', false],
    ['{"type":"response.create","model":"m","input":[],"previous_response_id":"r"}', false],
    ['{"type":"response.create","model":"m","input":[],"previous_response_id":null}', true],
    ['{"type":"response.create","model":"m","prompt":{"id":"p"},"input":[]}', false],
    ['{"type":"response.create","model":"m"}', false],
  ])('%s warms up: %p', (frame, isWarmUp) => {
    expect(read(frame)).toMatchObject({ isWarmUp });
  });

  test('may name its lane, and what is to be cancelled', () => {
    expect(read('{"type":"response.create","stream_id":"a.b-1","model":"m"}')).toMatchObject({
      streamId: 'a.b-1',
    });
    expect(read('{"type":"response.cancel","response_id":"r","stream_id":"a"}')).toEqual({
      kind: 'cancel',
      responseId: 'r',
      streamId: 'a',
    });
  });
});

const encode = ({ message, code }: Failure): JsonObject => ({
  error: { message, code: code ?? null, type: 't' },
});

/** What frames become of a stream that comes in these pieces. */
function framesOf(pieces: readonly string[], failure?: Partial<Failure>, streamId?: string): unknown[] {
  const frames: unknown[] = [];
  const out = eventFrames(streamId, encode, (some) => {
    frames.push(...some.map((frame) => JSON.parse(frame) as unknown));
    return undefined;
  });
  for (const piece of pieces) out.write(Buffer.from(piece));
  out.finish(() => failure as Failure | undefined);
  return frames;
}

const completed = 'data: {"type":"response.completed","response":{"error":null}}\n\n';

describe('a stream as frames', () => {
  test('is one frame an event, however it was cut, without comments and [DONE]', () => {
    const text = `: hi\n\nevent: a\ndata: {"type":"a","é":1}\n\n${completed}data: [DONE]\n\n`;
    const whole = framesOf([text]);
    expect(whole).toEqual([
      { type: 'a', é: 1 },
      { type: 'response.completed', response: { error: null } },
    ]);
    const bytes = Buffer.from(text);
    const frames: unknown[] = [];
    const out = eventFrames(undefined, encode, (some) => {
      frames.push(...some.map((frame) => JSON.parse(frame) as unknown));
      return undefined;
    });
    for (const byte of bytes) out.write(new Uint8Array([byte]));
    out.finish(() => undefined);
    expect(frames).toEqual(whole);
  });

  test('an error that ends it has a status; one before `response.failed` passes as it is', () => {
    const error = 'data: {"type":"error","code":"c","message":"m","sequence_number":3}\n\n';
    expect(framesOf([error], { status: 429 })).toEqual([
      { type: 'error', sequence_number: 3, status: 429, error: { code: 'c', message: 'm' } },
    ]);
    const failed = 'data: {"type":"response.failed"}\n\n';
    expect(framesOf([error, failed], { status: 429 })).toEqual([
      { type: 'error', code: 'c', message: 'm', sequence_number: 3 },
      { type: 'response.failed' },
    ]);
  });

  test('that has no end gets one', () => {
    const [, end] = framesOf(['data: {"type":"a"}\n\n']);
    expect(end).toMatchObject({ type: 'error', status: 502, error: { code: 'upstream_cut' } });
    const cancelled = framesOf([], { status: 499, message: 'm', code: 'x' }, 'lane');
    expect(cancelled).toEqual([
      { type: 'error', stream_id: 'lane', status: 499, error: { code: 'x', message: 'm', type: 't' } },
    ]);
  });

  test('of a lane names it in every frame', () => {
    expect(framesOf([completed], undefined, 'l')).toEqual([
      { stream_id: 'l', type: 'response.completed', response: { error: null } },
    ]);
  });
});

describe('a refusal as a frame', () => {
  test('has a code and a message, whatever its body was', async () => {
    for (const [body, error] of [
      ['{"error":{"message":"m","type":"t","code":null}}', { message: 'm', type: 't', code: 't' }],
      ['{"error":"words"}', { message: 'words', code: 'server_error' }],
      ['<html>', { message: 'the request failed', code: 'server_error' }],
    ] as const) {
      const frame = await refusalFrame(new Response(body, { status: 503 }), undefined);
      expect(JSON.parse(frame)).toMatchObject({ type: 'error', status: 503, error });
    }
  });

  test('has the headers that help, and none of HTTP', () => {
    const frame = errorFrame(429, { message: 'm', code: 'c' }, { headers: { 'retry-after': '3' } });
    expect(frame).toBe(
      '{"type":"error","status":429,"error":{"message":"m","code":"c"},"headers":{"retry-after":"3"}}',
    );
  });

  test('is thrown with the name of the field', () => {
    try {
      readFrame('{"type":"response.create","model":"m","background":true}');
      expect.unreachable();
    } catch (error) {
      expect((error as FailureError).failure).toMatchObject({ status: 400, param: 'background' });
    }
  });
});
