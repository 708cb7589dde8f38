import { expect, test } from 'bun:test';
import { sealUnsealed } from '../../src/pipeline/unsealed-reasoning.ts';
import type { Delta, TurnEvent } from '../../src/turn/event.ts';
import type { Seal } from '../../src/turn/part.ts';
import { replyFold } from '../../src/turn/reply.ts';

const seal: Seal = { protocol: 'openai-chat', value: '' };
const own: Seal = { protocol: 'openai-responses', value: 'sealed' };

/** The seal of a reply's only reasoning, after it went through in pieces of one event. */
function sealOf(...events: TurnEvent[]): Seal | undefined {
  const sealed = sealUnsealed(seal);
  const fold = replyFold();
  for (const event of events) for (const each of sealed([event])) fold.push(each);
  return fold.reply().choices[0]!.parts[0]!.seal;
}

const at = { choice: 0, index: 0 };
const start = (text?: string): TurnEvent => ({
  kind: 'part_start',
  ...at,
  part: { kind: 'reasoning', text },
});
const delta = (value: Delta): TurnEvent => ({ kind: 'part_delta', ...at, delta: value });
const end: TurnEvent = { kind: 'part_end', ...at };

test('reasoning that nobody sealed gets the seal, however its words come', () => {
  expect(sealOf(start(), delta({ field: 'text', value: 'Hm.' }), end)).toEqual(seal);
  expect(sealOf(start(), delta({ field: 'summary', section: 0, value: 'Hm.' }), end)).toEqual(seal);
  expect(sealOf(start('Hm.'), end)).toEqual(seal);
  const part = { kind: 'reasoning', text: 'Hm.' } as const;
  expect(sealOf(start(), { kind: 'part_end', ...at, part })).toEqual(seal);
});

test('reasoning that its maker sealed keeps that seal', () => {
  const words = delta({ field: 'text', value: 'Hm.' });
  expect(sealOf(start(), words, delta({ field: 'seal', value: own }), end)).toEqual(own);
});

test('reasoning without a word gets none: there is nothing to bring back', () => {
  expect(sealOf(start(), end)).toBeUndefined();
  expect(sealOf(start(''), delta({ field: 'text', value: '' }), end)).toBeUndefined();
  expect(
    sealOf(start(), { kind: 'part_end', ...at, part: { kind: 'reasoning', summary: [] } }),
  ).toBeUndefined();
});
