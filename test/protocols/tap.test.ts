import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { streamTap, type TapRules } from '../../src/protocols/tap.ts';

const encoder = new TextEncoder();

/** A stream of one field: each event that is worth reading adds its name to the id. */
const rules: TapRules = {
  needles: ['"finish"', '"usage"'],
  terminal: '[DONE]',
  observe(data, sight) {
    sight.id = (sight.id ?? '') + String(data.name) + ' ';
    if (data.finish !== undefined && data.finish !== null) sight.stop = { reason: 'end' };
  },
  observeResult() {},
};

const text = [
  '{"name":"first"}',
  '{"name":"plain","text":"a \\"usage\\": word"}',
  '{"name":"nulls","finish":null,"usage": null}',
  '{"name":"counted","usage":{"n":1}}',
  '{"name":"both","finish":"stop","usage":{"n":2}}',
  '[DONE]',
]
  .map((data) => `data: ${data}\n\n`)
  .join('');

function watch(bytes: Uint8Array, cuts: readonly number[], end = true) {
  const tap = streamTap(rules);
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  edges.slice(1).forEach((edge, i) => tap.push(bytes.slice(edges[i], edge)));
  if (end) tap.end();
  return tap;
}

describe('watching a stream that passes', () => {
  test('reads the first event and those with a needle, each once, wherever the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 30 }), fc.constantFrom('\n', '\r\n'), (cuts, end) => {
        const { sight } = watch(encoder.encode(text.replaceAll('\n', end)), cuts);
        expect(sight).toEqual({ id: 'first counted both ', stop: { reason: 'end' }, done: true });
      }),
    );
  });

  test('the terminal word inside a model’s text ends nothing', () => {
    const { sight } = watch(encoder.encode('data: {"name":"a","text":"data: [DONE]"}\n\n'), []);
    expect(sight.done).toBe(false);
  });

  test('a last event without its blank line is seen at the end', () => {
    expect(watch(encoder.encode('data: {"name":"a"}\n\ndata: [DONE]'), [], false).sight.done).toBe(false);
    expect(watch(encoder.encode('data: {"name":"a"}\n\ndata: [DONE]'), []).sight.done).toBe(true);
  });

  test('knows whether it stands in the middle of an event, and the last whole one', () => {
    const tap = watch(encoder.encode('data: {"name":"a"}\n\ndata: {"name":"b"}\n\ndata: {"na'), [7], false);
    expect(tap.midFrame).toBe(true);
    expect(tap.lastData()).toBe('{"name":"b"}');
  });
});
