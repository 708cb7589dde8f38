import { describe, expect, test } from 'bun:test';
import type { ByteSource } from '../../src/pipeline/byte-source.ts';
import { idleWatch } from '../../src/pipeline/idle-watch.ts';
import { bodyOf, relay, type LaneStream } from '../../src/pipeline/relay.ts';
import type { Sight } from '../../src/protocols/tap.ts';
import type { Failure } from '../../src/turn/failure.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A lane that passes bytes on, is done at `.` and writes failures as `!kind`. */
function plainLane(): LaneStream {
  const sight: Sight = { done: false };
  return {
    sight,
    push(chunk) {
      if (chunk.includes(46)) sight.done = true;
      return chunk;
    },
    end(failure) {
      if (sight.done) return new Uint8Array(0);
      sight.failure = failure ?? cut;
      return bytes(`!${sight.failure.kind}`);
    },
  };
}

const cut: Failure = { kind: 'cut', scope: 'provider', status: 502, message: 'cut', retryable: true };

/** A source that gives these chunks; an `Error` is thrown, a promise is waited for. */
function source(...steps: (string | Error | Promise<string>)[]): ByteSource {
  return {
    async readMany() {
      const { value, done } = await this.read();
      return { value: value === undefined ? [] : [value], done };
    },
    async read() {
      const step = await steps.shift();
      if (step instanceof Error) throw step;
      return step === undefined ? { done: true } : { value: bytes(step), done: false };
    },
    cancel: async () => {},
  };
}

function start(from: ByteSource, lane = plainLane(), idleMs = 60_000) {
  const client = new AbortController();
  const abort = new AbortController();
  const ends: (Failure | undefined)[] = [];
  const watch = idleWatch(idleMs);
  const relayed = relay(from, lane, client.signal, abort, watch, {
    ended: (failure) => ends.push(failure),
    sent() {},
    waited() {},
  });
  return { body: bodyOf(relayed), client, abort, ends, watch };
}

describe('relaying a stream', () => {
  test('passes what the lane makes of it and ends once, complete', async () => {
    const { body, ends } = start(source('a', 'b', 'c.'));
    expect(await new Response(body).text()).toBe('abc.');
    expect(ends).toEqual([undefined]);
  });

  test('ends at the terminal event though the upstream keeps its connection open', async () => {
    const { body, abort } = start(source('a.', new Promise<string>(() => {})));
    expect(await new Response(body).text()).toBe('a.');
    expect(abort.signal.aborted).toBe(false);
    await Bun.sleep(300);
    expect(abort.signal.aborted).toBe(true);
  });

  test.each([
    ['a clean end', undefined],
    ['a reset', new Error('reset')],
  ])('%s before the terminal event is a failure for the client and the record', async (_, last) => {
    const { body, ends } = start(last ? source('a', last) : source('a'));
    expect(await new Response(body).text()).toBe('a!cut');
    expect(ends.map((failure) => failure?.kind)).toEqual(['cut']);
  });

  test('a client that leaves cuts the upstream and is recorded as cancelled', async () => {
    const { body, abort, ends } = start(source('a', new Promise<string>(() => {})));
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    expect(abort.signal.aborted).toBe(true);
    expect(ends.map((failure) => failure?.kind)).toEqual(['cancelled']);
  });

  test('silence beyond the limit cuts the upstream and is a timeout for the client', async () => {
    const held: ByteSource = {
      readMany: () => waiting(),
      read: () => waiting(),
      cancel: async () => {},
    };
    const { body, abort, ends, watch } = start(held, plainLane(), 40);
    const waiting = (): Promise<never> =>
      new Promise((_, reject) => abort.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    expect(await new Response(body).text()).toBe('!timeout');
    expect(ends.map((failure) => failure?.kind)).toEqual(['timeout']);
    watch.close();
  });

  test('a lane that throws ends in a failure, not in a broken stream', async () => {
    const lane = plainLane();
    lane.push = () => {
      throw new Error('a fault of the codec');
    };
    const { body, abort, ends } = start(source('a', 'b.'), lane);
    expect(await new Response(body).text()).toBe('!upstream');
    expect(ends.map((failure) => failure?.kind)).toEqual(['upstream']);
    expect(abort.signal.aborted).toBe(true);
  });
});
