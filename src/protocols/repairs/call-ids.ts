/** What Anthropic takes as a tool use id, in requests and replies alike. */
const legal = /^[a-zA-Z0-9_-]+$/;
const mark = 'drg-';
const charsMax = 64;

/**
 * A call id in Anthropic's alphabet, reversible: legal ids stay as they are, others are written with `_xx`
 * hex escapes behind a mark.
 */
export function escapeCallId(id: string): string {
  if (legal.test(id) && !id.startsWith(mark)) return id;
  let out = mark;
  for (const byte of new TextEncoder().encode(id)) {
    const char = String.fromCharCode(byte);
    out += /[a-zA-Z0-9-]/.test(char) ? char : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

/** The id that `escapeCallId` wrote. */
export function unescapeCallId(id: string): string {
  if (!id.startsWith(mark)) return id;
  const bytes: number[] = [];
  for (let i = mark.length; i < id.length; i++) {
    if (id[i] === '_') {
      bytes.push(Number.parseInt(id.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(id.charCodeAt(i));
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

/** A call id that an Anthropic upstream accepts. */
export function upstreamCallId(id: string): string {
  const escaped = escapeCallId(id);
  return escaped.length <= charsMax ? escaped : shortCallId(id, charsMax, escaped);
}

/**
 * An id too long for an upstream, as the beginning of `spelled` and a hash of the whole: call and result get the
 * same one. A reply never repeats an id of the history, so no way back is needed.
 */
export function shortCallId(id: string, charsMax: number, spelled = id): string {
  let a = 0x811c9dc5;
  let b = 0x1000193;
  for (let i = 0; i < id.length; i++) {
    a = Math.imul(a ^ id.charCodeAt(i), 0x01000193);
    b = Math.imul(b + id.charCodeAt(i), 0x85ebca6b) ^ (b >>> 13);
  }
  const hash = (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
  return `${spelled.slice(0, charsMax - 17)}-${hash}`;
}
