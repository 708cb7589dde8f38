import type { TurnEvent } from '../../turn/event.ts';
import { asString, isObject, parseJson, type Json, type JsonObject } from '../../turn/json.ts';
import type { ToolCallPart } from '../../turn/part.ts';
import type { DecodeSource } from '../protocol.ts';
import { inputUnwrapper } from '../repairs/custom-input.ts';
import { own } from './fields.ts';

const callKeys = new Set(['index', 'id', 'type', 'function', 'custom']);

/** A tool call that is coming in. */
interface Call {
  /** Its index on the wire, where the server gives one. */
  readonly key: number | undefined;
  id: string;
  name: string;
  /** A custom tool's call: free text, not JSON. */
  readonly text: boolean;
  readonly extras: JsonObject | undefined;
  /** Index of its part; -1 until its name is known. */
  part: number;
  isOpen: boolean;
  /** All arguments so far, as the client will see them. */
  input: string;
  /** Arguments that came before the name. */
  held: string;
  unwrap: ReturnType<typeof inputUnwrapper> | undefined;
}

/** What the calls of a choice need of it. */
export interface CallHost {
  readonly index: number;
  readonly replyId: string;
  readonly source: DecodeSource;
  /** Ends the part that is open and takes the index of the next one. */
  claim(out: TurnEvent[]): number;
}

/** Puts the `tool_calls` deltas of one choice together. */
export class CallReader {
  readonly #host: CallHost;
  readonly #calls: Call[] = [];

  constructor(host: CallHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#calls.length;
  }

  delta(entry: Json, out: TurnEvent[]): void {
    if (!isObject(entry)) return;
    const custom = isObject(entry.custom) ? entry.custom : undefined;
    const body = custom ?? (isObject(entry.function) ? entry.function : undefined);
    const id = asString(entry.id) ?? '';
    const name = asString(body?.name) ?? '';
    const call = this.#find(entry.index, id, name) ?? this.#add(entry, id, custom !== undefined);
    if (call.part < 0) {
      if (call.id === '') call.id = id;
      if (name !== '') call.name = name;
      if (call.name !== '') this.#start(call, out);
    }
    const given = custom ? custom.input : body?.arguments;
    if (given === undefined || given === null) return;
    const piece = typeof given === 'string' ? given : JSON.stringify(given);
    if (piece === '') return;
    if (call.part < 0) call.held += piece;
    else this.#input(call, piece, out);
  }

  /** Ends the calls that are whole, because another kind begins; one that is not may still go on. */
  closeWhole(out: TurnEvent[]): void {
    for (const call of this.#calls) {
      if (call.isOpen && (call.text || call.unwrap !== undefined || isWhole(call.input)))
        this.#close(call, out);
    }
  }

  closeAll(out: TurnEvent[]): void {
    for (const call of this.#calls) {
      if (call.part < 0) this.#start(call, out);
      this.#close(call, out);
    }
  }

  /**
   * The call that a delta belongs to. Servers leave the index out, give every call the same one, or repeat
   * empty ids and names; a new id together with a name is a new call whatever the index says.
   */
  #find(index: Json | undefined, id: string, name: string): Call | undefined {
    const calls = this.#calls;
    const begins = id !== '' && name !== '';
    for (let i = calls.length - 1; i >= 0; i--) {
      const call = calls[i]!;
      if (typeof index === 'number') {
        if (call.key !== index) continue;
        return begins && call.name !== '' && call.id !== id ? undefined : call;
      }
      if (id === '') return name !== '' && call.name !== '' ? undefined : call;
      if (call.id === id) return call;
    }
    const last = calls.at(-1);
    return id === '' && name === '' && last?.key === undefined ? last : undefined;
  }

  #add(entry: JsonObject, id: string, text: boolean): Call {
    let extras: JsonObject | undefined;
    for (const key in entry) {
      const value = entry[key];
      if (!callKeys.has(key) && value !== null && value !== undefined) (extras ??= {})[key] = value;
    }
    const call: Call = {
      key: typeof entry.index === 'number' ? entry.index : undefined,
      id,
      name: '',
      text,
      extras,
      part: -1,
      isOpen: false,
      input: '',
      held: '',
      unwrap: undefined,
    };
    this.#calls.push(call);
    return call;
  }

  #start(call: Call, out: TurnEvent[]): void {
    const { replyId, source } = this.#host;
    const index = this.#host.claim(out);
    const told = source.names?.get(call.name);
    if (call.id === '') call.id = `call_${replyId || 'reply'}_${index}`;
    // The client's free-text tool went up as a function of one string.
    if (told?.custom && !call.text) call.unwrap = inputUnwrapper();
    const isText = call.text || told?.custom === true;
    const part: ToolCallPart = {
      kind: 'tool_call',
      callId: call.id,
      family: isText ? 'custom' : 'function',
      name: told?.name ?? call.name,
      input: '',
      inputAs: isText ? 'text' : 'json',
      by: 'client',
    };
    if (told?.namespace !== undefined) part.namespace = told.namespace;
    if (call.extras) part.extras = { [own]: call.extras };
    call.part = index;
    call.isOpen = true;
    out.push({ kind: 'part_start', choice: this.#host.index, index, part });
    const held = call.held;
    call.held = '';
    if (held !== '') this.#input(call, held, out);
  }

  #input(call: Call, piece: string, out: TurnEvent[]): void {
    const value = call.unwrap ? call.unwrap.push(piece) : piece;
    if (value !== '') this.#push(call, value, out);
  }

  #push(call: Call, value: string, out: TurnEvent[]): void {
    call.input += value;
    out.push({
      kind: 'part_delta',
      choice: this.#host.index,
      index: call.part,
      delta: { field: 'input', value },
    });
  }

  #close(call: Call, out: TurnEvent[]): void {
    if (!call.isOpen) return;
    const left = call.unwrap?.end() ?? '';
    if (left !== '') this.#push(call, left, out);
    call.isOpen = false;
    out.push({ kind: 'part_end', choice: this.#host.index, index: call.part });
  }
}

const isWhole = (json: string): boolean => parseJson(json) !== undefined;
