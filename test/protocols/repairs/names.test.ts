import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { escapeCallId, unescapeCallId, upstreamCallId } from '../../../src/protocols/repairs/call-ids.ts';
import { wireTools } from '../../../src/protocols/repairs/tool-names.ts';
import type { Tool } from '../../../src/turn/part.ts';

const tool = (name: string, family: Tool['family'] = 'function'): Tool => ({ family, name });

describe('call ids', () => {
  test('any id survives the way through Anthropic’s alphabet and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (raw) => {
        const id = raw.toWellFormed();
        const escaped = escapeCallId(id);
        expect(escaped).toMatch(/^[a-zA-Z0-9_-]+$/);
        expect(unescapeCallId(escaped)).toBe(id);
      }),
    );
  });

  test('legal ids stay as they are', () => {
    expect(escapeCallId('call_Abc-12')).toBe('call_Abc-12');
  });

  test('what goes to an upstream is legal and at most 64 characters, and differs for different ids', () => {
    const long = (tail: string) => `call_${'x'.repeat(450)}|fc_${tail}`;
    expect(upstreamCallId(long('a'))).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(upstreamCallId(long('a'))).not.toBe(upstreamCallId(long('b')));
  });
});

describe('tool names', () => {
  test('legal names need no way back', () => {
    expect(wireTools([tool('read_file')], { nameCharsMax: 64, custom: true }).names).toBeUndefined();
  });

  test('long and illegal names become legal, stay apart and lead back', () => {
    const tools = [
      tool(`${'a'.repeat(70)}1`),
      tool(`${'a'.repeat(70)}2`),
      tool('files.read'),
      tool('files_read'),
    ];
    const wired = wireTools(tools, { nameCharsMax: 64, custom: true });
    const wireNames = wired.tools.map(({ wireName }) => wireName);
    expect(new Set(wireNames).size).toBe(4);
    for (const name of wireNames) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(wireNames.map((name) => wired.names?.get(name)?.name ?? name)).toEqual(
      tools.map(({ name }) => name),
    );
    expect(wired.wireName('files.read')).toBe(wireNames[2]!);
  });

  test('namespaces are flattened and custom tools marked', () => {
    const space: Tool = { family: 'namespace', name: 'clock', tools: [tool('now')] };
    const wired = wireTools([space, tool('patch', 'custom')], { nameCharsMax: 64, custom: false });
    expect(wired.names?.get('clock__now')).toEqual({ name: 'now', namespace: 'clock', custom: undefined });
    expect(wired.names?.get('patch')).toEqual({ name: 'patch', namespace: undefined, custom: true });
  });
});
