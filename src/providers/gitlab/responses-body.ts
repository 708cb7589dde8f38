import {
  lastMember,
  scanMembers,
  scanObject,
  splice,
  valueIn,
  type Member,
} from '../../protocols/json-scan.ts';
import { refuse } from '../../turn/failure.ts';
import type { Json } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';

const names = ['model', 'store', 'include', 'previous_response_id', 'conversation'] as const;
const sealedReasoning = 'reasoning.encrypted_content';

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * A client's Responses request as it can be answered here: the proxy has no route to anything that its vendor would
 * keep, so nothing is kept there, and the reasoning comes sealed with the reply, without which the next turn could not
 * bring it back. All else stays byte by byte. `isKept`: the conversation is kept in front of it.
 */
export function shapeResponses(
  given: Uint8Array | string,
  isKept: boolean,
): { readonly body: Uint8Array; readonly notes: readonly Note[] } {
  const body = typeof given === 'string' ? Buffer.from(given) : given;
  const found = scanMembers(body, names);
  const scan = found.ok ? found : scanObject(body);
  if (!scan.ok) refuse(`the request body is not valid JSON: ${scan.why} (byte ${scan.offset})`);
  const member = (name: string): Member | undefined => lastMember(scan.members, name);
  const value = (name: string): Json | undefined => valueIn(body, scan.members, name);
  refuseStranger(value('previous_response_id'), 'previous_response_id', 'Previous response');
  refuseStranger(value('conversation'), 'conversation', 'Conversation');

  const edits: Edit[] = [];
  const added: string[] = [];
  const set = (name: string, json: string): void => {
    const at = member(name);
    if (at === undefined) added.push(`"${name}":${json}`);
    else edits.push({ from: at.from, to: at.to, text: json });
  };
  const store = value('store');
  if (store !== false) set('store', 'false');
  const include = value('include') ?? [];
  if (Array.isArray(include) && !include.includes(sealedReasoning))
    set('include', JSON.stringify([...include, sealedReasoning]));
  // A body that gets here names its model, so that a comma is right.
  if (added.length > 0) edits.push({ from: scan.end - 1, to: scan.end - 1, text: `,${added.join(',')}` });
  return {
    body: splice(
      body,
      edits.sort((a, b) => a.from - b.from),
    ),
    notes: store === true && !isKept ? [unkept] : [],
  };
}

const unkept: Note = {
  path: 'store',
  action: 'dropped',
  why: 'the proxy of the AI gateway keeps no responses, and neither does this gateway without a store',
  weight: 'degrade',
};

/** As OpenAI's API words it; clients send the whole conversation again on this code. */
function refuseStranger(value: Json | undefined, param: string, what: string): void {
  if (value === undefined || value === null || value === '') return;
  const id = typeof value === 'string' ? value : JSON.stringify(value);
  refuse(`${what} with id '${id.slice(0, 200)}' not found.`, param, {
    code: param === 'conversation' ? 'conversation_not_found' : 'previous_response_not_found',
  });
}
