import { expect, test } from 'bun:test';
import { getIn, setInText } from '../../src/config/edit.ts';

const text = `# My gateway
server:
  port: 4242 # as always
providers:
  # the good one
  - name: claude
    type: anthropic
    api_key: \${ANTHROPIC_API_KEY} # not in the file
  - { name: local, type: openai }
models:
  fast: [local/a, claude/b]
`;

test('a value is changed and nothing else', () => {
  const changed = setInText(text, 'server.port', '4300');
  expect(changed).toBe(text.replace('4242', '4300'));
});

test('entries of a list are found by name', () => {
  const changed = setInText(text, 'providers.claude.api_key', '${OTHER_KEY}');
  expect(changed).toBe(text.replace('${ANTHROPIC_API_KEY}', '"${OTHER_KEY}"'));
  expect(() => setInText(text, 'providers.nobody.api_key', 'x')).toThrow('no entry named "nobody"');
});

test('what is not there yet is added, in an empty file too', () => {
  expect(setInText(text, 'models.slow', '[claude/c]')).toContain('slow:\n    - claude/c');
  expect(setInText('', 'server.port', '1')).toBe('server:\n  port: 1\n');
  expect(setInText(text, 'models.slow', '[claude/c]')).toContain('# the good one');
});

test('a value can be taken out', () => {
  expect(setInText('a: 1\nb: 2\n', 'a', undefined)).toBe('b: 2\n');
});

test('a value is what YAML makes of it', () => {
  expect(setInText('a: x\n', 'a', '"12"')).toBe('a: "12"\n');
  expect(setInText('a: "x"\n', 'a', '12')).toBe('a: 12\n');
  expect(setInText('a: { b: 1 }\n', 'a.b', 'x, y')).toBe('a: { b: "x, y" }\n');
  expect(setInText('a: 1\n', 'a', '{b: c}')).toContain('b: c');
});

test('a file that is not YAML is left alone', () => {
  expect(() => setInText('a: [', 'a', '1')).toThrow('not valid YAML');
  expect(() => setInText('a: 1', '', '1')).toThrow('say what to change');
});

test('values are read by the same paths', () => {
  const data = { server: { port: 1 }, providers: [{ name: 'claude', type: 'anthropic' }] };
  expect(getIn(data, 'server.port')).toBe(1);
  expect(getIn(data, 'providers.claude.type')).toBe('anthropic');
  expect(getIn(data, 'providers.0.name')).toBe('claude');
  expect(getIn(data, 'server.toString')).toBeUndefined();
});

test('a key with dots in it is written as problems tell it', () => {
  const models = 'models:\n  gpt-5.4: [a/b] # mine\n';
  expect(setInText(models, 'models["gpt-5.4"]', '[c/d]')).toContain('gpt-5.4:');
  expect(setInText(models, 'models["gpt-5.4"]', undefined)).not.toContain('gpt');
  expect(getIn({ models: { 'gpt-5.4': ['a/b'] } }, 'models["gpt-5.4"][0]')).toBe('a/b');
});

test('an entry is put after the last one of a list, or begins it', () => {
  const added = setInText(text, 'providers.-', '{ name: demo, type: demo }');
  expect(added).toContain('  - { name: local, type: openai }\n  - name: demo\n    type: demo\n');
  expect(added).toContain('# not in the file');
  const begun = setInText('server: { port: 1 }\n', 'providers.-', '{ name: demo, type: demo }');
  expect(begun).toBe('server: { port: 1 }\nproviders:\n  - name: demo\n    type: demo\n');
  expect(() => setInText(text, 'providers.7', '{ name: demo, type: demo }')).toThrow('no entry');
});

test('what is not there cannot be taken out', () => {
  expect(() => setInText('a: 1\n', 'b', undefined)).toThrow('nothing is set at b');
});
