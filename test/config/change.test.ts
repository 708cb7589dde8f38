import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeConfigFile } from '../../src/config/change.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { kinds } from './kinds.ts';

const cwd = mkdtempSync(join(tmpdir(), 'dragoman-change-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const path = join(cwd, 'dragoman.yaml');
const text =
  '# mine\nserver:\n  port: 4242 # as always\nproviders:\n  - { name: a, type: openai, api_key: sk-1 }\n';
beforeEach(() => {
  for (const name of readdirSync(cwd)) rmSync(join(cwd, name));
  writeFileSync(path, text, { mode: 0o640 });
});

const change = (dotted: string, value: string | undefined, name = 'dragoman.yaml') =>
  changeConfigFile(name, dotted, value, { kinds, env: {}, cwd });
const told = (changed: ReturnType<typeof change>) => (changed.ok ? [] : changed.problems.map(formatProblem));

describe('a change of the file', () => {
  test('is made at once and leaves comments and permissions', () => {
    chmodSync(path, 0o640);
    expect(change('server.port', '4300')).toEqual({ ok: true });
    expect(readFileSync(path, 'utf8')).toBe(text.replace('4242', '4300'));
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(cwd)).toEqual(['dragoman.yaml']);
  });

  test('that would not be valid is not made, and all that is wrong is told', () => {
    expect(told(change('server.port', 'none'))).toEqual([
      expect.stringContaining('dragoman.yaml:3:9: server.port: '),
    ]);
    expect(told(change('providers.b.type', 'openai'))).toEqual([
      'dragoman.yaml: there is no entry named "b" in providers',
    ]);
    expect(told(change('server.host', undefined))).toEqual(['dragoman.yaml: nothing is set at server.host']);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test('goes through a link', () => {
    symlinkSync(path, join(cwd, 'link.yaml'));
    expect(change('server.port', '4300', 'link.yaml').ok).toBe(true);
    expect(lstatSync(join(cwd, 'link.yaml')).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain('port: 4300');
  });

  test('begins a file that only its owner may read', () => {
    expect(change('fidelity', 'strict', 'new.yaml').ok).toBe(true);
    expect(readFileSync(join(cwd, 'new.yaml'), 'utf8')).toBe('fidelity: strict\n');
    expect(statSync(join(cwd, 'new.yaml')).mode & 0o777).toBe(0o600);
  });
});
