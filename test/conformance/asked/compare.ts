import type { Payload } from '../canonical.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { canonicalRequest, type CanonicalRequest } from './canonical.ts';
import { differences } from './differences.ts';
import { loosened } from './gemini.ts';
import { unlikeArguments } from './schemas.ts';
import { turnsWhy } from './turns.ts';

/** How a request came out: what it lost, and what it had to lose. */
export interface Compared {
  readonly misses: readonly Miss[];
  readonly known: readonly { readonly miss: Miss; readonly cause: string }[];
}

/**
 * Q1: what was asked of `from` against what went up to `to`. Where a native request of the same meaning is at hand,
 * it stands for what was asked in all in which the two natives agree.
 */
export function compareRequests(from: Surface, to: Surface, source: Payload, sent: Payload): Compared {
  const asked = comparable(from, to, from, source);
  const got = comparable(from, to, to, sent);
  const misses: Miss[] = [];
  const known: { miss: Miss; cause: string }[] = [];
  for (const field of Object.keys(asked) as (keyof CanonicalRequest)[]) {
    if (isSame(field, got, asked)) continue;
    if (field === 'turns') {
      const why = turnsWhy(got.turns, asked.turns, source);
      if (why?.length) {
        known.push(...why.map((cause) => ({ miss: { check: 'Q1', detail: field } as const, cause })));
        continue;
      }
    }
    const difference = differences.find(
      (one) =>
        one.field === field &&
        (one.from ?? from) === from &&
        (one.to ?? to) === to &&
        (one.is?.(got[field], asked[field], source) ?? true),
    );
    const detail = `${field} is ${shown(got[field])}, was ${shown(asked[field])}`;
    if (difference) known.push({ miss: { check: 'Q1', detail: field }, cause: difference.why });
    else misses.push({ check: 'Q1', detail });
  }
  return { misses, known };
}

/** Q1 against a recorded native request: where the two clients asked alike, the translation must too. */
export function compareNatives(
  from: Surface,
  to: Surface,
  source: Payload,
  native: Payload,
  sent: Payload,
): Miss[] {
  const asked = comparable(from, to, from, source);
  const wanted = comparable(from, to, to, native);
  const { misses } = compareRequests(from, to, source, sent);
  const alike = (Object.keys(asked) as (keyof CanonicalRequest)[]).filter((field) =>
    Bun.deepEquals(asked[field], wanted[field]),
  );
  return misses
    .filter(({ detail }) => alike.some((field) => detail.startsWith(`${field} is `)))
    .map(({ check, detail }) => ({ check, detail: `natively otherwise: ${detail}` }));
}

function comparable(from: Surface, to: Surface, of: Surface, body: Payload): CanonicalRequest {
  const request = canonicalRequest(of, body);
  if (from !== 'google-gemini' && to !== 'google-gemini') return request;
  return {
    ...request,
    turns: request.turns.map(({ role, parts }) => ({
      role,
      parts: role === 'assistant' ? joinedTexts(parts.map(loosened)) : parts.map(loosened),
    })),
  };
}

/** The chunks of a streamed answer, which the SDK of Gemini keeps apart, as the one text that they were. */
function joinedTexts(parts: readonly string[]): string[] {
  const out: string[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (part.startsWith('text:') && last?.startsWith('text:')) out[out.length - 1] = last + part.slice(5);
    else out.push(part);
  }
  return out;
}

/** Equal; of schemas, that they take the same values. */
function isSame(field: keyof CanonicalRequest, got: CanonicalRequest, asked: CanonicalRequest): boolean {
  if (Bun.deepEquals(got[field], asked[field])) return true;
  if (field === 'format') {
    const both = typeof got.format === 'object' && typeof asked.format === 'object';
    return both && unlikeArguments(asked.format, got.format) === undefined;
  }
  return (
    field === 'tools' &&
    got.tools.length === asked.tools.length &&
    asked.tools.every(({ name, description, schema }, i) => {
      const tool = got.tools[i]!;
      const isNamed = tool.name === name && tool.description === description;
      return isNamed && unlikeArguments(schema, tool.schema) === undefined;
    })
  );
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 200) ?? 'nothing';
