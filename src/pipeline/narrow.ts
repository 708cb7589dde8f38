import { scanObject } from '../protocols/json-scan.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { JsonObject } from '../turn/json.ts';
import type { Note } from '../turn/note.ts';
import type { Edit } from './asked.ts';

/** Leaves out of a request what its provider does not take, each member with a note. */
export function narrowBody(
  body: JsonObject,
  protocol: Protocol,
  allowed: ReadonlySet<string>,
): { body: JsonObject; notes: Note[] } {
  const narrowed: JsonObject = {};
  const notes: Note[] = [];
  for (const [name, value] of Object.entries(body)) {
    if (mayStay(name, protocol, allowed)) narrowed[name] = value;
    else if (value !== undefined) notes.push(noteOf(name, protocol));
  }
  return { body: narrowed, notes };
}

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
  const cuts: Edit[] = [];
  const notes: Note[] = [];
  let keptBefore = false;
  let from = body.indexOf(openBrace) + 1;
  members.forEach((member, i) => {
    const { key, to } = member;
    const cutModel = withoutModel && key === 'model';
    if (!cutModel && (allowed === undefined || mayStay(key, protocol, allowed))) {
      keptBefore = true;
      return;
    }
    if (!cutModel) notes.push(noteOf(key, protocol));
    // A member goes with the comma before it, or while none stays before it with the comma behind it.
    const start = keptBefore ? members[i - 1]!.to : from;
    from = keptBefore ? to : afterComma(body, to);
    cuts.push({ from: start, to: from, text: '' });
  });
  return { cuts, notes };
}

const openBrace = 0x7b;
const comma = 0x2c;

/** The offset after the comma that follows a member's end; that end itself when it is the last. */
function afterComma(body: Uint8Array, to: number): number {
  let at = to;
  while (body[at]! <= 0x20) at++;
  return body[at] === comma ? at + 1 : to;
}

/** Without these there is no request. */
const mayStay = (name: string, { conversation }: Protocol, allowed: ReadonlySet<string>): boolean =>
  allowed.has(name) || name === 'model' || name === 'stream' || name === conversation;

function noteOf(name: string, { tap }: Protocol): Note {
  // Whether usage is reported changes nothing in the reply.
  const weight = name === tap.usageOption?.member ? 'note' : 'degrade';
  return { path: name, action: 'dropped', why: 'not among the members that this provider takes', weight };
}
