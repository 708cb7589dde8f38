import type { Field } from '../../src/protocols/contract.ts';
import type { Source } from './sources.ts';

/**
 * The fields that a source names and no row of the table covers, each with the sources that name it. A row covers
 * its own path, what its `inside` lists, the members of what it is `like`, and the tag of a union that it holds.
 */
export function missingFields(fields: readonly Field[], sources: readonly Source[]): string[] {
  const table = tableOf(fields);
  const missing = new Map<string, string[]>();
  for (const { name, fields: walked } of sources) {
    for (const { path, leaf } of walked) {
      const steps = stepsOf(path);
      if (!leaf || isCovered(steps, table) || isTag(steps, table)) continue;
      missing.set(path, [...(missing.get(path) ?? []), name]);
    }
  }
  return [...missing]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, from]) => `${path} (${from.join(', ')})`);
}

/** What rows name that no source has, and what rows call `beyond` that a source has. */
export function staleRows(fields: readonly Field[], sources: readonly Source[]): string[] {
  const described = sources.flatMap(({ fields: walked }) =>
    walked.flatMap(({ path, words }) => [
      stepsOf(path),
      ...(words ?? []).map((word) => [...stepsOf(path), `[${word}]`]),
    ]),
  );
  const exists = ({ steps, open }: Pattern): boolean =>
    described.some(
      (place) => fits(steps, place) || (open && place.length > steps.length && fits(steps, place)),
    );
  return fields.flatMap((field) => {
    const [own, ...inside] = patternsOf(field);
    if (field.beyond) {
      const known = kindsApart(own!).filter(exists);
      return known.map(({ text }) => `${text} is called beyond, and the vendor's documents have it`);
    }
    // Of data of the client's own, and of a list of plain values, no description says more.
    const named = inside.filter(({ open, steps }) => !open && steps.at(-1) !== '[]');
    const wrongKinds = kindsApart(own!)
      .flatMap(upToKind)
      .filter((pattern) => !exists(pattern));
    const wrongPlaces = [own!, ...named].filter((pattern) => !kindsApart(pattern).some(exists));
    return [...wrongKinds, ...wrongPlaces].map(({ text }) => `${text} is in no description`);
  });
}

/** A pattern cut behind the last kind of entry that it names: `tools[type=a].name` → `tools[type=a]`. */
function upToKind({ steps }: Pattern): Pattern[] {
  const last = steps.findLastIndex((step) => step.includes('='));
  if (last < 0) return [];
  const cut = steps.slice(0, last + 1);
  return [{ text: cut.join('.').replaceAll('.[', '['), steps: cut, open: false }];
}

/** Places that two rows name, so that it is left to their order which one counts. */
export function doubledRows(fields: readonly Field[]): string[] {
  const first = new Map<string, string>();
  const doubled: string[] = [];
  for (const field of fields) {
    if (field.like !== undefined) continue;
    for (const { text } of patternsOf(field).flatMap(kindsApart)) {
      const before = first.get(text);
      if (before !== undefined) doubled.push(`${text} (in ${before} and in ${field.path})`);
      first.set(text, field.path);
    }
  }
  return doubled;
}

/** Whether other rows answer for a row's own place too: in general where it is special, or kind by kind. */
export function isShared(row: Field, fields: readonly Field[]): boolean {
  const { steps: own } = patternsOf(row)[0]!;
  const others = tableOf(fields.filter((other) => other !== row));
  const narrower = others.patterns.get(plainPath(own)) ?? [];
  return isCovered(own, others) || narrower.some(({ steps }) => fits(own, steps));
}

/** Whether a row names only the places of members that have rows of their own. */
export function isContainer(row: Field, sources: readonly Source[]): boolean {
  const patterns = patternsOf(row);
  return !sources.some((source) =>
    source.fields.some(({ path, leaf }) => {
      const place = stepsOf(path);
      return (
        leaf &&
        patterns.some(({ steps, open }) => fits(steps, place) && (open || steps.length === place.length))
      );
    }),
  );
}

interface Pattern {
  readonly text: string;
  readonly steps: readonly string[];
  /** Covers everything below it as well. */
  readonly open: boolean;
}

interface Table {
  /** By the plain path: without variants. */
  readonly patterns: ReadonlyMap<string, readonly Pattern[]>;
  readonly likes: readonly { readonly steps: readonly string[]; readonly target: readonly string[] }[];
}

function tableOf(fields: readonly Field[]): Table {
  const patterns = new Map<string, Pattern[]>();
  for (const pattern of fields.flatMap(patternsOf)) {
    const plain = plainPath(pattern.steps);
    patterns.set(plain, [...(patterns.get(plain) ?? []), pattern]);
  }
  const likes = fields.flatMap(({ path, like }) =>
    like === undefined ? [] : [{ steps: stepsOf(path), target: stepsOf(like) }],
  );
  return { patterns, likes };
}

/** A row's own place and those inside it. */
function patternsOf(field: Field): Pattern[] {
  const own = { text: field.path, steps: stepsOf(field.path), open: false };
  const inside = (field.inside ?? []).map((name) => {
    const open = name.endsWith('*');
    const bare = open ? name.replace(/\.?\*$/, '') : name;
    const path = bare === '' ? field.path : `${field.path}${bare.startsWith('[') ? '' : '.'}${bare}`;
    return { text: open ? `${path}.*` : path, steps: stepsOf(path), open };
  });
  return [own, ...inside];
}

function isCovered(place: readonly string[], table: Table, within = 0): boolean {
  const covers = (length: number, open: boolean): boolean => {
    const patterns = table.patterns.get(plainPath(place.slice(0, length))) ?? [];
    const fitting = patterns.filter((pattern) => (!open || pattern.open) && fits(pattern.steps, place));
    // Where the table tells kinds apart, its row for whatever else may come must not hide a new one.
    const isKind = !open && place.at(-1)!.startsWith('[type=');
    const tells = ({ steps }: Pattern): boolean =>
      steps.at(-1)!.startsWith('[type=') && fits(steps.slice(0, -1), place);
    const apart = isKind && patterns.some(tells);
    return fitting.some(({ steps }) => !apart || steps.at(-1) !== '[]');
  };
  if (covers(place.length, false)) return true;
  for (let length = place.length - 1; length > 0; length--) if (covers(length, true)) return true;
  if (within > 4) return false;
  return table.likes.some(
    ({ steps, target }) =>
      steps.length < place.length &&
      fits(steps, place) &&
      isCovered([...target, ...place.slice(steps.length)], table, within + 1),
  );
}

/** Whether it is the member that tells the branches of a union apart, and the table has the union or tells by it. */
function isTag(place: readonly string[], table: Table): boolean {
  const around = place.slice(0, -1);
  if (place.at(-1) === 'type' && isCovered(around, table)) return true;
  const tells = ({ steps }: Pattern): boolean =>
    steps[around.length - 1]?.startsWith(`[${place.at(-1)}=`) === true;
  return (table.patterns.get(plainPath(around)) ?? []).some(tells);
}

/** `messages[].content[type=text].text` as `messages`, `[]`, `content`, `[type=text]`, `text`. */
const stepsOf = (path: string): string[] => path.match(/\[[^\]]*\]|[^.[\]]+/g) ?? [];

const plainPath = (steps: readonly string[]): string =>
  steps.map((step) => (step.startsWith('[') ? '[]' : step)).join('.');

/** Whether a pattern's steps are those with which a place begins. */
const fits = (steps: readonly string[], place: readonly string[]): boolean =>
  steps.length <= place.length && steps.every((step, i) => fitsStep(step, place[i]!));

function fitsStep(step: string, given: string): boolean {
  if (step === given) return true;
  const wanted = /^\[(\w+)=(.*)\]$/.exec(step);
  const got = /^\[(\w+)=(.*)\]$/.exec(given);
  if (step === '[]') return got !== null;
  if (!wanted) return false;
  // A description may tell entries by another member than the table, or by none.
  if (wanted[1] !== (got?.[1] ?? 'type')) return true;
  return got !== null && wanted[2]!.split('|').some((kind) => isKind(kind, got[2]!));
}

const isKind = (pattern: string, kind: string): boolean =>
  pattern.endsWith('*') ? kind.startsWith(pattern.slice(0, -1)) : pattern === kind;

/** `tools[type=a|b].name` → `tools[type=a].name` and `tools[type=b].name`. */
function kindsApart(pattern: Pattern): Pattern[] {
  const at = pattern.steps.findIndex((step) => step.includes('|'));
  if (at < 0) return [pattern];
  const step = pattern.steps[at]!;
  const [, key, kinds] = /^\[(\w+)=(.*)\]$/.exec(step)!;
  return kinds!.split('|').flatMap((kind) => {
    const one = `[${key}=${kind}]`;
    return kindsApart({
      text: pattern.text.replace(step, one),
      steps: pattern.steps.with(at, one),
      open: pattern.open,
    });
  });
}
