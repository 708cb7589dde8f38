import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { packSeal, sealFits, unpackSeal } from '../../src/protocols/seal.ts';
import type { ProtocolId, Seal } from '../../src/turn/part.ts';

const protocol = fc.constantFrom<ProtocolId>(
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'google-gemini',
);

test('a packed seal comes back whole, with its maker and the id it belongs to', () => {
  fc.assert(
    fc.property(protocol, fc.string(), fc.string(), fc.string(), (from, issuer, id, value) => {
      const seal: Seal = { protocol: from, issuer: issuer || undefined, value };
      expect(unpackSeal(packSeal(seal, id), 'anthropic-messages')).toEqual({ seal, id: id || undefined });
    }),
  );
});

test('an unlabelled value is the protocol’s own, an empty one is none', () => {
  expect(unpackSeal('EqQB==', 'anthropic-messages')).toEqual({
    seal: { protocol: 'anthropic-messages', value: 'EqQB==' },
  });
  expect(unpackSeal('', 'anthropic-messages')).toBeUndefined();
});

test('a seal goes to its own protocol and issuer only', () => {
  const seal: Seal = { protocol: 'openai-responses', issuer: 'one', value: 'x' };
  expect(sealFits(seal, 'openai-responses', 'one')).toBe(true);
  expect(sealFits(seal, 'openai-responses', 'two')).toBe(false);
  expect(sealFits(seal, 'anthropic-messages', 'one')).toBe(false);
  expect(sealFits({ ...seal, issuer: undefined }, 'openai-responses', 'two')).toBe(true);
});
