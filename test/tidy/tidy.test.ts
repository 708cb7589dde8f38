import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = join(import.meta.dir, '..', '..');
const src = join(root, 'src');

/** Floors of the house, bottom up; an import only ever points down, or stays in its room. */
const floors: readonly (readonly string[])[] = [
  ['turn', 'config'],
  ['protocols', 'store', 'telemetry', 'tokens'],
  ['accounts', 'sessions', 'access'],
  ['providers'],
  ['routing'],
  ['pipeline'],
  ['server', 'dashboard'],
  ['gateway.ts'],
  ['cli', 'library.ts'],
];
const floorOf = (room: string): number => floors.findIndex((floor) => floor.includes(room));

interface Source {
  /** Path under `src/`, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly room: string;
  /** Paths under `src/` that it imports. */
  readonly imports: readonly string[];
  /** Packages that it imports. */
  readonly packages: readonly string[];
}

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') || path.endsWith('.tsx'))
  .map(read);

function read(path: string): Source {
  const text = readFileSync(join(src, path), 'utf8');
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
  const local = names.filter((name) => name.startsWith('.'));
  return {
    path,
    text,
    room: path.split('/')[0]!,
    imports: local.map((name) => normalize(join(dirname(path), name))),
    packages: names.filter((name) => !name.startsWith('.')),
  };
}

const byPath = new Map(sources.map((source) => [source.path, source]));

describe('the house', () => {
  test('every room stands on a floor', () => {
    expect([...new Set(sources.map(({ room }) => room))].filter((room) => floorOf(room) < 0)).toEqual([]);
  });

  test('imports only point down the floors', () => {
    const back = sources.flatMap(({ path, room, imports }) =>
      imports
        .map((target) => ({ target, room: target.split('/')[0]! }))
        .filter((to) => to.room !== room && floorOf(to.room) >= floorOf(room))
        .map((to) => `${path} → ${to.target}`),
    );
    expect(back).toEqual([]);
  });

  test('the turn and the configuration import nothing of ours', () => {
    const foreign = sources.filter(
      ({ room, imports }) =>
        (room === 'turn' || room === 'config') && imports.some((target) => !target.startsWith(`${room}/`)),
    );
    expect(foreign.map(({ path }) => path)).toEqual([]);
  });

  test('a protocol imports no other protocol', () => {
    const protocolOf = (path: string) => /^protocols\/([a-z]+-[a-z]+)\//.exec(path)?.[1];
    const crossing = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => protocolOf(path) && protocolOf(target) && protocolOf(path) !== protocolOf(target))
        .map((target) => `${path} → ${target}`),
    );
    expect(crossing).toEqual([]);
  });

  test('no file imports itself in a circle', () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      if (done.has(path)) return;
      for (const target of valueImports(path)) walk(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of sources) walk(path, []);
    expect(circles).toEqual([]);
  });

  test('every import leads to a file', () => {
    const lost = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => !byPath.has(target) && !target.endsWith('.json'))
        .map((t) => `${path} → ${t}`),
    );
    expect(lost).toEqual([]);
  });

  test('every file is reached from the command line or the library entry', () => {
    const reached = new Set<string>();
    const walk = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const target of byPath.get(path)?.imports ?? []) walk(target);
    };
    walk('cli/main.ts');
    walk('library.ts');
    expect(sources.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
  });
});

/** Imports that exist when the program runs: types may point in circles, values may not. */
function valueImports(path: string): string[] {
  const text = byPath.get(path)?.text ?? '';
  return [...text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'/gm)].map((match) =>
    normalize(join(dirname(path), match[1]!)),
  );
}

describe('words', () => {
  /** Words of one upstream, and the only places under `src/` where they may stand. */
  const providerWords: readonly (readonly [RegExp, RegExp])[] = [
    [
      /\bcodex\b|chatgpt/i,
      /^providers\/codex\/|^providers\/gitlab\/(?:models|snapshot)\.ts$|^gateway\.ts$|^server\/|^cli\/clients\//,
    ],
    [/\bgitlab\b|\bduo\b/i, /^providers\/gitlab\/|^gateway\.ts$/],
    [/openrouter|deepseek|mistral|\bgroq\b|perplexity|copilot|\bazure\b|\bollama\b/i, /^providers\//],
    [/claude|\bgpt-(?!tokenizer)/i, /^providers\/|^server\/|^cli\/|^config\//],
  ];

  test('a provider’s words stay in its folder', () => {
    const strays = sources.flatMap(({ path, text }) =>
      providerWords
        .filter(([, home]) => !home.test(path))
        .flatMap(([words]) => lines(text).filter(({ line }) => words.test(line)))
        .map(({ line, at }) => `${path}:${at}: ${line.trim()}`),
    );
    expect(strays).toEqual([]);
  });

  test('nothing is left for later and nothing is switched off', () => {
    const marks = /\b(?:TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck|eslint-disable/;
    const found = sources.flatMap(({ path, text }) =>
      lines(text)
        .filter(({ line }) => marks.test(line))
        .map(({ at }) => `${path}:${at}`),
    );
    expect(found).toEqual([]);
  });

  test('Bun’s own APIs stay in the rooms that may use them', () => {
    const rooms = new Set(['server', 'store', 'cli', 'gateway.ts']);
    const strays = sources.filter(
      ({ room, text, packages }) =>
        !rooms.has(room) && (/\bBun\.\w/.test(code(text)) || packages.some((name) => name.startsWith('bun'))),
    );
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  test('files can be read in one sitting', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 600).map(({ path }) => path);
    expect(long).toEqual([]);
  });
});

const lines = (text: string): { line: string; at: number }[] =>
  text.split('\n').map((line, i) => ({ line, at: i + 1 }));

/** The text without comments, roughly: enough to look for identifiers. */
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

describe('the documents', () => {
  const docs = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => `docs/${path}`),
  ];

  test('links lead to files', () => {
    const lost = docs.flatMap((doc) => {
      const text = readFileSync(join(root, doc), 'utf8');
      return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map((match) => normalize(join(dirname(doc), match[1]!)))
        .filter((target) => !exists(join(root, target)))
        .map((target) => `${doc} → ${target}`);
    });
    expect(lost).toEqual([]);
  });

  test('the architecture names every room that exists', () => {
    const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    const rooms = [...new Set(sources.map(({ room }) => room))];
    expect(rooms.filter((room) => !text.includes(room))).toEqual([]);
  });

  test('the architecture names files that exist', () => {
    const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    const named = [...text.matchAll(/`((?:[\w*-]+\/)*[\w-]+\.(?:ts|json))`/g)].map((match) => match[1]!);
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
    const isThere = (name: string): boolean => {
      const path = new RegExp(`(?:^|/)${name.replaceAll('.', '\\.').replaceAll('*', '[^/]+')}$`);
      return files.some((file) => path.test(file));
    };
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });

  test('every runtime dependency is explained', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const text = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    expect(Object.keys(manifest.dependencies).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EISDIR';
  }
}
