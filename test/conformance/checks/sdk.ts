import { type Canonical, canonicalOfResult } from '../canonical.ts';
import type { Miss } from '../check.ts';
import type { Answer } from '../oracles.ts';
import { difference } from './compare.ts';

/** G2: the SDK took it, and made the same of it as plain concatenation does. */
export function sdkMisses(answer: Answer, wire: Canonical): Miss[] {
  if (answer.error) return [{ check: 'G2', detail: `SDK: ${answer.error.message.slice(0, 120)}` }];
  const final = canonicalOfResult(answer.surface, answer.final ?? {});
  // The Chat accumulator overwrites fields that it does not know; only the wire tells of reasoning there.
  const reasoning = answer.surface !== 'openai-chat';
  return sameAnswer(wire, final, reasoning).map((detail) => ({
    check: 'G2',
    detail: `SDK object: ${detail}`,
  }));
}

/** Where two answers say different things; ids and the order of blocks aside. */
export function sameAnswer(a: Canonical, b: Canonical, reasoning = true): string[] {
  const found: string[] = [];
  const compare = (what: string, left: unknown, right: unknown): void => {
    const [x, y] = [JSON.stringify(left) ?? '', JSON.stringify(right) ?? ''];
    if (x !== y) found.push(`${what}: ${difference(x, y)}`);
  };
  const brokenOff = a.tools.map(({ args }) => parsed(args) === 'broken off');
  const call = ({ name, kind, args }: Canonical['tools'][number], i: number): unknown => [
    name,
    kind,
    brokenOff[i] ? 'broken off' : parsed(args),
  ];
  compare('text', a.text.join(''), b.text.join(''));
  compare('refusal', a.refusal, b.refusal);
  if (reasoning) compare('reasoning', a.reasoning.flat().join(''), b.reasoning.flat().join(''));
  compare('tools', a.tools.map(call), b.tools.map(call));
  compare('finish', a.finish, b.finish);
  const usage = ({ usage }: Canonical): unknown => usage && { ...usage, total: undefined };
  compare('usage', usage(a), usage(b));
  compare(
    'citations',
    a.citations.map(({ source }) => source),
    b.citations.map(({ source }) => source),
  );
  return found;
}

/**
 * Arguments as a value, so that an object surface compares with a string one. Arguments that break off have
 * none: each SDK makes its own guess of them.
 */
function parsed(args: string): unknown {
  try {
    return JSON.parse(args === '' ? '{}' : args) as unknown;
  } catch {
    return 'broken off';
  }
}
