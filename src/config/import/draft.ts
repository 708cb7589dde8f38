import { stringify } from 'yaml';
import { reservedNames } from '../schema.ts';
import type { ImportNote } from './source.ts';

/** An account of a provider, as dragoman.yaml has it. */
export interface DraftAccount {
  readonly name: string;
  readonly api_key: string;
  readonly weight?: number;
  readonly priority?: number;
}

/** A provider as dragoman.yaml has it; its keys, address and headers are {@link literal} or references already. */
export interface DraftProvider {
  readonly type: string;
  readonly base_url?: string;
  readonly api_key?: string;
  readonly accounts?: readonly DraftAccount[];
  readonly protocols?: readonly string[];
  readonly models?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A dragoman.yaml in the making. */
export class Draft {
  readonly notes: ImportNote[] = [];
  readonly #providers = new Map<string, DraftProvider>();
  readonly #aliases = new Map<string, string[]>();
  readonly #server: Record<string, string | number> = {};
  #strategy: string | undefined;

  note(path: string, why: string): void {
    this.notes.push({ path, why });
  }

  /** Adds a provider under `wanted`, or a name like it that is still free, and returns its name. */
  provider(wanted: string, provider: DraftProvider): string {
    const plain = wanted
      .toLowerCase()
      .replace(/[^a-z0-9._]+/g, '-')
      .replace(/^[^a-z0-9]+|-$/g, '')
      .slice(0, 60);
    const base = plain === '' || reservedNames.has(plain) ? `${plain}-upstream`.replace(/^-/, '') : plain;
    let name = base;
    for (let i = 2; this.#providers.has(name); i++) name = `${base}-${i}`;
    this.#providers.set(name, provider);
    return name;
  }

  /** Adds a target behind those that the alias has; spaces, which an alias cannot have, become dashes. */
  alias(wanted: string, target: string): void {
    const name = wanted.trim().replace(/\s+/g, '-').slice(0, 128);
    if (name === target) return;
    const targets = this.#aliases.get(name) ?? [];
    if (!targets.includes(target)) targets.push(target);
    this.#aliases.set(name, targets);
  }

  /** What an alias stands for so far. */
  targets(alias: string): readonly string[] {
    return this.#aliases.get(alias) ?? [];
  }

  listen(host: string | undefined, port: number | undefined, path: string): void {
    if (host !== undefined && !/^(?:127(?:\.\d+){3}|localhost|::1)$/.test(host)) {
      this.#server.host = literal(host);
      this.note(path, 'beyond loopback the gateway starts with a key only: `dragoman keys create NAME`');
    }
    if (port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536) this.#server.port = port;
  }

  strategy(name: string): void {
    this.#strategy = name;
  }

  /** The file's text; `escape` writes characters that a terminal would obey as `\uXXXX`. */
  yaml(from: string, escape: (line: string) => string): string {
    const config = {
      ...(Object.keys(this.#server).length > 0 && { server: this.#server }),
      providers: [...this.#providers].map(([name, provider]) => ({
        name,
        ...provider,
        ...(provider.models && { models: provider.models.map(literal) }),
      })),
      ...(this.#strategy !== undefined && { routing: { strategy: this.#strategy } }),
      ...(this.#aliases.size > 0 && {
        models: Object.fromEntries([...this.#aliases].map(([name, targets]) => [name, targets.map(literal)])),
      }),
    };
    return `# Made from ${from}.\n${written(config, escape)}`;
  }
}

/** Only between quotes can a character be written by its number, as those must be that a terminal would obey. */
function written(config: object, escape: (line: string) => string): string {
  const text = stringify(config, { lineWidth: 0 });
  const lines = (each: string): string => each.split('\n').map(escape).join('\n');
  if (lines(text) === text) return text;
  return lines(stringify(config, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE' }));
}

/** Text that dragoman.yaml takes as it is, references to the environment excepted. */
export const literal = (text: string): string => text.replaceAll('${', () => '$${');

/** The name of an account that shows nothing of its key. */
export const accountName = (index: number): string => (index === 0 ? 'default' : `key-${index + 1}`);
