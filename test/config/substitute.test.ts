import { expect, test } from 'bun:test';
import { substitute } from '../../src/config/substitute.ts';

const env = { A: 'one', EMPTY: '', NESTED: '${A}' };

test.each([
  ['${A}', 'one'],
  ['x${A}y${A}', 'xoneyone'],
  ['${GONE:-fallback}', 'fallback'],
  ['${EMPTY:-fallback}', 'fallback'],
  ['${EMPTY}', ''],
  ['${GONE:-}', ''],
  ['${GONE:-http://h:1/x}', 'http://h:1/x'],
  ['$${A}', '${A}'],
  ['$$${A}', '$${A}'],
  ['${NESTED}', '${A}'],
  ['$A {A} $', '$A {A} $'],
])('%j becomes %j', (text, result) => {
  expect(substitute(text, env)).toMatchObject({ text: result, problems: [] });
});

test.each(['${A', '${}', '${A B}', '${1A}', '${A-x}'])('%j is a mistake', (text) => {
  expect(substitute(text, env).problems).toHaveLength(1);
});

test('tells the variables it used', () => {
  expect(substitute('${A}-${GONE:-x}', env).from).toEqual(['A', 'GONE']);
});
