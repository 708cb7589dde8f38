import type { Stop } from '../turn/event.ts';
import type { Failure } from '../turn/failure.ts';
import { parseObject, type JsonObject } from '../turn/json.ts';
import type { Usage } from '../turn/usage.ts';
import { find, findLast } from './bytes.ts';

/** What the record wants to know of a reply that passes through as bytes. */
export interface Sight {
  id?: string;
  model?: string;
  usage?: Usage;
  stop?: Stop;
  failure?: Failure;
  /** The stream's terminal event went by. */
  done: boolean;
}

/** How a protocol's stream is watched without decoding all of it. */
export interface TapRules {
  /**
   * JSON keys or values, quotes included, whose frames are worth parsing. Inside a JSON string the closing
   * quote would be escaped, so a match is never model text. A key that is followed by `null` is passed over.
   */
  readonly needles: readonly string[];
  /** One more, of which only the last in a chunk is worth parsing: what it leads to is stated anew in every frame. */
  readonly lastNeedle?: string;
  /** Frames that are not JSON but terminal, such as chat's `[DONE]`. */
  readonly terminal?: string;
  /** A clean end is complete once a stop was seen: servers may leave the terminal frame out. */
  readonly stopIsEnough?: boolean;
  /** How a stream is asked to state its usage, where it only does so on demand. */
  readonly usageOption?: UsageOption;
  /** Reads one parsed frame into what was seen so far. */
  observe(data: JsonObject, sight: Sight): void;
  /** Reads a whole, not streamed, result. */
  observeResult(body: JsonObject, sight: Sight): void;
}

/** A request member such as `stream_options: {include_usage: true}`. */
export interface UsageOption {
  readonly member: string;
  readonly key: string;
  /** Whether this event is there only because the option is set. */
  isAnswer(data: JsonObject): boolean;
}

/** A stream that is watched: what was seen, and where to go on writing. */
export interface Tap {
  /** Looks at bytes that pass, split anywhere, and returns what is to be passed on. */
  push(chunk: Uint8Array): Uint8Array;
  /** The upstream has ended: looks at a last event without its blank line, and returns what was held back. */
  end(): Uint8Array;
  readonly sight: Sight;
  /** Bytes of an unfinished event have passed: a blank line must precede whatever is written next. */
  readonly midFrame: boolean;
  /** The data of the last whole event that passed. */
  lastData(): string | undefined;
}

/** An unfinished event larger than this is not looked into any more; it passes all the same. */
const pendingBytesMax = 8 * 1024 * 1024;
const text = new TextDecoder();
const newline = 10;

/**
 * Watches a server-sent event stream for a record while its bytes pass untouched. Finds the events worth
 * reading by byte search, so that the cost is a few memory scans for each chunk, not a parse for each event.
 *
 * With `hide`, events for which it says so are cut out; an unfinished event is then held back until it is whole.
 */
export function streamTap(rules: TapRules, hide?: (data: JsonObject) => boolean): Tap {
  const sight: Sight = { done: false };
  const { needles, lastNeedle, terminal } = patternsOf(rules);
  let pending: Uint8Array | undefined;
  let tail: Uint8Array | undefined;
  let first = true;

  /** Looks at whole events; returns them without the hidden ones. */
  function look(bytes: Uint8Array): Uint8Array {
    let starts: number[] | undefined;
    if (first) {
      first = !isEvent(bytes);
      starts = [0];
    }
    for (const needle of needles) {
      for (let at = find(bytes, needle, 0); at >= 0; at = find(bytes, needle, at + needle.length)) {
        if (nullFollows(bytes, at + needle.length)) continue;
        const start = frameStart(bytes, at);
        if (starts === undefined) starts = [start];
        else if (!starts.includes(start)) starts.push(start);
      }
    }
    if (lastNeedle !== undefined) {
      const at = findLast(bytes, lastNeedle, bytes.length);
      const start = at < 0 ? -1 : frameStart(bytes, at);
      if (start >= 0 && starts?.includes(start) !== true) (starts ??= []).push(start);
    }
    if (terminal !== undefined && hasTerminal(bytes, terminal)) sight.done = true;
    tail = bytes;
    return starts === undefined ? bytes : readAll(bytes, starts);
  }

  /** Reads the events that begin at `starts`; returns the bytes without the hidden ones. */
  function readAll(bytes: Uint8Array, starts: number[]): Uint8Array {
    const kept: Uint8Array[] = [];
    let passed = 0;
    for (const start of starts.sort((a, b) => a - b)) {
      const end = frameEnd(bytes, start);
      const data = frameData(bytes.subarray(start, end));
      const value = data === undefined ? undefined : parseObject(data);
      if (value === undefined) continue;
      rules.observe(value, sight);
      if (hide === undefined || !hide(value)) continue;
      kept.push(bytes.subarray(passed, start));
      passed = end;
    }
    return passed === 0 ? bytes : Buffer.concat([...kept, bytes.subarray(passed)]);
  }

  return {
    sight,
    push(chunk) {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      const end = lastBlankLine(bytes);
      const shown = end > 0 ? look(end === bytes.length ? bytes : bytes.subarray(0, end)) : nothing;
      if (end === bytes.length) pending = undefined;
      else pending = bytes.length - end > pendingBytesMax ? undefined : bytes.slice(end);
      return hide === undefined ? chunk : shown;
    },
    end() {
      const shown = pending === undefined ? nothing : look(pending);
      pending = undefined;
      return hide === undefined ? nothing : shown;
    },
    get midFrame() {
      return pending !== undefined && hide === undefined;
    },
    lastData() {
      if (tail === undefined) return undefined;
      let start = tail.length - 1;
      while (start > 0 && tail[start] === newline) start--;
      return frameData(tail.subarray(frameStart(tail, start)));
    },
  };
}

const nothing = new Uint8Array(0);

interface Patterns {
  readonly needles: readonly Uint8Array[];
  readonly lastNeedle: Uint8Array | undefined;
  readonly terminal: Uint8Array | undefined;
}

const compiled = new WeakMap<TapRules, Patterns>();

function patternsOf(rules: TapRules): Patterns {
  let patterns = compiled.get(rules);
  if (patterns === undefined) {
    patterns = {
      needles: rules.needles.map((needle) => Buffer.from(needle)),
      lastNeedle: rules.lastNeedle === undefined ? undefined : Buffer.from(rules.lastNeedle),
      terminal: rules.terminal === undefined ? undefined : Buffer.from(rules.terminal),
    };
    compiled.set(rules, patterns);
  }
  return patterns;
}

const blankLine = Buffer.from('\n\n');
const blankLineCr = Buffer.from('\n\r\n');

/** Whether there is more than comments. */
const isEvent = (bytes: Uint8Array): boolean =>
  frameData(bytes.subarray(0, frameEnd(bytes, 0))) !== undefined;

/** Whether a line is `data:` and the terminal word; the same word inside model text does not count. */
function hasTerminal(bytes: Uint8Array, terminal: Uint8Array): boolean {
  for (
    let at = findLast(bytes, terminal, bytes.length);
    at >= 0;
    at = at > 0 ? findLast(bytes, terminal, at - 1) : -1
  ) {
    let start = at;
    while (start > 0 && bytes[start - 1] === 0x20) start--;
    if (start < 5 || text.decode(bytes.subarray(start - 5, start)) !== 'data:') continue;
    if (start === 5 || bytes[start - 6] === newline) return true;
  }
  return false;
}

/** The offset after the last blank line; 0 when there is none. */
function lastBlankLine(bytes: Uint8Array): number {
  const length = bytes.length;
  if (length >= 2 && bytes[length - 1] === newline && bytes[length - 2] === newline) return length;
  return afterBlankLine(bytes, length);
}

const frameStart = (bytes: Uint8Array, at: number): number => afterBlankLine(bytes, at);

/** The offset after the last blank line that begins at or before `at`; 0 when there is none. */
function afterBlankLine(bytes: Uint8Array, at: number): number {
  const lf = findLast(bytes, blankLine, at);
  const crlf = findLast(bytes, blankLineCr, at);
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 3);
}

function frameEnd(bytes: Uint8Array, at: number): number {
  const lf = find(bytes, blankLine, at);
  const crlf = find(bytes, blankLineCr, at);
  if (lf < 0 && crlf < 0) return bytes.length;
  return lf >= 0 && (crlf < 0 || lf < crlf) ? lf + 2 : crlf + 3;
}

function nullFollows(bytes: Uint8Array, at: number): boolean {
  let c = bytes[at];
  while (c === 0x20 || c === 0x3a) c = bytes[++at];
  return c === 0x6e;
}

/** The joined `data` of one event; `undefined` when it has none. */
function frameData(frame: Uint8Array): string | undefined {
  let data: string | undefined;
  for (const line of text.decode(frame).split(/\r?\n/)) {
    if (!line.startsWith('data:')) continue;
    const value = line.slice(line[5] === ' ' ? 6 : 5);
    data = data === undefined ? value : `${data}\n${value}`;
  }
  return data;
}
