import { describe, expect, test } from 'bun:test';
import { inspect } from 'node:util';
import { redacted, secretsOf } from '../../src/config/secrets.ts';
import { configOf } from './kinds.ts';

const text = `
store: postgres://user:dbpass@db/dragoman
providers:
  - name: a
    type: openai
    api_key: sk-topsecret
    base_url: https://me:urlpass@up.test/v1
    headers: { cf-access: headersecret }
`;
const secrets = ['sk-topsecret', 'urlpass', 'headersecret', 'dbpass'];

describe('a configuration that is shown', () => {
  const config = configOf(text);
  const [entry] = config.providers;

  test.each([
    ['JSON.stringify', () => JSON.stringify(config)],
    ['console.log', () => Bun.inspect(config)],
    ['util.inspect', () => inspect(config, { depth: 9 })],
    ['one provider as JSON', () => JSON.stringify([entry])],
    ['one provider by console.log', () => Bun.inspect(entry)],
    ['redacted', () => JSON.stringify(redacted(config))],
  ])('has no secret in %s', (_, show) => {
    const shown = show();
    for (const secret of secrets) expect(shown).not.toContain(secret);
    expect(shown).toContain('***');
  });

  test('still gives its true values to who reads them', () => {
    expect(entry!.api_key).toBe('sk-topsecret');
    expect(config.store).toBe('postgres://user:dbpass@db/dragoman');
  });

  test('tells its secrets to those who must mask them', () => {
    expect(secretsOf(config).sort()).toEqual([...secrets].sort());
  });
});

test('what is no secret is shown as it is', () => {
  const plain = {
    model: 'm',
    max_tokens_note: 'x',
    url: 'http://h:80/a@b',
    list: [1, true, null],
    monkey: 'm',
  };
  expect(redacted(plain)).toEqual(plain);
});
