import { describe, expect, test } from 'bun:test';
import type { Abilities } from '../../src/protocols/protocol.ts';
import { FailureError } from '../../src/turn/failure.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { type Surface, surfaces } from './finish.ts';
import { protocols } from './protocols.ts';
import { recordedRequests } from './recorded-requests.ts';

/** Members that say nothing to another protocol and are left out without a word. */
const meaningless: readonly { readonly member: RegExp; readonly to?: Surface; readonly why: string }[] = [
  { member: /^stream$/, to: 'google-gemini', why: 'Gemini says in the path that a reply is to be streamed.' },
  { member: /\.\$schema\./, why: 'The version of JSON Schema says nothing about a value.' },
  {
    member: /^tool_choice\{auto\}\.type$/,
    to: 'google-gemini',
    why: 'Auto is what the API does anyway.',
  },
  {
    member: /^reasoning\.summary$/,
    to: 'google-gemini',
    why: 'Thoughts are shown in summary or not at all; how long a summary is to be, its own models choose.',
  },
  { member: /^systemInstruction<user>\.role$/, why: 'Instructions are spoken by nobody in particular.' },
  {
    member: /\.functionResponse\.(id|name)$/,
    why: 'A result is joined to its call by either, and what the call says goes up.',
  },
  { member: /^model$/, why: 'The route names the model.' },
  {
    member: /^stream_options\.include_usage$/,
    why: 'Usage is asked for in any case; the client’s own stream has it only if wanted.',
  },
  {
    member: /^input\.\*.*\.(id|status)$/,
    why: 'The id and state of an item belong to the server that made it; calls are joined by call_id.',
  },
  {
    member: /^input\.\*\{additional_tools\}.*\.(role|format\{text\}\.type)$/,
    why: 'Tools are offered by nobody in particular, and free text is the only format without a grammar.',
  },
  {
    member:
      /^input\.\*(\{message\})?<user>\.role$|\.tool_calls\.\*\{function\}\.type$|\.summary\.\*\{summary_text\}\.type$/,
    why: 'A role or kind of call that nobody knows is read as the usual one.',
  },
  { member: /\.source\{text\}\.media_type$/, why: 'There is one type of plain text.' },
  {
    member: /^tools\.\*\{web_search_\d+\}\.(name|type)$/,
    why: 'The version and fixed name of a hosted search; the other vendor’s has its own.',
  },
];

/** Members of the request; a note that is about one of these as a whole is not about all that it holds. */
const containers: ReadonlySet<string> = new Set(['messages', 'input', 'tools', 'content', 'system', 'text']);

/** Of the members that are spelt alike, so many are tried with each target. */
const triesPerMember = 8;

const targets: readonly (readonly [surface: Surface, abilities: Abilities])[] = [
  ['openai-chat', { modernChat: true }],
  ['openai-chat', { reasoningContent: true }],
  ['openai-responses', {}],
  ['anthropic-messages', {}],
  ['google-gemini', {}],
];

const recorded = corpusAvailable ? describe : describe.skip;

recorded(`every member of a recorded request (${corpusRoot})`, () => {
  for (const surface of surfaces) {
    test(`of ${surface} reaches the upstream or is accounted for`, () => {
      const tried = new Map<string, number>();
      const silent = new Map<string, string>();
      for (const { name, surface: own, body } of recordedRequests()) {
        if (own !== surface) continue;
        const { leaves, spots } = membersOf(body);
        targets.forEach(([upstream, abilities], i) => {
          if (upstream === surface) return;
          const write = (): Written | undefined => written(surface, upstream, abilities, body);
          const base = write();
          if (base === undefined) return;
          for (const leaf of leaves) {
            const key = `${i} ${leaf.member}`;
            const tries = tried.get(key) ?? 0;
            if (tries >= triesPerMember || isMeaningless(leaf.member, upstream)) continue;
            tried.set(key, tries + 1);
            if (!shows(leaf, write, base) && !isNoted(leaf, spots, write, base)) {
              silent.set(`${leaf.member} → ${upstream}`, name);
            }
          }
        });
      }
      expect([...silent]).toEqual([]);
      expect(tried.size).toBeGreaterThan(50);
    }, 300_000);
  }
});

const isMeaningless = (name: string, upstream: Surface): boolean =>
  meaningless.some(({ member, to }) => member.test(name) && (to === undefined || to === upstream));

interface Written {
  readonly body: string;
  /** Each note once, places in lists left out. */
  readonly notes: string;
  readonly exact: string;
  /** What the notes are about, as paths. */
  readonly about: readonly string[][];
}

function written(
  surface: Surface,
  upstream: Surface,
  abilities: Abilities,
  body: JsonObject,
): Written | undefined {
  try {
    const request = protocols[surface].decodeRequest({ ...body, model: 'm' });
    const out = protocols[upstream].encodeRequest(request, { model: 'm', issuer: 'up', abilities });
    const names = JSON.stringify([...(out.names ?? [])]);
    const lines = out.notes.map(({ action, path, why }) => `${action} ${path.replace(/\d+/g, '*')}: ${why}`);
    return {
      body: JSON.stringify(out.body) + names,
      notes: [...new Set(lines)].sort().join('\n'),
      exact: JSON.stringify(out.notes),
      // In Gemini, `thought` says what kind of part it stands in.
      about: out.notes.map(({ path }) =>
        path
          .replace(/\.thought$/, '')
          .split(/[.[\]]+/)
          .filter((step) => step !== ''),
      ),
    };
  } catch (error) {
    if (error instanceof FailureError) return undefined;
    throw error;
  }
}

interface Spot {
  readonly parent: Record<string, unknown> | unknown[];
  readonly key: string;
}

interface Leaf extends Spot {
  readonly path: readonly string[];
  /** The path without places in lists, with kinds of things: `messages.*<user>.content.*{text}.text`. */
  readonly member: string;
  /** The members that it is part of, innermost first. */
  readonly within: readonly string[];
}

function membersOf(body: JsonObject): { leaves: Leaf[]; spots: Map<string, Spot[]> } {
  const leaves: Leaf[] = [];
  const spots = new Map<string, Spot[]>();
  const visit = (parent: Spot['parent'], path: readonly string[], outer: string, within: string[]): void => {
    for (const [key, value] of Object.entries(parent)) {
      const step = Array.isArray(parent) ? '*' : key;
      const member = kinded(outer === '' ? step : `${outer}.${step}`, value);
      const spot = { parent, key };
      spots.set(member, [...(spots.get(member) ?? []), spot]);
      if (typeof value === 'object' && value !== null) {
        visit(value as Spot['parent'], [...path, key], member, [member, ...within]);
      } else if (value !== null) {
        leaves.push({ ...spot, path: [...path, key], member, within: [member, ...within] });
      }
    }
  };
  visit(body, [], '', []);
  return { leaves, spots };
}

/** All members of a JSON schema count as one; things with a type or role are told apart by it. */
function kinded(member: string, value: unknown): string {
  const schema = /^(.*(?:parameters|input_schema|schema))(\.|$)/.exec(member)?.[1];
  if (schema !== undefined) return `${schema}.…`;
  if (typeof value !== 'object' || value === null) return member;
  const { type, role } = value as { type?: unknown; role?: unknown };
  return `${member}${typeof type === 'string' ? `{${type}}` : ''}${typeof role === 'string' ? `<${role}>` : ''}`;
}

/** Whether a change of the value changes what is sent or noted. A refusal accounts for it too. */
function shows({ parent, key }: Leaf, write: () => Written | undefined, base: Written): boolean {
  const owner = parent as Record<string, unknown>;
  const value = owner[key];
  owner[key] = typeof value === 'string' ? `${value}~` : typeof value === 'number' ? value + 1 : !value;
  const now = write();
  owner[key] = value;
  return now === undefined || now.body !== base.body || now.exact !== base.exact;
}

/**
 * Whether a note is about the value: it names the member, or a thing that holds it, or it goes away together with
 * the member or a thing that holds it, while what is sent stays.
 */
function isNoted(
  leaf: Leaf,
  spots: ReadonlyMap<string, readonly Spot[]>,
  write: () => Written | undefined,
  base: Written,
): boolean {
  const named = base.about.some((path) => {
    const last = path.findLast((step) => !/^\d+$/.test(step));
    const isAround = path.every((step, i) => leaf.path[i] === step);
    return isAround || (last !== undefined && !containers.has(last) && leaf.path.includes(last));
  });
  if (named) return true;
  for (const member of leaf.within) {
    const now = without(spots.get(member) ?? [], write);
    if (now === undefined) continue;
    if (now.body !== base.body) return false;
    if (now.notes !== base.notes) return true;
  }
  return false;
}

/** What is written when these members are not there. */
function without(spots: readonly Spot[], write: () => Written | undefined): Written | undefined {
  const before = new Map(spots.map(({ parent }) => [parent, Object.entries(parent)]));
  for (const [parent, entries] of before) {
    const gone = new Set(spots.filter((spot) => spot.parent === parent).map(({ key }) => key));
    fill(
      parent,
      entries.filter(([key]) => !gone.has(key)),
    );
  }
  const now = write();
  for (const [parent, entries] of before) fill(parent, entries);
  return now;
}

function fill(parent: Spot['parent'], entries: readonly (readonly [string, unknown])[]): void {
  if (Array.isArray(parent)) {
    parent.length = 0;
    parent.push(...entries.map(([, value]) => value));
    return;
  }
  for (const key of Object.keys(parent)) delete parent[key];
  for (const [key, value] of entries) parent[key] = value;
}
