import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import {
  corpusAvailable,
  parallelCases,
  requestFixtures,
  resultFixtures,
  streamFixtures,
} from '../../support/corpus.ts';
import {
  capturedRequests,
  context,
  decodeStream,
  encodeStream,
  fold,
  framesOf,
  source,
  target,
} from './support.ts';

const requests = [
  ...requestFixtures('anthropic-messages').map(({ name, body }) => ({ name, body: body as JsonObject })),
  ...parallelCases().flatMap(({ name, sides }) => {
    const side = sides['anthropic-messages'];
    return [side?.request, side?.followup_request]
      .filter((body) => body !== undefined)
      .map((body, i) => ({ name: `${name}#${i}`, body: body as JsonObject }));
  }),
  ...capturedRequests(),
];
const streams = streamFixtures('anthropic-messages').map((fixture) => ({
  name: fixture.name,
  frames: framesOf(fixture.blocks.map((block) => `${block.text}\n\n`).join('')),
}));
const results = resultFixtures('anthropic-messages').filter(({ status }) => status === 200);

describe.skipIf(!corpusAvailable)('over the recorded corpus', () => {
  test('there is a corpus to speak of', () => {
    expect(requests.length).toBeGreaterThan(300);
    expect(streams.length).toBeGreaterThan(20);
    expect(results.length).toBeGreaterThan(20);
  });

  test('a request goes back to its own protocol as it came', () => {
    for (const { name, body } of requests) {
      if (body.thread) continue;
      const request = anthropicMessages.decodeRequest(structuredClone(body));
      const { body: back, notes } = anthropicMessages.encodeRequest(request, {
        ...target,
        model: body.model as string,
      });
      expect({ name, back: JSON.parse(JSON.stringify(back)) as unknown, notes }).toEqual({
        name,
        back: body,
        notes: [],
      });
    }
  });

  test('a stream written again folds to the same reply', () => {
    for (const { name, frames } of streams) {
      const events = decodeStream(frames);
      const again = decodeStream(framesOf(encodeStream(events)));
      expect({ name, reply: settled(fold(again)) }).toEqual({ name, reply: settled(fold(events)) });
    }
  });

  test('a result written again is the same result', () => {
    for (const { name, body } of results) {
      const reply = fold(anthropicMessages.decodeResult(body as JsonObject, source));
      const { body: back } = anthropicMessages.encodeResult(reply, context);
      expect({ name, back: settled(back) }).toEqual({ name, back: settled(body as JsonObject) });
    }
  });

  test('a folded stream is the result that the same reply gives unstreamed', () => {
    for (const { name, frames } of streams) {
      const reply = fold(decodeStream(frames));
      if (reply.choices[0]?.parts.some((part) => part.kind === 'tool_call' && !whole(part.input))) continue;
      const { body } = anthropicMessages.encodeResult(reply, context);
      for (const part of reply.choices[0]?.parts ?? []) {
        // A whole message has arguments as an object, which forgets their white space.
        if (part.kind === 'tool_call') part.input = JSON.stringify(JSON.parse(part.input));
      }
      const unstreamed = fold(anthropicMessages.decodeResult(body, source));
      expect({ name, reply: settled(unstreamed) }).toEqual({ name, reply: settled(reply) });
    }
  });
});

function whole(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/**
 * Without what says nothing: `null`s, a call's default caller and cache counts of zero, which we write where
 * older recordings lack them.
 */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => {
        if (member === null || member === undefined) return false;
        if (key === 'caller') return (member as { type?: string }).type !== 'direct';
        return !(/cache/i.test(key) && member === 0);
      })
      .map(([key, member]) => [key, settled(member)]),
  );
}
