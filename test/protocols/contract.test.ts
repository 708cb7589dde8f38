import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import type { Case, Fate, Field, Treatment } from '../../src/protocols/contract.ts';
import { contracts, fieldOf, plainPath, treatment } from '../../src/protocols/contracts.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Abilities, Protocol } from '../../src/protocols/protocol.ts';
import { FailureError } from '../../src/turn/failure.ts';
import type { Json, JsonObject } from '../../src/turn/json.ts';
import type { Note } from '../../src/turn/note.ts';
import type { ProtocolId } from '../../src/turn/part.ts';
import { caseSamples } from './contract-samples/cases.ts';
import type { Sample, Samples } from './contract-samples/sample.ts';

/**
 * The proof that the table of parity tells the truth: for each field of each protocol, a request with it and
 * one without are written for every other protocol, and what differs is held against what the table says.
 */

const protocols: ReadonlyMap<ProtocolId, Protocol> = new Map(
  [openaiChat, openaiResponses, anthropicMessages, googleGemini].map((protocol) => [protocol.id, protocol]),
);

/** What is known of an upstream where a sample does not say otherwise. */
const usual: Partial<Record<ProtocolId, Abilities>> = { 'openai-chat': { modernChat: true } };

/** And of one that speaks the client's own protocol. */
const own: Abilities = { modernChat: true, reasoningContent: true };

const folder = join(import.meta.dir, 'contract-samples');

for (const [from, { fields }] of contracts) {
  const file = join(folder, `${from}.ts`);
  if (!existsSync(file)) {
    test.skip(`no samples of ${from}: ${file} is not there`, () => {});
    continue;
  }
  const { samples, minimal } = (await import(file)) as { samples: Samples; minimal: JsonObject };

  describe(`what the table says of ${from}`, () => {
    test('each field has a sample, and each sample a field', () => {
      const paths = fields.map(({ path }) => path);
      expect(paths.filter((path) => !Object.hasOwn(samples, path))).toEqual([]);
      expect(Object.keys(samples).filter((path) => !paths.includes(path))).toEqual([]);
    });

    test('comes back to its own protocol', () => {
      const lost = fields.filter(({ is, path }) => {
        const sample = samples[path];
        if (!sample || is === 'delivery.includeUsage' || (from === 'google-gemini' && inPath.has(is)))
          return false;
        const whole = { ...minimal, ...sample.with };
        const bare = sample.without ? { ...minimal, ...sample.without } : taken(whole, path);
        const now = written(from, from, whole, own);
        // What only the vendor's own servers hold is refused by the decoder.
        if (now.notes.some(({ weight }) => weight === 'refuse')) return false;
        return now.body === written(from, from, bare, own).body || now.notes.length > 0;
      });
      expect(lost.map(({ path }) => path)).toEqual([]);
    });

    for (const to of contracts.keys()) {
      if (to === from) continue;
      test(`is what becomes of it in ${to}`, () => {
        const faults = fields.flatMap((field) => {
          const sample = samples[field.path];
          return sample ? faultsOf(field, sample, minimal, from, to) : [];
        });
        expect(faults).toEqual([]);
      });
    }
  });
}

describe('the exceptions', () => {
  const targets = new Set(caseSamples.map(({ to }) => to));
  const named = (to: ProtocolId, member: string, name: string): string => `${to} ${member} ${name}`;

  test('each case of a treatment has a sample', () => {
    const sampled = new Set(caseSamples.map(({ to, member, name }) => named(to, member, name)));
    const stated = [...targets].flatMap((to) =>
      Object.entries(contracts.get(to)!.members).flatMap(([member, { cases = {} }]) =>
        Object.keys(cases).map((name) => named(to, member, name)),
      ),
    );
    expect(stated.filter((one) => !sampled.has(one))).toEqual([]);
    expect([...sampled].filter((one) => !stated.includes(one))).toEqual([]);
  });

  for (const { to, member, name, from, body, abilities } of caseSamples) {
    test(`${member} in ${to}, ${name}`, async () => {
      const { minimal } = (await import(join(folder, `${from}.ts`))) as { minimal: JsonObject };
      const row = contracts.get(to)!.members[member].cases![name]!;
      const { notes } = written(from, to, { ...minimal, ...body }, abilities);
      expect(notes).toContainEqual({
        path: expect.any(String),
        action: actions[row.fate] ?? 'dropped',
        why: expect.stringMatching(new RegExp(`^${row.why.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)),
        weight: row.weight ?? (row.fate === 'refuse' ? 'refuse' : 'note'),
      });
    });
  }
});

/** What Gemini is told by the path of its endpoint. */
const inPath: ReadonlySet<unknown> = new Set(['model', 'delivery.stream']);

interface Written {
  readonly body: string;
  readonly notes: readonly Note[];
}

/** The request as the target is sent it; a decoder's refusal counts as a note of weight `refuse`. */
function written(from: ProtocolId, to: ProtocolId, body: JsonObject, abilities?: Abilities): Written {
  try {
    const request = protocols.get(from)!.decodeRequest(structuredClone(body));
    const target = { model: String(body.model), issuer: 'up', abilities: abilities ?? usual[to] ?? {} };
    const { body: sent, notes } = protocols.get(to)!.encodeRequest(request, target);
    return { body: JSON.stringify(sent), notes };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { param = '', message } = error.failure;
    return { body: '', notes: [{ path: param, action: 'dropped', why: message, weight: 'refuse' }] };
  }
}

function faultsOf(
  field: Field,
  sample: Sample,
  minimal: JsonObject,
  from: ProtocolId,
  to: ProtocolId,
): string[] {
  const whole = { ...minimal, ...sample.with };
  const bare = sample.without ? { ...minimal, ...sample.without } : taken(whole, field.path);
  const now = written(from, to, whole, sample.abilities);
  const before = written(from, to, bare, sample.abilities);
  const told = now.notes.filter((note) => !before.notes.some((one) => Bun.deepEquals(one, note)));
  const changed = now.body !== before.body;
  const row = treatment(field, from, to);
  const name = sample.cases?.[to];
  const expected: Treatment | Case | undefined = name === undefined ? row : row.cases?.[name];
  const show = `${from} ${field.path} → ${to}: `;
  if (expected === undefined) return [`${show}there is no case ${name}`];
  const { fate } = expected;
  if (to === 'google-gemini' && inPath.has(field.is)) return [];
  const about = told.filter((note) => isAbout(note, field, from));
  // With the whole that it is part of, a field is left out without a word of its own.
  const wholes = now.notes.filter(({ path }) => plainPath(field.path).startsWith(plainPath(path)));
  if (wholes.some(({ weight }) => weight === 'refuse') && !changed && fate !== 'refuse') return [];
  if (about.length === 0 && fate === 'drop' && !changed) {
    if (wholes.some(({ action }) => action === 'dropped')) return [];
  }
  const tell = (what: string): string[] => [`${show}${fate}, but ${what} (notes: ${JSON.stringify(told)})`];

  switch (fate) {
    case 'carry':
    case 'translate': {
      if (!changed) return tell('the body is the same');
      const lost = about.filter(({ action }) => action === 'dropped');
      return lost.length > 0 ? tell('a loss is noted') : [];
    }
    case 'moot':
      return changed ? tell('the body changes') : about.length > 0 ? tell('a note is made') : [];
    case 'drop':
      return changed ? tell('the body changes') : noteFaults(expected, about, tell);
    case 'emulate':
    case 'clamp':
      return changed ? noteFaults(expected, about, tell) : tell('the body is the same');
    case 'refuse':
      return about.some(({ weight }) => weight === 'refuse') ? [] : tell('nothing refuses it');
  }
}

const actions: Partial<Record<Fate, Note['action']>> = {
  drop: 'dropped',
  emulate: 'emulated',
  clamp: 'clamped',
};

function noteFaults(
  { fate, why = '', weight = 'note' }: Treatment | Case,
  about: readonly Note[],
  tell: (what: string) => string[],
): string[] {
  const found = about.filter((note) => note.action === actions[fate]);
  if (found.length === 0) return tell('no note says so');
  const same = found.some((note) => note.why.startsWith(why) && note.weight === weight);
  return same ? [] : tell(`the note says something else than «${why}» (${weight})`);
}

/** Whether a note is about the field: it names it, what it is part of, or the usual field for the same thing. */
function isAbout({ path }: Note, field: Field, from: ProtocolId): boolean {
  const noted = plainPath(path.replace(/^tools\.[^.[]+/, 'tools[]'));
  const usualField = field.is === undefined ? undefined : fieldOf(from, field.is);
  return [field.path, usualField?.path ?? field.path]
    .map((one) => plainPath(one.replace(/^include\[.*$/, 'include[]')))
    .some((one) => one === noted || one.startsWith(`${noted}.`) || one.startsWith(`${noted}[`));
}

/** The request without the members at a path. */
function taken(body: JsonObject, path: string): JsonObject {
  const copy = structuredClone(body);
  remove(copy, path.match(/\[[^\]]*\]|[^.[\]]+/g) ?? []);
  return copy;
}

function remove(holder: Json | undefined, [step, ...rest]: readonly string[]): void {
  if (step === undefined || typeof holder !== 'object' || holder === null) return;
  if (step.startsWith('[')) {
    if (!Array.isArray(holder)) return;
    for (let i = holder.length - 1; i >= 0; i--) {
      if (!isVariant(holder[i]!, step.slice(1, -1))) continue;
      if (rest.length === 0) holder.splice(i, 1);
      else remove(holder[i], rest);
      // One is enough where the whole entry goes.
      if (rest.length === 0) return;
    }
    return;
  }
  const members = holder as JsonObject;
  if (rest.length === 0) delete members[step];
  else remove(members[step], rest);
}

function isVariant(entry: Json, variant: string): boolean {
  if (variant === '' || typeof entry !== 'object' || entry === null || Array.isArray(entry)) return true;
  const [key, words] = variant.split('=', 2) as [string, string];
  const word = entry[key];
  if (typeof word !== 'string') return word === undefined;
  return words
    .split('|')
    .some((one) => (one.endsWith('*') ? word.startsWith(one.slice(0, -1)) : one === word));
}
