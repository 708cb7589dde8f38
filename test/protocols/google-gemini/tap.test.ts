import { describe, expect, test } from 'bun:test';
import { tap } from '../../../src/protocols/google-gemini/tap.ts';
import { streamTap, type Sight, type TapRules } from '../../../src/protocols/tap.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { corpusAvailable, streamFixtures } from '../../support/corpus.ts';
import { chunk, decodeStream, fold, framesOf } from './support.ts';

const encoder = new TextEncoder();
const wire = (chunks: readonly JsonObject[]): Uint8Array =>
  encoder.encode(chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`).join(''));

function watch(bytes: Uint8Array, size = bytes.length, rules: TapRules = tap): Sight {
  const watched = streamTap(rules);
  for (let at = 0; at < bytes.length; at += size) watched.push(bytes.slice(at, at + size));
  watched.end();
  return watched.sight;
}

const counted = (candidatesTokenCount: number, more: JsonObject = {}): JsonObject => ({
  ...chunk([{ text: 'say "usageMetadata": {}' }], more),
  usageMetadata: { promptTokenCount: 4, candidatesTokenCount, totalTokenCount: 4 + candidatesTokenCount },
});

describe('a Gemini stream that passes', () => {
  test.each([1, 7, 100, 100_000])('is understood in pieces of %i bytes', (size) => {
    expect(watch(wire([counted(1), counted(2), counted(3, { finishReason: 'STOP' })]), size)).toMatchObject({
      id: 'r1',
      model: 'gemini-test',
      stop: { reason: 'end', raw: 'STOP' },
      usage: { fresh: 4, output: 3 },
      done: false,
    });
  });

  test('the counts of all chunks but the last in a piece are not read', () => {
    let parsed = 0;
    const observe: TapRules['observe'] = (data, sight) => {
      parsed++;
      tap.observe(data, sight);
    };
    const chunks = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => counted(n));
    expect(watch(wire(chunks), undefined, { ...tap, observe }).usage?.output).toBe(8);
    // The first, which names the reply, and the last.
    expect(parsed).toBe(2);
  });

  test('a refused prompt and an error are ends', () => {
    expect(watch(wire([{ promptFeedback: { blockReason: 'SAFETY' } }])).stop).toEqual({
      reason: 'filter',
      raw: 'SAFETY',
    });
    expect(
      watch(wire([chunk([]), { error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } }])),
    ).toMatchObject({
      failure: { kind: 'overloaded' },
      done: true,
    });
  });

  test('a call is wanted run', () => {
    expect(
      watch(wire([chunk([{ functionCall: { name: 'f' } }], { finishReason: 'STOP' })])).stop?.reason,
    ).toBe('tool_use');
  });

  test.skipIf(!corpusAvailable)('recorded ones are counted as their decoder counts them', () => {
    for (const { name, blocks } of streamFixtures('google-gemini')) {
      const text = blocks.map((block) => `${block.text}\n\n`).join('');
      const { usage, id, model } = fold(decodeStream(framesOf(text)));
      const sight = watch(encoder.encode(text), 50);
      expect({ name, usage: sight.usage ?? {}, id: sight.id, model: sight.model }).toEqual({
        name,
        usage,
        id,
        model,
      } as never);
    }
  });
});
