import { bufferOf } from './bytes.ts';
import { stringsAt } from './json-paths.ts';
import { originLabel, type OpaqueRules } from './opaque.ts';

/** Puts a label before each opaque value of one reply; all other bytes pass as they are. */
export interface Labels {
  /** A piece of an event stream, split anywhere. An event that is not whole is held back. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back of a stream that has ended. */
  end(): Uint8Array;
  /** A whole result. */
  whole(body: Uint8Array): Uint8Array;
}

/** An event larger than this goes on without labels: what it holds goes back as if it came from elsewhere. */
const heldBytesMax = 8 * 1024 * 1024;

const nothing = new Uint8Array(0);
const blankLine = Buffer.from('\n\n');
const blankLineCr = Buffer.from('\n\r\n');
const dataField = Buffer.from('data:');

export function replyLabels(rules: OpaqueRules, sealed: string): Labels {
  const label = Buffer.from(originLabel(sealed, rules));
  const needles = rules.needles.map((needle) => Buffer.from(needle));
  const each = rules.pieces && Buffer.from(rules.pieces.each);
  const start = rules.pieces && Buffer.from(rules.pieces.start);
  let held: Uint8Array = nothing;
  /** The value that comes in pieces has its label. */
  let isBegun = false;

  /** The same bytes with a label at each of these places, which are in order. */
  function insert(bytes: Uint8Array, places: readonly number[]): Uint8Array {
    if (places.length === 0) return bytes;
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const place of places) {
      pieces.push(bytes.subarray(from, place), label);
      from = place;
    }
    pieces.push(bytes.subarray(from));
    return Buffer.concat(pieces);
  }

  function labelled(event: Buffer): Uint8Array {
    if (start !== undefined && event.includes(start)) isBegun = false;
    if (!needles.some((needle) => event.includes(needle))) return event;
    const data = dataOf(event);
    const places = data < 0 ? [] : stringsAt(event, data, rules.reply);
    if (places.length === 0 || each === undefined || !event.includes(each)) return insert(event, places);
    const wasBegun = isBegun;
    isBegun = true;
    return wasBegun ? event : insert(event, places);
  }

  /** Labels whole events. */
  function events(bytes: Buffer): Uint8Array {
    const isPlain = !needles.some((needle) => bytes.includes(needle));
    if (isPlain && (start === undefined || !bytes.includes(start))) return bytes;
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = eventEnd(bytes, at);
      out.push(labelled(bytes.subarray(at, end)));
      at = end;
    }
    return Buffer.concat(out);
  }

  return {
    push(chunk) {
      const bytes = bufferOf(held.length === 0 ? chunk : Buffer.concat([held, chunk]));
      const end = lastEventEnd(bytes);
      if (bytes.length - end > heldBytesMax) {
        held = nothing;
        return bytes;
      }
      held = bytes.subarray(end);
      return end === 0 ? nothing : events(bytes.subarray(0, end));
    },
    end() {
      const rest = held;
      held = nothing;
      return rest.length === 0 ? rest : events(bufferOf(rest));
    },
    whole: (body) => insert(body, stringsAt(body, 0, rules.reply)),
  };
}

/** The offset after the event's blank line. */
function eventEnd(bytes: Buffer, at: number): number {
  const lf = bytes.indexOf(blankLine, at);
  const crlf = bytes.indexOf(blankLineCr, at);
  if (lf < 0 && crlf < 0) return bytes.length;
  return lf >= 0 && (crlf < 0 || lf < crlf) ? lf + 2 : crlf + 3;
}

/** The offset after the last whole event; 0 when there is none. */
function lastEventEnd(bytes: Buffer): number {
  const lf = bytes.lastIndexOf(blankLine);
  const crlf = bytes.lastIndexOf(blankLineCr);
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 3);
}

/** Where the data of an event begins; -1 where it has none. Data over several lines is no one's habit here. */
function dataOf(event: Buffer): number {
  for (let at = event.indexOf(dataField); at >= 0; at = event.indexOf(dataField, at + 1)) {
    if (at === 0 || event[at - 1] === 0x0a) return at + dataField.length;
  }
  return -1;
}
