import { wantedReasoning } from '../../protocols/reasoning.ts';
import { refuse } from '../../turn/failure.ts';
import { asArray, asObject, asString, isObject, type Json } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { CatalogModel } from './models.ts';

/** A request's members by name, as JSON text; those that nobody changed are the client's own bytes. */
export type Members = Map<string, Uint8Array | string>;

/**
 * Holds a request to what the live catalog says of its model. What the catalog does not say is let through: the
 * backend knows better than a list that may be old.
 */
export function modelInto(
  members: Members,
  read: (name: string) => Json | undefined,
  items: readonly Json[],
  model: CatalogModel | undefined,
  notes: Note[],
): void {
  tierInto(members, read('service_tier'), model, notes);
  if (model === undefined) return;
  effortInto(members, read('reasoning'), model, notes);
  verbosityInto(members, read('text'), model, notes);
  parallelInto(members, read('parallel_tool_calls'), model, notes);
  toolsInto(members, read('tools'), model, notes);
  refuseInputs(items, model);
}

/** The usual tier has no name there. */
function tierInto(
  members: Members,
  tier: Json | undefined,
  model: CatalogModel | undefined,
  notes: Note[],
): void {
  if (tier === undefined) return;
  const isUsual = tier === null || tier === 'auto' || tier === 'default';
  const isOffered = model === undefined || model.tiers.length === 0 || model.tiers.includes(String(tier));
  if (!isUsual && isOffered) return;
  members.delete('service_tier');
  if (!isUsual) notes.push(drop('service_tier', 'this model is not offered in that tier', 'degrade'));
}

function effortInto(members: Members, wish: Json | undefined, { info }: CatalogModel, notes: Note[]): void {
  const { efforts } = info;
  if (efforts?.length === 0 && wish !== undefined) {
    members.delete('reasoning');
    if (wish !== null) notes.push(drop('reasoning', 'this model does not reason', 'degrade'));
    return;
  }
  const effort = asString(asObject(wish)?.effort);
  if (!isObject(wish) || effort === undefined || efforts === undefined || efforts.includes(effort)) return;
  const { wish: told } = wantedReasoning({ effort }, ['effort'], {
    by: ['effort'],
    efforts,
  });
  const { effort: _, ...others } = wish;
  if (told.as === 'effort') {
    members.set('reasoning', JSON.stringify({ ...others, effort: told.effort }));
    notes.push(
      repair('reasoning.effort', `this model knows ${efforts.join(', ')}: ${told.effort} stands in`),
    );
  } else {
    members.set('reasoning', JSON.stringify(others));
    notes.push(drop('reasoning.effort', 'how much this model reasons cannot be chosen', 'degrade'));
  }
}

function verbosityInto(
  members: Members,
  wish: Json | undefined,
  { verbosity: isKnown }: CatalogModel,
  notes: Note[],
): void {
  if (!isObject(wish) || wish.verbosity === undefined || isKnown !== false) return;
  const { verbosity: _, ...others } = wish;
  if (Object.keys(others).length === 0) members.delete('text');
  else members.set('text', JSON.stringify(others));
  notes.push(drop('text.verbosity', 'the length of this model’s replies cannot be chosen', 'degrade'));
}

function parallelInto(
  members: Members,
  wish: Json | undefined,
  { parallelCalls }: CatalogModel,
  notes: Note[],
): void {
  if (wish !== true || parallelCalls !== false) return;
  members.set('parallel_tool_calls', 'false');
  notes.push(repair('parallel_tool_calls', 'this model calls one tool at a time'));
}

function toolsInto(
  members: Members,
  tools: Json | undefined,
  { toolSearch }: CatalogModel,
  notes: Note[],
): void {
  if (toolSearch !== false) return;
  const asked = asArray(tools);
  const taken = asked.filter((tool, i) => {
    const isTaken = asObject(tool)?.type !== 'tool_search';
    if (!isTaken) notes.push(drop(`tools[${i}]`, 'this model does not look for tools by itself', 'degrade'));
    return isTaken;
  });
  if (taken.length < asked.length) members.set('tools', JSON.stringify(taken));
}

/** Catalogs have no word for files. */
const partKinds: Readonly<Record<string, string>> = { input_image: 'image', input_audio: 'audio' };

/** Without what it shows, a question is another one. */
function refuseInputs(items: readonly Json[], { info: { id, inputs } }: CatalogModel): void {
  if (inputs === undefined) return;
  items.forEach((item, i) => {
    for (const member of ['content', 'output'] as const) {
      asArray(asObject(item)?.[member]).forEach((part, j) => {
        const kind = partKinds[String(asObject(part)?.type)];
        if (kind !== undefined && !inputs.includes(kind))
          refuse(`the model ${id} reads no ${kind}`, `input[${i}].${member}[${j}]`);
      });
    }
  });
}

export const drop = (path: string, why: string, weight: Note['weight']): Note => ({
  path,
  action: 'dropped',
  why,
  weight,
});

export const repair = (path: string, why: string): Note => ({
  path,
  action: 'repaired',
  why,
  weight: 'note',
});
