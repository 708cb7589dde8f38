import {
  largeBytesMin,
  lastMember,
  memberValue,
  scanMembers,
  scanObject,
  type Member,
  type ScanResult,
} from '../protocols/json-scan.ts';
import type { UsageOption } from '../protocols/tap.ts';
import { refuse } from '../turn/failure.ts';
import { isObject, type JsonObject } from '../turn/json.ts';
import type { AskedByPath, Inbound } from './exchange.ts';

/** What the gateway must know of a request before it knows where it goes. */
export interface Asked {
  readonly model: string;
  /** Where the body names the model; absent where only the path does. */
  readonly modelMember: Member | undefined;
  /** The path has said it: it counts, whatever the body says. */
  readonly byPath: boolean;
  readonly stream: boolean;
  /** The edit by which a stream states its usage; absent where the client made it or none is needed. */
  readonly usage: Edit | undefined;
}

/** A byte range of a body and what is to stand there instead. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The members that decide where a request goes and how it comes back. */
const names = ['model', 'stream'] as const;

/** Finds what is asked for without parsing the body. Refuses what is no JSON object or names no model. */
export function readAsked(
  body: Uint8Array,
  { surface, asked, meant }: Pick<Inbound, 'surface' | 'asked' | 'meant'>,
): Asked {
  if (asked !== undefined) return readBeside(body, asked);
  const option = surface.tap.usageOption;
  const { members, end } = valid(scanMembers(body, option === undefined ? names : [...names, option.member]));
  const modelMember = lastMember(members, 'model');
  if (modelMember === undefined) refuse('the request names no model', 'model');
  const named = memberValue(body, modelMember);
  if (typeof named !== 'string' || named === '') refuse('model must be a string that names one', 'model');
  const model = meant === undefined ? named : meant(named);
  const streamMember = lastMember(members, 'stream');
  const stream = streamMember === undefined ? false : memberValue(body, streamMember);
  if (typeof stream !== 'boolean' && stream !== null) refuse('stream must be true or false', 'stream');
  if (stream !== true) return { model, modelMember, byPath: false, stream: false, usage: undefined };
  const usage = option && usageEdit(option, body, lastMember(members, option.member), end - 1);
  return { model, modelMember, byPath: false, stream, usage };
}

/** The path has said it all: the body is only checked. */
function readBeside(body: Uint8Array, { model, stream }: AskedByPath): Asked {
  if (model === '') refuse('the path names no model', 'model');
  const { members } = valid(scanObject(body));
  return { model, modelMember: lastMember(members, 'model'), byPath: true, stream, usage: undefined };
}

function valid(scan: ScanResult): ScanResult & { ok: true } {
  if (!scan.ok) refuse(`the request body is not valid JSON: ${scan.why} (byte ${scan.offset})`);
  return scan;
}

/** How usage is asked for; `closing` is where the body's closing brace stands. */
function usageEdit(
  { member: name, key }: UsageOption,
  body: Uint8Array,
  member: Member | undefined,
  closing: number,
): Edit | undefined {
  const value = member === undefined ? undefined : memberValue(body, member);
  const stated = isObject(value) ? value : {};
  if (stated[key] === true) return undefined;
  const text = JSON.stringify({ ...stated, [key]: true });
  return member
    ? { ...member, text }
    : { from: closing, to: closing, text: `,${JSON.stringify(name)}:${text}` };
}

const text = new TextDecoder();

/**
 * The body as a decoder takes it, with the model that the client asked for: a path may have named it, and the
 * native lane may have written the upstream's name over it.
 */
export function parseBody(body: Uint8Array, { model, byPath, stream }: Asked): JsonObject {
  // A large body was only searched so far; one that is nested without end must not reach what recurses.
  if (body.length >= largeBytesMin) valid(scanObject(body));
  const json = JSON.parse(text.decode(body)) as JsonObject;
  return byPath ? { ...json, model, stream } : { ...json, model };
}
