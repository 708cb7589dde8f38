import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { inputUnwrapper, unwrapInput, wrapInput } from '../../../src/protocols/repairs/custom-input.ts';

function unwrapIn(pieces: readonly string[]): string {
  const unwrapper = inputUnwrapper();
  return pieces.map((piece) => unwrapper.push(piece)).join('') + unwrapper.end();
}

function pieces(text: string, cuts: readonly number[]): string[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort(
    (a, b) => a - b,
  );
  return edges.slice(1).map((edge, i) => text.slice(edges[i], edge));
}

describe('free text inside function arguments', () => {
  test('comes back as it went in, whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => expect(unwrapInput(wrapInput(text))).toBe(text)),
    );
  });

  test('comes back as it went in, streamed in any pieces', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.nat(200)),
        fc.boolean(),
        (text, cuts, escaped) => {
          const json = escaped
            ? wrapInput(text).replace(
                /[^\x20-\x7e]/g,
                (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
              )
            : wrapInput(text);
          expect(unwrapIn(pieces(json, cuts))).toBe(text);
        },
      ),
    );
  });

  test('no piece ends in half a character', () => {
    const unwrapper = inputUnwrapper();
    unwrapper.push('{"input":"');
    expect(unwrapper.push('\\ud83d')).toBe('');
    expect(unwrapper.push('\\ude00"}')).toBe('😀');
  });

  test('arguments of another shape are passed on as they are', () => {
    expect(unwrapIn(['{"com', 'mand":"ls"}'])).toBe('{"command":"ls"}');
    expect(unwrapInput('[1]')).toBe('[1]');
    expect(unwrapIn(['{', '}'])).toBe('{}');
    expect(unwrapIn(['{"inp'])).toBe('{"inp');
  });
});
