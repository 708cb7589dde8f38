import { parse } from 'yaml';
import { isRecord } from '../record.ts';
import { fromCcproxy } from './ccproxy.ts';
import { fromClaudeCodeRouter } from './claude-code-router.ts';
import { fromCliProxyApi } from './cliproxyapi.ts';
import type { Draft } from './draft.ts';
import { importFormats, type ImportFormat } from './formats.ts';
import { fromLitellm } from './litellm.ts';
import type { ImportNote } from './source.ts';

export type { ImportFormat } from './formats.ts';
export type { ImportNote } from './source.ts';

export type Imported =
  | {
      readonly ok: true;
      readonly format: ImportFormat;
      /** The text of a dragoman.yaml. It may hold keys. */
      readonly yaml: string;
      /** What of the file is not in it, each with the reason. */
      readonly notes: readonly ImportNote[];
    }
  | { readonly ok: false; readonly problem: string };

/** Reads a text as a value, and throws when it is of another language. */
export type Language = (text: string) => unknown;

export interface ImportOptions {
  /** Whose the file is; seen from it unless given. */
  readonly format?: ImportFormat;
  /** The kinds of provider that a configuration may name. */
  readonly kinds: readonly string[];
  /** What it may be written in beside YAML, such as TOML. They go first: JSON with comments passes for strange YAML. */
  readonly languages?: readonly Language[];
  /** Writes characters that a terminal would obey as `\uXXXX`; none of them is a line end. They stay unless given. */
  readonly escape?: (line: string) => string;
}

/**
 * Makes a dragoman.yaml from the configuration of another gateway. Nothing is left out in silence: what has no
 * counterpart is in the notes.
 *
 * @example
 * const imported = importConfig(readFileSync('config.yaml', 'utf8'), { kinds: ['openai'] });
 * if (imported.ok) process.stdout.write(imported.yaml);
 */
export function importConfig(text: string, options: ImportOptions): Imported {
  const { format, kinds, languages = [], escape = (line) => line } = options;
  const value = read(text, languages);
  if (value === undefined)
    return { ok: false, problem: 'it is neither JSON, YAML nor TOML that makes an object' };
  const found = format ?? formatOf(value);
  if (found === undefined) {
    return { ok: false, problem: `it is of none of these programs: ${importFormats.join(', ')}` };
  }
  const draft = readers[found](value, kinds);
  return {
    ok: true,
    format: found,
    yaml: draft.yaml(`a configuration of ${found}`, escape),
    notes: draft.notes,
  };
}

const readers: Record<ImportFormat, (value: unknown, kinds: readonly string[]) => Draft> = {
  litellm: fromLitellm,
  'claude-code-router': fromClaudeCodeRouter,
  cliproxyapi: fromCliProxyApi,
  ccproxy: fromCcproxy,
};

function read(text: string, languages: readonly Language[]): Record<string, unknown> | undefined {
  for (const language of [...languages, yaml]) {
    try {
      const value = language(text);
      if (isRecord(value)) return value;
    } catch {
      // The next one may be it. What a parser says is not told: it may quote a key.
    }
  }
  return undefined;
}

const yaml: Language = (text) => parse(text, { prettyErrors: false });

function formatOf(value: Record<string, unknown>): ImportFormat | undefined {
  if (Array.isArray(value.model_list)) return 'litellm';
  if (Array.isArray(value.Providers)) return 'claude-code-router';
  const names = Object.keys(value);
  const isCliProxyApi = (name: string): boolean =>
    name.endsWith('-api-key') || ['openai-compatibility', 'auth-dir', 'api-keys'].includes(name);
  if (names.some(isCliProxyApi)) return 'cliproxyapi';
  return names.some((name) => name === 'plugins' || name === 'security') ? 'ccproxy' : undefined;
}
