/** One member of the top-level object: byte offsets of its value, `to` exclusive. */
export interface Member {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

export type ScanResult =
  | { readonly ok: true; readonly members: readonly Member[]; readonly end: number }
  | { readonly ok: false; readonly offset: number; readonly why: string };

/** Deeper nesting than this is refused: parsers further down the line recurse. */
export const jsonDepthMax = 1000;

const expect = { value: 0, keyOrEnd: 1, key: 2, colon: 3, commaOrEnd: 4, valueOrEnd: 5 } as const;
const text = new TextDecoder();

/**
 * Checks that `bytes` are one JSON object and finds its top-level members, without building any value. Costs
 * about half of `JSON.parse` and leaves the bytes alone, so that a body can be spliced instead of rewritten.
 *
 * @example
 * const scan = scanObject(new TextEncoder().encode('{"model":"a"}'));
 * scan.ok && scan.members[0]; // { key: 'model', from: 9, to: 12 }
 */
export function scanObject(bytes: Uint8Array): ScanResult {
  const length = bytes.length;
  const members: Member[] = [];
  const arrays = new Uint8Array(jsonDepthMax + 1);
  let depth = 0;
  let at = 0;
  let state: number = expect.value;
  let key = '';
  let valueFrom = 0;

  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;

  for (;;) {
    let c = bytes[at];
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = bytes[++at];
    if (at >= length) return bad(at, 'the JSON ends too early');

    if (state === expect.colon) {
      if (c !== 0x3a) return bad(at, 'a colon is missing');
      at++;
      state = expect.value;
      continue;
    }

    if (state === expect.commaOrEnd) {
      if (c === 0x2c) {
        at++;
        state = arrays[depth] === 1 ? expect.value : expect.key;
        continue;
      }
      if (c !== (arrays[depth] === 1 ? 0x5d : 0x7d)) return bad(at, 'a comma or closing bracket is missing');
    } else if (state === expect.keyOrEnd || state === expect.key) {
      if (c === 0x22) {
        const to = stringEnd(bytes, at + 1);
        if (to < 0) return bad(-to, 'a string is not valid');
        if (depth === 1) key = keyOf(bytes, at, to);
        at = to;
        state = expect.colon;
        continue;
      }
      if (c !== 0x7d || state === expect.key) return bad(at, 'a member name is missing');
    } else if (!(state === expect.valueOrEnd && c === 0x5d)) {
      // A value begins here.
      if (depth === 1) valueFrom = at;
      if (c === 0x7b || c === 0x5b) {
        if (depth === 0 && c === 0x5b) return bad(at, 'the body must be a JSON object');
        if (++depth > jsonDepthMax) return bad(at, 'the JSON is nested too deeply');
        arrays[depth] = c === 0x5b ? 1 : 0;
        at++;
        state = c === 0x5b ? expect.valueOrEnd : expect.keyOrEnd;
        continue;
      }
      if (depth === 0) return bad(at, 'the body must be a JSON object');
      const to = c === 0x22 ? stringEnd(bytes, at + 1) : scalarEnd(bytes, at);
      if (to < 0) return bad(-to, c === 0x22 ? 'a string is not valid' : 'a value is not valid');
      at = to;
      if (depth === 1) members.push({ key, from: valueFrom, to: at });
      state = expect.commaOrEnd;
      continue;
    }

    // A closing bracket, of the right kind.
    at++;
    depth--;
    if (depth === 1) members.push({ key, from: valueFrom, to: at });
    if (depth === 0) break;
    state = expect.commaOrEnd;
  }

  const end = at;
  for (; at < length; at++) {
    const c = bytes[at];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return bad(at, 'there is more after the JSON');
  }
  return { ok: true, members, end };
}

/** The parsed value of a member. */
export const memberValue = (bytes: Uint8Array, member: Member): unknown =>
  JSON.parse(text.decode(bytes.subarray(member.from, member.to)));

/** The last member of that name: the one that `JSON.parse` would keep. */
export function lastMember(members: readonly Member[], key: string): Member | undefined {
  for (let i = members.length - 1; i >= 0; i--) if (members[i]!.key === key) return members[i];
  return undefined;
}

/** Replaces byte ranges, which must be in order and apart. */
export function splice(
  bytes: Uint8Array,
  edits: readonly { readonly from: number; readonly to: number; readonly text: string }[],
): Uint8Array {
  if (edits.length === 0) return bytes;
  const encoder = new TextEncoder();
  const inserts = edits.map((edit) => encoder.encode(edit.text));
  let size = bytes.length;
  edits.forEach((edit, i) => (size += inserts[i]!.length - (edit.to - edit.from)));
  const out = new Uint8Array(size);
  let read = 0;
  let write = 0;
  edits.forEach((edit, i) => {
    out.set(bytes.subarray(read, edit.from), write);
    write += edit.from - read;
    out.set(inserts[i]!, write);
    write += inserts[i]!.length;
    read = edit.to;
  });
  out.set(bytes.subarray(read), write);
  return out;
}

const bad = (offset: number, why: string): ScanResult => ({ ok: false, offset, why });

function keyOf(bytes: Uint8Array, from: number, to: number): string {
  const inside = text.decode(bytes.subarray(from + 1, to - 1));
  return inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
}

/** Bytes that end a run of ordinary characters in a string: control characters, the quote, the backslash. */
const special = new Uint8Array(256).fill(1, 0, 0x20);
special[0x22] = special[0x5c] = 1;
/** What may follow a backslash, besides `u`. */
const escapes = new Uint8Array(256);
for (const c of '"\\/bfnrt') escapes[c.charCodeAt(0)] = 1;

/** The offset after the closing quote; minus the offset of the fault when the string is not valid. */
function stringEnd(bytes: Uint8Array, at: number): number {
  const length = bytes.length;
  for (;;) {
    while (at < length && special[bytes[at]!] === 0) at++;
    const c = bytes[at];
    if (c === 0x22) return at + 1;
    if (c !== 0x5c) return -at;
    const escaped = bytes[at + 1]!;
    if (escapes[escaped] === 1) {
      at += 2;
    } else if (escaped === 0x75) {
      for (let i = 2; i < 6; i++) if (!isHex(bytes[at + i])) return -at;
      at += 6;
    } else {
      return -at;
    }
  }
}

function isHex(c: number | undefined): boolean {
  return (
    c !== undefined && ((c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66))
  );
}

const scalar = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** The offset after a number or literal; minus the offset of the fault when it is neither. */
function scalarEnd(bytes: Uint8Array, from: number): number {
  let to = from;
  for (;;) {
    const c = bytes[to];
    if (c === undefined || c === 0x2c || c === 0x7d || c === 0x5d || c <= 0x20) break;
    if (to - from > 400) return -from;
    to++;
  }
  return scalar.test(text.decode(bytes.subarray(from, to))) ? to : -from;
}
