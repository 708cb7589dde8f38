import { describe, expect, test } from 'bun:test';
import { dotenv } from '../../../src/cli/clients/dotenv.ts';
import { change, EditError, prune, type SettingPath } from '../../../src/cli/clients/format.ts';
import { jsonc } from '../../../src/cli/clients/jsonc.ts';
import { toml } from '../../../src/cli/clients/toml.ts';

describe('JSON with comments', () => {
  test.each([
    ['an empty file', '', '{\n  "env": {\n    "A": "x"\n  }\n}\n'],
    ['an empty object', '{}', '{\n  "env": {\n    "A": "x"\n  }\n}'],
    [
      'a remark at the end of the line',
      '{\n  "a": 1 // mine\n}\n',
      '{\n  "a": 1, // mine\n  "env": {\n    "A": "x"\n  }\n}\n',
    ],
    ['a trailing comma', '{\n\t"a": 1,\n}\n', '{\n\t"a": 1,\n\t"env": {\n\t\t"A": "x"\n\t}\n}\n'],
    ['one line', '{"a": 1}', '{"a": 1, "env": {\n  "A": "x"\n}}'],
    [
      'a place that is there',
      '{\n    "env": {\n        "B": 1\n    },\n    "z": 0\n}',
      '{\n    "env": {\n        "B": 1,\n        "A": "x"\n    },\n    "z": 0\n}',
    ],
    ['an old value', '{ "env": { "A": /* old */ "y" } }', '{ "env": { "A": /* old */ "x" } }'],
    [
      'an empty place with a remark',
      '{\n  "env": {\n    // nothing yet\n  }\n}',
      '{\n  "env": {\n    "A": "x"\n    // nothing yet\n  }\n}',
    ],
    [
      'lines of Windows',
      '{\r\n  "a": 1\r\n}\r\n',
      '{\r\n  "a": 1,\r\n  "env": {\r\n    "A": "x"\r\n  }\r\n}\r\n',
    ],
  ])('a setting comes into %s', (_, before, after) => {
    expect(change(jsonc, before, ['env', 'A'], 'x')).toBe(after);
    expect(change(jsonc, after, ['env', 'A'], 'x')).toBe(after);
  });

  test.each([
    ['{\n  "a": 1, // mine\n  "b": 2\n}\n', '{\n  "a": 1 // mine\n}\n'],
    ['{\n  "b": 2,\n  // of c\n  "c": 3\n}\n', '{\n  // of c\n  "c": 3\n}\n'],
    ['{"a": 1, "b": 2}', '{"a": 1}'],
    ['{"b": 2, "a": 1}', '{"a": 1}'],
    ['{\n  "b": 2\n}\n', '{\n}\n'],
    ['{\n  "a": 1,\n  "b": {\n    "c": [1, 2]\n  },\n}\n', '{\n  "a": 1,\n}\n'],
  ])('a setting goes out of %j', (before, after) => {
    expect(change(jsonc, before, ['b'], undefined)).toBe(after);
  });

  test('what is not JSON, or has something else in the place, is refused', () => {
    expect(() => change(jsonc, '{"a": }', ['b'], 1)).toThrow('it is not valid JSON: no value in line 1');
    expect(() => change(jsonc, '{"env": null}', ['env', 'A'], 'x')).toThrow(EditError);
    expect(() => change(jsonc, '[1]', ['env'], 'x')).toThrow('it is no object');
  });

  test('what is empty afterwards goes too, unless it was there before', () => {
    const text = '{\n  "env": {\n    "A": "x"\n  }\n}\n';
    const gone = change(jsonc, text, ['env', 'A'], undefined);
    expect(prune(jsonc, gone, ['env', 'A'], {})).toBe('{\n}\n');
    expect(prune(jsonc, gone, ['env', 'A'], { env: {} })).toBe(gone);
  });
});

describe('TOML', () => {
  const file = [
    '# my settings',
    'model = "old" # the one',
    'notify = [',
    '  "a", # ] not the end',
    '  "b = 1",',
    ']',
    '',
    '# servers',
    '[mcp_servers."with space"]',
    'command = """',
    '[not.a.table]',
    'model = 1',
    '"""',
    '[model_providers.other]',
    "base_url = 'http://x'",
    '',
    '[[hooks]]',
    'run = { a = 1, b = "}" }',
    '',
  ].join('\n');

  test('a setting is changed in its place', () => {
    expect(change(toml, file, ['model'], 'new')).toBe(file.replace('"old"', '"new"'));
  });

  test('a new setting of the file comes before its tables', () => {
    expect(change(toml, file, ['model_provider'], 'gw')).toBe(
      file.replace(']\n\n# servers', ']\nmodel_provider = "gw"\n\n# servers'),
    );
    expect(change(toml, '[a]\nb = 1\n', ['model'], 'x')).toBe('model = "x"\n\n[a]\nb = 1\n');
  });

  test('a new table comes last, and its settings into it', () => {
    const one = change(toml, file, ['model_providers', 'gw', 'name'], 'Gateway');
    expect(one).toBe(`${file}\n[model_providers.gw]\nname = "Gateway"\n`);
    const two = change(toml, one, ['model_providers', 'gw', 'fast'], true);
    expect(two).toBe(`${one}fast = true\n`);
    const three = change(toml, two, ['model_providers', 'other', 'name'], 'y');
    expect(three).toContain('base_url = \'http://x\'\nname = "y"\n\n[[hooks]]');
    let back = change(toml, two, ['model_providers', 'gw', 'fast'], undefined);
    back = change(toml, back, ['model_providers', 'gw', 'name'], undefined);
    expect(prune(toml, back, ['model_providers', 'gw', 'name'], toml.parse(file))).toBe(file);
    const alone = change(toml, 'a = 1\n', ['model_providers', 'gw', 'name'], 'x');
    const gone = change(toml, alone, ['model_providers', 'gw', 'name'], undefined);
    expect(prune(toml, gone, ['model_providers', 'gw', 'name'], {})).toBe('a = 1\n');
  });

  test('a file without an end of its last line keeps it', () => {
    expect(change(toml, 'a = 1', ['b'], 2)).toBe('a = 1\nb = 2\n');
    expect(change(toml, '[t]\na = 1', ['u', 'b'], 2)).toBe('[t]\na = 1\n\n[u]\nb = 2\n');
  });

  test.each([
    ['model_providers = { other = { name = "x" } }\n', ['model_providers', 'gw', 'name']],
    ['model_providers.gw.name = "x"\n[a]\nb = 1\n', ['model_providers', 'gw', 'url']],
    ['not toml at all', ['a']],
  ] as [string, SettingPath][])('%j is refused and not broken', (text, path) => {
    expect(() => change(toml, text, path, 'v')).toThrow(EditError);
  });
});

describe('lists of variables', () => {
  const file = '# mine\nexport A="one two" # first\nB=2\n\nC=\'x\'';

  test('a variable is changed in its place, added at the end, taken out with its line', () => {
    expect(change(dotenv, file, ['B'], '3')).toBe(file.replace('B=2', 'B=3'));
    expect(change(dotenv, file, ['A'], 'x')).toBe(file.replace('"one two"', 'x'));
    expect(change(dotenv, file, ['D'], 'http://127.0.0.1:1')).toBe(`${file}\nD=http://127.0.0.1:1\n`);
    expect(change(dotenv, file, ['B'], undefined)).toBe(file.replace('B=2\n', ''));
    expect(change(dotenv, '', ['D'], '1')).toBe('D=1\n');
  });

  test('a value gets the quotes that it needs, or is refused', () => {
    expect(change(dotenv, '', ['A'], 'a b')).toBe("A='a b'\n");
    expect(change(dotenv, '', ['A'], "it's")).toBe('A="it\'s"\n');
    expect(() => change(dotenv, '', ['A'], 'a\nb')).toThrow(EditError);
  });
});
