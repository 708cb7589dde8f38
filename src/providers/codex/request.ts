import { lastMember, scanObject } from '../../protocols/json-scan.ts';
import { itemIdPrefixes } from '../../protocols/openai-responses/wire.ts';
import { refuse } from '../../turn/failure.ts';
import { asArray, asObject, entryOf, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import { drop, repair, modelInto, type Members } from './model-rules.ts';
import type { CatalogModel } from './models.ts';

/** Members that stand for a conversation or a prompt that somebody has kept. */
export const refusedMembers: readonly string[] = ['previous_response_id', 'conversation', 'prompt'];

/**
 * The members that the backend takes beside the model, the conversation and `stream`. The official client sends these
 * and no others; the last three are taken only to be refused by name, because leaving one out would answer another
 * question than was asked.
 */
export const requestMembers: ReadonlySet<string> = new Set([
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'reasoning',
  'store',
  'include',
  'prompt_cache_key',
  'text',
  'client_metadata',
  'service_tier',
  'access_programs',
  ...refusedMembers,
]);

const withoutReasoning: ReadonlySet<string> = new Set(
  [...requestMembers].filter((name) => name !== 'reasoning'),
);

/** The members that a request to this model may have, as each account has it. */
export const membersFor = (models: readonly CatalogModel[]): ReadonlySet<string> =>
  models.length > 0 && models.every(({ info }) => info.efforts?.length === 0)
    ? withoutReasoning
    : requestMembers;

/** The members that the route for compactions takes. It answers in one piece, and says nothing that could be kept. */
export const compactMembers: ReadonlySet<string> = new Set([
  'model',
  'input',
  'instructions',
  'tools',
  'parallel_tool_calls',
  'reasoning',
  'prompt_cache_key',
  'text',
]);

/** How the caller's system prompt goes up; it reaches the model in each of them. */
export type InstructionMode = 'default' | 'minimal' | 'disabled';

/** Stands in where the backend would refuse a request for having no instructions. */
export const neutralInstructions = 'You are a helpful assistant.';
/** Goes before the caller's own in the mode `minimal`. */
export const minimalInstructions = 'You are Codex, a coding agent.';

/** What the configuration says of every request. */
export interface RequestSettings {
  readonly instructions: InstructionMode;
  /** How long replies are where the caller does not say. */
  readonly verbosity?: string;
}

/** A request as the backend takes it, but for the words of its identity. */
export interface ShapedRequest {
  /** Values by name, as JSON text; those that nobody changed are the client's own bytes. */
  readonly members: Members;
  /** The caller's own, before the mode has changed them. */
  readonly instructions: Json | undefined;
  readonly items: readonly Json[];
  readonly metadata: Json | undefined;
  readonly notes: Note[];
}

const sealedReasoning = 'reasoning.encrypted_content';

/**
 * Edits a Responses request, which is one valid JSON object, into what the backend takes. `isKept`: the gateway keeps
 * the conversation itself.
 */
export function shapeRequest(
  body: Uint8Array | string,
  settings: RequestSettings,
  model: CatalogModel | undefined,
  isKept = false,
): ShapedRequest {
  const members = membersOf(body);
  const notes: Note[] = [];
  const read = (name: string): Json | undefined => valueOf(members.get(name));
  const instructions = read('instructions');
  const items = inputOf(read('input'), members, notes);
  refuseState(members, read);
  if (read('store') === true && !isKept) {
    notes.push(drop('store', 'this upstream keeps no replies', 'degrade'));
  }
  members.set('store', 'false');
  members.set('stream', 'true');
  includeInto(members, read('include'));
  instructionsInto(members, settings.instructions, instructions, items, notes);
  lengthInto(members, read('text'), settings.verbosity, model);
  modelInto(members, read, items, model, notes);
  return { members, instructions, items, metadata: read('client_metadata'), notes };
}

/** The body of the members, in the client's order. */
export function writeRequest(members: Readonly<Members>): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const [name, value] of members) {
    pieces.push(Buffer.from(`${pieces.length === 0 ? '{' : ','}${JSON.stringify(name)}:`));
    pieces.push(typeof value === 'string' ? Buffer.from(value) : value);
  }
  pieces.push(Buffer.from(pieces.length === 0 ? '{}' : '}'));
  return Buffer.concat(pieces);
}

function membersOf(body: Uint8Array | string): Members {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const scan = scanObject(bytes);
  if (!scan.ok) refuse(`the request body is not valid JSON: ${scan.why} (byte ${scan.offset})`);
  const members: Members = new Map();
  for (const { key } of scan.members) {
    const { from, to } = lastMember(scan.members, key)!;
    members.set(key, bytes.subarray(from, to));
  }
  return members;
}

const text = new TextDecoder();

function valueOf(value: Uint8Array | string | undefined): Json | undefined {
  if (value === undefined) return undefined;
  return JSON.parse(typeof value === 'string' ? value : text.decode(value)) as Json;
}

/** The conversation as a list, whose items the backend takes. */
function inputOf(input: Json | undefined, members: Members, notes: Note[]): Json[] {
  if (typeof input === 'string') {
    const items: Json[] = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
    members.set('input', JSON.stringify(items));
    return items;
  }
  let isChanged = false;
  const items = asArray(input).map((item, i) => {
    const mended = mendItem(item, i, notes);
    isChanged ||= mended !== item;
    return mended;
  });
  if (isChanged) members.set('input', JSON.stringify(items));
  return items;
}

function mendItem(item: Json, i: number, notes: Note[]): Json {
  if (!isObject(item)) return item;
  const type = typeof item.type === 'string' ? item.type : 'message';
  let mended: JsonObject = item;
  if (type === 'message' && item.role === 'system') {
    mended = { ...mended, role: 'developer' };
    notes.push(repair(`input[${i}].role`, 'this upstream calls the system role developer'));
  }
  const prefix = entryOf(itemIdPrefixes, type);
  const { id } = item;
  if (prefix !== undefined && id !== undefined && !(typeof id === 'string' && id.startsWith(prefix))) {
    const { id: _, ...others } = mended;
    mended = others;
    notes.push(repair(`input[${i}].id`, `this upstream takes no other ids here than ${prefix}…`));
  }
  return mended;
}

function refuseState(members: Members, read: (name: string) => Json | undefined): void {
  for (const name of refusedMembers) {
    const value = read(name);
    if (value !== undefined && value !== null)
      refuse(`${name} cannot be carried: this upstream keeps nothing between requests`, name);
    members.delete(name);
  }
}

function includeInto(members: Members, include: Json | undefined): void {
  const wishes = asArray(include);
  if (!wishes.includes(sealedReasoning)) members.set('include', JSON.stringify([...wishes, sealedReasoning]));
}

function instructionsInto(
  members: Members,
  mode: InstructionMode,
  instructions: Json | undefined,
  items: readonly Json[],
  notes: Note[],
): void {
  const own = typeof instructions === 'string' && instructions.trim() !== '' ? instructions : undefined;
  if (own === undefined) members.delete('instructions');
  if (mode === 'minimal') {
    const said = own === undefined ? minimalInstructions : `${minimalInstructions}\n\n${own}`;
    members.set('instructions', JSON.stringify(said));
  } else if (mode === 'default' && own === undefined && !items.some(isByDeveloper)) {
    members.set('instructions', JSON.stringify(neutralInstructions));
    notes.push({
      path: 'instructions',
      action: 'emulated',
      why: 'this upstream refuses a request without any: a neutral sentence stands in',
      weight: 'note',
    });
  }
}

/** The caller's own word goes first, and a model whose replies have one length is not asked for another. */
function lengthInto(
  members: Members,
  wish: Json | undefined,
  verbosity: string | undefined,
  model: CatalogModel | undefined,
): void {
  const own = asObject(wish);
  if (verbosity === undefined || own?.verbosity !== undefined || model?.verbosity === false) return;
  members.set('text', JSON.stringify({ ...own, verbosity }));
}

const isByDeveloper = (item: Json): boolean => asObject(item)?.role === 'developer';
