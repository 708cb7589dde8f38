/** What the documents show is done here as it stands there, or is done by a test that is named here. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { checkConfig } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import manifest from '../../package.json' with { type: 'json' };
import { newPerson, type Person } from '../cli/setup-host.ts';
import { projectRoot, startProgram, startServe, type Program } from '../support/program.ts';
import { allCommands } from './commands.ts';
import { commandsIn, fencedIn, pages, spansIn, textOf } from './pages.ts';

setDefaultTimeout(120_000);

/** Commands that need what is not here, and where it is stood in for. */
const elsewhere: readonly (readonly [command: RegExp, file: string, holds: string, page?: string])[] = [
  [/^npm (?:install|start)$/, 'test/docs/dry-run.ts', 'npm install'],
  [/^npm test$/, 'scripts/test.ts', 'oxlint'],
  [/^dragoman login codex$/, 'test/providers/codex/login.test.ts', 'through the browser asks as'],
  [/^dragoman login codex --no-browser$/, 'test/cli/login.test.ts', 'the address it ends on is pasted'],
  [/^dragoman login codex --device$/, 'test/providers/codex/login.test.ts', 'by code on another device'],
  [
    /^dragoman login codex --import$/,
    'test/providers/codex/login.test.ts',
    'of the official client is a login',
  ],
  [
    /^dragoman models$/,
    'test/providers/codex/models.test.ts',
    'are discovered live',
    'docs/providers/codex.md',
  ],
  [
    /^dragoman login codex --token-stdin$/,
    'test/providers/codex/login.test.ts',
    'with an access token alone',
  ],
  [/^DRAGOMAN_PROVIDER_\w+=\S+ dragoman serve$/, 'test/providers/codex/settings.test.ts', 'IDENTITY__'],
  [/^dragoman login duo --token-stdin/, 'test/providers/gitlab/login.test.ts', 'a personal access token'],
  [/^dragoman login duo$/, 'test/providers/gitlab/login.test.ts', 'goes by one’s own application'],
  [/^dragoman login duo --device$/, 'test/providers/gitlab/login.test.ts', 'by device code waits'],
  [/^dragoman login duo --at work$/, 'test/providers/gitlab/program.test.ts', '--at'],
  [/^ANTHROPIC_BASE_URL=.* claude --model duo/, 'test/providers/gitlab/clients.test.ts', 'claude'],
  [/^dragoman service /, 'test/cli/service.test.ts', "service('install')"],
  // The file is read as any other; whose it is on the host is the host's affair.
  [
    /^sudo (?:install|rm) .*auth\.json$/,
    'test/providers/codex/login.test.ts',
    'of the official client is a login',
  ],
  [/^docker /, 'test/release/release.test.ts', 'Containerfile'],
];
const isElsewhere = (page: string, command: string): boolean =>
  elsewhere.some(([pattern, , , only]) => pattern.test(command) && (only ?? page) === page);
/** The README has tests of its own. */
const others = pages.filter((page) => page !== 'README.md');

test.each(elsewhere)('what %p needs is stood in for by %s', (pattern, file, holds) => {
  expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(holds);
  expect(others.flatMap(commandsIn).filter((command) => pattern.test(command))).not.toEqual([]);
});

test.each(pages)('%s says of every block what language it is in', (page) => {
  const nameless = fencedIn(page).filter(({ language }) => language === '');
  expect(nameless.filter(({ text }) => /^(?:\$ )?(?:dragoman|npm|curl|docker) /m.test(text))).toEqual([]);
});

test('programs stand only where a test runs them', () => {
  const held = {
    'docs/clients/sdks.md': 'test/docs/sdks.test.ts',
    'docs/embedding.md': 'test/embedding/embedding.test.ts',
  };
  const holding = pages.filter((page) =>
    fencedIn(page).some(({ language }) => /^(?:ts|js|py)/.test(language)),
  );
  expect(holding).toEqual(Object.keys(held));
  for (const [page, file] of Object.entries(held))
    expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(page);
});

/** A gateway whose demo models have the names of the documents stands for every vendor. */
let vendor: Program & { readonly url: string };
beforeAll(async () => {
  const models = Object.fromEntries(['gpt-5.4-mini', 'small'].map((name) => [name, ['demo/echo']]));
  vendor = await startServe({ config: { models } });
});
afterAll(() => vendor.remove());

/** What a page takes for granted. */
const prepare: Readonly<Record<string, (person: Person) => void>> = {
  'docs/clients/gemini-cli.md': (person) =>
    void person.write(
      '.gemini/settings.json',
      '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }',
    ),
  'docs/migration.md': (person) =>
    void person.write(
      'litellm/config.yaml',
      'model_list:\n  - model_name: fast\n    litellm_params: { model: openai/gpt-5.4-mini, api_key: os.environ/OPENAI_API_KEY }\n',
    ),
};

const played = others.filter((page) => commandsIn(page).some((command) => !isElsewhere(page, command)));

test('pages of all kinds have commands that are played', () => {
  for (const folder of ['docs/clients/', 'docs/providers/', 'docs/operations', 'docs/migration'])
    expect([folder, played.some((page) => page.startsWith(folder))]).toEqual([folder, true]);
});

test.each(played)('%s: its commands do as they are written, one after another', async (page) => {
  const person = newPerson();
  const example = fencedIn(page).find(
    ({ language, text }) => language === 'yaml' && /^providers:/m.test(text),
  );
  const env = { ...person.env, ...variablesFor(example?.text) };
  if (example) person.write('project/dragoman.yaml', example.text);
  person.write('project/key.txt', 'sk-of-the-file\n');
  script(person, 'dragoman', `exec '${process.execPath}' '${join(projectRoot, 'src/cli/main.ts')}' "$@"`);
  for (const client of ['claude', 'codex', 'gemini', 'opencode'])
    script(person, client, `echo "${client} ran: $*"`);
  prepare[page]?.(person);
  const commands = commandsIn(page).filter((command) => !isElsewhere(page, command));
  const gateway = commands.some((command) => command.startsWith('curl '))
    ? await startServe({ env, cwd: person.project })
    : undefined;
  try {
    for (const command of commands) {
      // There is no terminal at which to agree.
      const asks = command.startsWith('dragoman setup ') && !command.includes('--undo');
      const typed = `${command}${asks ? ' --yes' : ''}`.replaceAll(
        'http://127.0.0.1:4242',
        gateway?.url ?? '-',
      );
      const PATH = `${join(person.home, 'bin')}:${process.env.PATH}`;
      const program = startProgram({
        command: ['sh', '-c', typed],
        cwd: person.project,
        env: { ...env, PATH },
      });
      const status = await program.ended;
      expect([command, status, status === 0 ? '' : program.stderr()]).toEqual([command, 0, '']);
      if (command.startsWith('dragoman run ')) expect(program.stdout()).toContain(' ran: ');
      if (command.startsWith('curl ')) expect(program.stdout()).toContain('event: message_stop');
      if (command.startsWith('dragoman export ')) expect(person.read('project/backup.jsonl')).not.toBe('');
      await program.remove();
    }
  } finally {
    await gateway?.remove();
    person.remove();
  }
});

/** Every provider of an example asks the stand-in, whatever address it has. */
function variablesFor(yaml: string | undefined): Record<string, string> {
  if (yaml === undefined) return { OPENAI_API_KEY: 'a-key', OPENAI_BASE_URL: `${vendor.url}/v1` };
  const { providers } = parse(yaml) as { providers: { name: string; type: string }[] };
  return Object.fromEntries([
    ...[...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, 'a-key'] as const),
    ...providers
      .filter(({ type }) => type !== 'demo')
      .map(({ name, type }) => [
        `DRAGOMAN_PROVIDER_${name.toUpperCase()}_BASE_URL`,
        type === 'openai' ? `${vendor.url}/v1` : vendor.url,
      ]),
  ]);
}

function script(person: Person, name: string, line: string): void {
  chmodSync(person.write(`bin/${name}`, `#!/bin/sh\n${line}\n`), 0o755);
}

describe('commands within the text', () => {
  const named = pages.flatMap((page) =>
    [...spansIn(page), ...commandsIn(page)]
      .map((text) => text.replace(/^npm run dragoman -- /, 'dragoman '))
      .filter((text) => /^dragoman [a-z]/.test(text))
      .map((text) => [page, text.split(/ -- | [|<>] /)[0]!] as const),
  );

  test('are commands of the program, with flags that they have', () => {
    const strays = named.filter(([, text]) => {
      const words = text.split(' ').filter((word) => !/^[A-Z\d[{]/.test(word));
      const spelled = ['setup', 'run'].includes(words[1]!) ? words[1]!.split('|') : words.slice(1);
      const found = allCommands.find(({ path }) =>
        ` ${spelled.join(' ')} `.startsWith(` ${path.slice('dragoman '.length)} `),
      );
      const isGroup = allCommands.some(({ path }) => path.startsWith(`${words.join(' ')} `));
      const flags = words.filter((word) => /^--?[a-z]/.test(word));
      return found === undefined
        ? !isGroup
        : flags.some((flag) => !found.flags.includes(flag.split('=')[0]!));
    });
    expect(named.length).toBeGreaterThan(50);
    expect(strays).toEqual([]);
  });

  test('of npm are scripts that there are', () => {
    const scripts = pages.flatMap((page) =>
      [...textOf(page).matchAll(/npm run ([a-z-]+)/g)].map((match) => match[1]!),
    );
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
    const told = textOf('CONTRIBUTING.md');
    expect(
      Object.keys(manifest.scripts).filter((name) => !new RegExp(`npm (?:run )?${name}\\b`).test(told)),
    ).toEqual([]);
  });
});

describe('examples of configuration', () => {
  const namedBefore = 'providers: [{ name: openai, type: openai }, { name: claude, type: anthropic }]\n';
  const examples = pages.flatMap((page) =>
    fencedIn(page)
      .filter(({ language, text }) => language === 'yaml' && !text.startsWith('groups:'))
      .map(({ text }) => [page, text] as const),
  );

  test.each([...new Set(examples.map(([page]) => page))])('of %s are valid', (page) => {
    for (const [, example] of examples.filter(([own]) => own === page)) {
      // A part of a file stands beside providers that the page has named before.
      const isPart = !/^providers:/m.test(example);
      const text = isPart ? `${example}\n${namedBefore}` : example;
      const env = Object.fromEntries(
        [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name!, 'a-secret']),
      );
      const loaded = checkConfig({ name: 'dragoman.yaml', text }, { kinds: providerSchemas, env });
      expect(loaded.ok ? [] : loaded.problems.map(({ message }) => `${example}: ${message}`)).toEqual([]);
    }
  });

  test('in TOML can be read', () => {
    const blocks = pages.flatMap(fencedIn).filter(({ language }) => language === 'toml');
    expect(blocks.length).toBeGreaterThan(1);
    for (const { text } of blocks) expect(Bun.TOML.parse(text)).toHaveProperty('model_provider', 'dragoman');
  });

  test('keys that the text names exist', () => {
    const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
    const config = (loaded.ok ? loaded.config : {}) as unknown as Record<string, Record<string, unknown>>;
    const schema = textOf('docs/configuration.md');
    const keys = pages.flatMap((page) =>
      spansIn(page).flatMap(
        (span) => /^(?:server|log|catalog|routing|conversations)\.[a-z_]+/.exec(span)?.[0] ?? [],
      ),
    );
    const strays = keys.filter((key) => {
      const [section, name] = key.split('.') as [string, string];
      return !(name in (config[section] ?? {})) && !schema.includes(`| \`${name}\` `);
    });
    expect(keys.length).toBeGreaterThan(10);
    expect(strays).toEqual([]);
  });
});

test('every page is linked from another, and from the README in at most two steps', () => {
  const linksOf = (page: string): string[] => {
    const folder = page.includes('/') ? page.slice(0, page.lastIndexOf('/') + 1) : '';
    return [...textOf(page).matchAll(/\]\(([^):#]+\.md)/g)].map((match) => join(folder, match[1]!));
  };
  const first = linksOf('README.md').filter((page) => existsSync(join(projectRoot, page)));
  const reached = new Set([
    'README.md',
    ...first,
    ...first.filter((page) => pages.includes(page)).flatMap(linksOf),
  ]);
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});
