import { isRecord } from './record.ts';
import type { Environment } from './substitute.ts';

const prefix = 'DRAGOMAN_PROVIDER_';

/**
 * Lets the environment override settings of providers: `DRAGOMAN_PROVIDER_{NAME}_{KEY}`, in capitals, with `_` for
 * what is neither letter nor digit in the name and `__` before each further key. A list or a mapping is written as
 * JSON. Of two names that could be meant the longer one is.
 *
 * @param raw the configuration as it was read; its providers are changed in place
 * @param origins is told which variable a value is from, by the value's path
 * @example
 * // DRAGOMAN_PROVIDER_CLAUDE_BASE_URL=https://claude.test, DRAGOMAN_PROVIDER_CLAUDE_HEADERS={"x-org":"me"}
 */
export function overrideProviders(raw: unknown, env: Environment, origins: Map<string, string>): void {
  const providers = isRecord(raw) && Array.isArray(raw.providers) ? (raw.providers as unknown[]) : [];
  const names = providers
    .flatMap((entry, i) =>
      isRecord(entry) && typeof entry.name === 'string' ? [{ entry, i, start: startOf(entry.name) }] : [],
    )
    .sort((a, b) => b.start.length - a.start.length);
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || !value) continue;
    const found = names.find(({ start }) => variable.startsWith(start));
    if (found === undefined) continue;
    const path = variable.slice(found.start.length).toLowerCase().split('__');
    if (path.includes('') || path.includes('__proto__')) continue;
    setIn(found.entry, path, valueOf(value));
    origins.set(['providers', found.i, ...path].join('.'), variable);
  }
}

const startOf = (name: string): string => `${prefix}${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_`;

function setIn(target: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key!] = value;
    return;
  }
  const inner = isRecord(target[key!]) ? (target[key!] as Record<string, unknown>) : {};
  target[key!] = inner;
  setIn(inner, rest, value);
}

function valueOf(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Text that only begins like it; the schema says what it should have been.
    return text;
  }
}
