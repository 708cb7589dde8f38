import { expect, test } from 'bun:test';
import { redactor } from '../../src/telemetry/redact.ts';

test.each([
  ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer ***'],
  ['authorization: Basic', 'authorization: ***'],
  ['x-api-key: 0123456789', 'x-api-key: ***'],
  ['{"api_key":"abcd1234"}', '{"api_key":"***"}'],
  ['key sk-ant-api03-abcdefgh_ij is wrong', 'key sk-*** is wrong'],
  ['AIzaSyA0123456789012345678901234', 'AIza***'],
  ['token eyJhbGciOi.eyJzdWIiOi.c2ln end', 'token eyJ*** end'],
  ['a task-based ask-me-anything-now model', 'a task-based ask-me-anything-now model'],
  ['claude-cli/2.1.0', 'claude-cli/2.1.0'],
])('%j is written %j', (text, written) => {
  expect(redactor().redact(text)).toBe(written);
});

test('registered secrets are masked wherever they stand, the longer one first', () => {
  const { add, redact } = redactor(['secret-one']);
  add(['secret-one-and-more']);
  expect(redact('a secret-one-and-more b secret-one c')).toBe('a *** b *** c');
});

test('what is too short to be a secret does not eat ordinary words', () => {
  expect(redactor(['a', '', 'gpt']).redact('a gpt model')).toBe('a gpt model');
});

test('a secret with characters that mean something in patterns is taken as it is', () => {
  expect(redactor(['$&.*+?(x']).redact('a$&.*+?(xb')).toBe('a***b');
});

test('an owner’s secrets of now and those just before are masked, older ones are forgotten', () => {
  const masks = redactor(['for-ever']);
  const text = 'for-ever first-key second-key third-key';
  masks.set('account', ['first-key']);
  masks.set('account', ['second-key']);
  expect(masks.redact(text)).toBe('*** *** *** third-key');
  const { version } = masks;
  masks.set('account', ['second-key']);
  expect(masks.version).toBe(version);
  masks.set('account', ['third-key']);
  masks.set('other', ['first-key-of-another']);
  expect(masks.redact(text)).toBe('*** first-key *** ***');
});

test('a gateway key keeps what it is known by', () => {
  expect(redactor().redact('drg_ab12cd34_0123456789abcdefABCDEF0123456789')).toBe('drg_ab12cd34_***');
});
