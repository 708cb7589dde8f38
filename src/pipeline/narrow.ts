import { cutMembers, scanObject } from '../protocols/json-scan.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { contracts, fieldAt } from '../protocols/contracts.ts';
import { isObject, type Json, type JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { Edit } from './asked.ts';

/** The request from which another was written, in its client's own words. */
export interface Written {
  readonly by: Protocol;
  readonly body: JsonObject;
}

/**
 * Leaves out of a request what its provider does not take, each member with a note: by the name that the client has
 * for it, where the request was written from one in another protocol.
 */
export function narrowBody(
  body: JsonObject,
  protocol: Protocol,
  allowed: ReadonlySet<string>,
  from?: Written,
): { body: JsonObject; notes: Note[] } {
  const narrowed: JsonObject = {};
  const notes: Note[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (mayStay(name, protocol, allowed)) narrowed[name] = value;
    else if (value !== undefined)
      notes.push({ ...noteOf(name, protocol), path: clientName(name, protocol, from) });
  }
  return { body: narrowed, notes };
}

/** What the client calls a member of the request to the upstream; the member's own name where it has none. */
function clientName(name: string, { id }: Protocol, from: Written | undefined): string {
  const member = from && fieldAt(id, name)?.is;
  if (member === undefined) return name;
  const said = contracts
    .get(from!.by.id)!
    .fields.find(({ is, path }) => is === member && holds(from!.body, path.split('.')));
  return said?.path ?? name;
}

const holds = (value: Json | undefined, [step, ...steps]: readonly string[]): boolean =>
  step === undefined ? value !== undefined : isObject(value) && holds(value[step], steps);

/**
 * The same for a request that passes as bytes: the cuts, in order and apart, that take the members out of `body`,
 * which is one valid JSON object. `withoutModel` takes the model's name out too, which is no loss where the path has
 * it.
 */
export function narrowBytes(
  body: Uint8Array,
  protocol: Protocol,
  allowed: ReadonlySet<string> | undefined,
  withoutModel: boolean,
): { cuts: Edit[]; notes: Note[] } {
  const scan = scanObject(body);
  const members = scan.ok ? scan.members : [];
  const notes: Note[] = [];
  const cuts = cutMembers(body, members, ({ key }) => {
    if (withoutModel && key === 'model') return true;
    if (allowed === undefined || mayStay(key, protocol, allowed)) return false;
    notes.push(noteOf(key, protocol));
    return true;
  });
  return { cuts, notes };
}

/** Without these there is no request. */
const mayStay = (name: string, { conversation }: Protocol, allowed: ReadonlySet<string>): boolean =>
  allowed.has(name) || name === 'model' || name === 'stream' || name === conversation;

function noteOf(name: string, { tap }: Protocol): Note {
  // Whether usage is reported changes nothing in the reply.
  const weight = name === tap.usageOption?.member ? 'note' : 'degrade';
  return { path: name, action: 'dropped', why: 'not among the members that this provider takes', weight };
}
