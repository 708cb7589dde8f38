import type { Canonical, CanonicalTool } from '../canonical.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { difference, isJson, sameJson } from './compare.ts';

/** Ids as Anthropic takes them back in a `tool_result`. */
const messagesId = /^[a-zA-Z0-9_-]{1,64}$/;

/** C1 count, order, names and arguments; C2 ids; C3 calls without arguments and custom input. */
export function callMisses(surface: Surface, upstream: Canonical, seen: Canonical): Miss[] {
  const misses: Miss[] = [];
  const names = (of: Canonical): string => of.tools.map(({ name }) => name).join(', ') || 'none';
  if (names(seen) !== names(upstream)) {
    misses.push({ check: 'C1', detail: `calls are ${names(seen)}, upstream's ${names(upstream)}` });
  } else {
    upstream.tools.forEach((call, i) => misses.push(...inputMisses(surface, call, seen.tools[i]!)));
  }
  const ids = seen.tools.map(({ id }) => id);
  // Gemini may leave ids out, and its own clients see its bytes as they are.
  const mayLack = surface === 'google-gemini' && upstream.tools.some(({ id }) => id === '');
  const given = mayLack ? ids.filter((id) => id !== '') : ids;
  if (given.includes('')) misses.push({ check: 'C2', detail: 'a call has no id' });
  if (new Set(given).size !== given.length) misses.push({ check: 'C2', detail: 'two calls have one id' });
  if (surface === 'anthropic-messages' && ids.some((id) => !messagesId.test(id))) {
    misses.push({ check: 'C2', detail: 'a call id is not legal in Messages' });
  }
  return misses;
}

function inputMisses(surface: Surface, upstream: CanonicalTool, seen: CanonicalTool): Miss[] {
  if (upstream.kind === 'custom') {
    const got = knowsCustom(surface) ? seen.args : unwrapped(seen.args);
    if (knowsCustom(surface) && seen.kind !== 'custom') {
      return [{ check: 'C3', detail: `custom call ${upstream.name} arrives as a function` }];
    }
    return got === upstream.args
      ? []
      : [{ check: 'C3', detail: `input of ${upstream.name}: ${difference(upstream.args, got)}` }];
  }
  if (seen.kind !== 'function') return [{ check: 'C1', detail: `call ${upstream.name} arrives as custom` }];
  if (upstream.args === '' || upstream.args === '{}') {
    const fits = seen.args === '{}' || (knowsCustom(surface) && seen.args === upstream.args);
    return fits
      ? []
      : [{ check: 'C3', detail: `${upstream.name} takes nothing and arrives as ${seen.args.slice(0, 40)}` }];
  }
  const exact = upstream.verbatim && seen.verbatim;
  const equal =
    exact || !isJson(upstream.args) ? seen.args === upstream.args : sameJson(upstream.args, seen.args);
  return equal
    ? []
    : [{ check: 'C1', detail: `arguments of ${upstream.name}: ${difference(upstream.args, seen.args)}` }];
}

/** The surfaces that have free-text tools are those that write arguments as a string. */
const knowsCustom = (surface: Surface): boolean =>
  surface === 'openai-chat' || surface === 'openai-responses';

/** The one string of an object that wraps a custom tool's input. */
function unwrapped(args: string): string {
  if (!isJson(args)) return args;
  const values = Object.values(JSON.parse(args) as object);
  return values.length === 1 && typeof values[0] === 'string' ? values[0] : args;
}
