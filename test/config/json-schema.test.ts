import { expect, test } from 'bun:test';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { kinds } from './kinds.ts';

interface Schema {
  description?: string;
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  const?: string;
  required?: string[];
}

const schema = configJsonSchema(kinds) as Schema;

test('the published schema refuses unknown keys wherever the gateway does', () => {
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties!.server!.additionalProperties).toBe(false);
  for (const option of schema.properties!.providers!.items!.oneOf!)
    expect(option.additionalProperties).toBe(false);
});

test('it asks for nothing that has a default', () => {
  expect(schema.required).toBeUndefined();
  expect(schema.properties!.server!.required).toBeUndefined();
});

test('it tells provider kinds apart by their type', () => {
  const options = schema.properties!.providers!.items!.oneOf!;
  expect(options.map((option) => option.properties!.type!.const)).toEqual([
    'openai',
    'anthropic',
    'google',
    'demo',
  ]);
  for (const option of options) expect(option.required).toEqual(['name', 'type']);
});

test('every setting of the gateway has a description, and every limit says its unit', () => {
  for (const [name, setting] of Object.entries(schema.properties!.server!.properties!)) {
    expect([name, setting.description ?? '']).toEqual([name, expect.stringMatching(/\w{3}/)]);
    if (name.endsWith('_ms')) expect(setting.description).toContain('milliseconds');
  }
});

test('a number may also be a reference to the environment', () => {
  expect(schema.properties!.server!.properties!.port!.anyOf).toEqual([
    { type: 'integer', minimum: 0, maximum: 65_535 } as Schema,
    { type: 'string', pattern: '\\$\\{' } as Schema,
  ]);
});
