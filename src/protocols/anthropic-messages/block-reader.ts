import type { TurnEvent } from '../../turn/event.ts';
import { asNumber, asObject, asString, isObject, type JsonObject } from '../../turn/json.ts';
import type { Part } from '../../turn/part.ts';
import type { DecodeSource } from '../protocol.ts';
import { inputUnwrapper } from '../repairs/custom-input.ts';
import { decodeBlock, decodeCitation, type SealReader } from './block-decode.ts';
import { protocolId } from './names.ts';

type PartDelta = Extract<TurnEvent, { kind: 'part_delta' }>['delta'];

/** A content block that is being received. */
interface Block {
  /** The part's index. */
  index: number;
  /** The block's index on the wire. */
  readonly wire: number;
  part: Part;
  /** What has been passed on of its text or arguments, as it came. */
  sent: string;
  /** Arguments that came whole with the start. */
  whole: string;
  /** Free text inside the arguments of a tool that went up as a function. */
  unwrap: ReturnType<typeof inputUnwrapper> | undefined;
  /** Begins an interrupted block anew: what of it is on its way already, and what has come of it since. */
  resume: { readonly owed: string; held: string; readonly fresh: Part } | undefined;
}

/** Reads the content blocks of one message; the events they make are appended to `out`. */
export interface BlockReader {
  start(data: JsonObject, out: TurnEvent[]): void;
  delta(data: JsonObject, out: TurnEvent[]): void;
  stop(data: JsonObject, out: TurnEvent[]): void;
  /** A second `message_start` came: what is open may be begun anew. */
  interrupt(): void;
  /** The message is over: ends what no block stop ended. */
  finish(out: TurnEvent[]): void;
  /** The client is asked to run a tool. */
  readonly calls: boolean;
}

export function blockReader(source: DecodeSource): BlockReader {
  const open = new Map<number, Block>();
  /** Blocks that a second `message_start` broke off: a retry that was spliced into the stream. */
  let broken: Block[] = [];
  let last: Block | undefined;
  let next = 0;
  let calls = false;

  const seal: SealReader = (value) =>
    value === '' ? undefined : { seal: { protocol: protocolId, issuer: source.issuer, value } };

  function start(data: JsonObject, out: TurnEvent[]): void {
    const wire = asNumber(data.index) ?? next;
    // One block is open at a time: a new one ends a block that was never closed.
    for (const block of open.values()) end(block, out);
    const part = replyBlock(asObject(data.content_block) ?? {}, seal);
    const text = part.kind === 'text' ? part.text : part.kind === 'reasoning' ? (part.text ?? '') : '';
    const citations = part.kind === 'text' ? (part.citations ?? []) : [];
    const whole = part.kind === 'tool_call' && part.input !== '{}' ? part.input : '';
    empty(part);
    restoreName(part);
    const block = resumed(part, wire) ?? begin(part, wire, out);
    block.whole = whole;
    if (text !== '') append(block, text, out);
    for (const value of citations) push(block, { field: 'citation', value }, out);
  }

  /** A tool that went up under another name, or as another kind, is the client's own again. */
  function restoreName(part: Part): void {
    if (part.kind !== 'tool_call' || part.by !== 'client') return;
    calls = true;
    const mine = source.names?.get(part.name);
    if (mine === undefined) return;
    part.name = mine.name;
    if (mine.namespace !== undefined) part.namespace = mine.namespace;
    if (mine.custom) {
      part.family = 'custom';
      part.inputAs = 'text';
    }
  }

  function begin(part: Part, wire: number, out: TurnEvent[]): Block {
    const block: Block = {
      index: next++,
      wire,
      part,
      sent: '',
      whole: '',
      unwrap: unwrapperFor(part),
      resume: undefined,
    };
    open.set(wire, block);
    last = block;
    out.push({ kind: 'part_start', choice: 0, index: block.index, part });
    return block;
  }

  /**
   * A block that a retry begins anew is the same part to the client, as long as it says the same: what is on
   * its way cannot be called back, and would otherwise arrive twice.
   */
  function resumed(fresh: Part, wire: number): Block | undefined {
    const at = broken.findIndex(({ part }) => part.kind === fresh.kind && nameOf(part) === nameOf(fresh));
    if (at < 0) return undefined;
    const [kept] = broken.splice(at, 1) as [Block];
    const block = { ...kept, wire, resume: { owed: kept.sent, held: '', fresh } };
    open.set(wire, block);
    last = block;
    return block;
  }

  function blockAt(data: JsonObject): Block | undefined {
    const wire = data.index;
    if (typeof wire !== 'number') return last;
    const block = open.get(wire);
    if (block !== undefined || broken.length === 0) return block;
    // A second message_start that only repeats the first does not end its blocks.
    const at = broken.findIndex((candidate) => candidate.wire === wire);
    if (at < 0) return undefined;
    const [kept] = broken.splice(at, 1) as [Block];
    open.set(wire, kept);
    return kept;
  }

  function delta(data: JsonObject, out: TurnEvent[]): void {
    const change = data.delta;
    if (!isObject(change)) return;
    let block = blockAt(data);
    if (block === undefined) {
      const part = unannounced(change);
      if (part !== undefined) block = begin(part, asNumber(data.index) ?? next, out);
    }
    if (block === undefined || !understood(block, change, data, out)) {
      out.push({ kind: 'native', protocol: protocolId, type: 'content_block_delta', value: data });
    }
  }

  function understood(block: Block, change: JsonObject, data: JsonObject, out: TurnEvent[]): boolean {
    const { part } = block;
    switch (change.type) {
      case 'text_delta':
        if (part.kind !== 'text' || typeof change.text !== 'string') return false;
        append(block, change.text, out);
        return true;
      case 'input_json_delta':
        if (part.kind !== 'tool_call' || typeof change.partial_json !== 'string') return false;
        append(block, change.partial_json, out);
        return true;
      case 'thinking_delta':
        if (part.kind !== 'reasoning' || typeof change.thinking !== 'string') return false;
        append(block, change.thinking, out);
        if (typeof change.estimated_tokens === 'number') hint(data, change.estimated_tokens, out);
        return true;
      case 'signature_delta': {
        if (part.kind !== 'reasoning' || typeof change.signature !== 'string') return false;
        const read = seal(change.signature);
        if (read) push(block, { field: 'seal', value: read.seal }, out);
        return true;
      }
      case 'citations_delta':
        if (part.kind !== 'text' || !isObject(change.citation)) return false;
        push(block, { field: 'citation', value: decodeCitation(change.citation) }, out);
        return true;
      case 'compaction_delta':
        if (part.kind !== 'compaction') return false;
        compact(block, change, out);
        return true;
      default:
        return false;
    }
  }

  /** The delta carries the block's final value. */
  function compact(block: Block, change: JsonObject, out: TurnEvent[]): void {
    if (block.part.kind !== 'compaction') return;
    const { type: _, ...members } = change;
    const value = { ...block.part.wire.value, ...members };
    const summary = asString(members.content);
    block.part = { ...block.part, wire: { protocol: protocolId, value } };
    if (summary === undefined) return;
    block.part.summary = summary;
    push(block, { field: 'text', value: summary }, out);
  }

  /** Passes on a piece of text or arguments. */
  function append(block: Block, value: string, out: TurnEvent[]): void {
    let piece = block.resume === undefined ? value : again(block, value, out);
    if (piece === '') return;
    block.sent += piece;
    if (block.unwrap !== undefined) {
      piece = block.unwrap.push(piece);
      if (piece === '') return;
    }
    const field = block.part.kind === 'tool_call' ? 'input' : 'text';
    out.push({ kind: 'part_delta', choice: 0, index: block.index, delta: { field, value: piece } });
  }

  /** What is new in a piece of a block that begins anew. */
  function again(block: Block, value: string, out: TurnEvent[]): string {
    const resume = block.resume!;
    resume.held += value;
    const { held, owed } = resume;
    if (held.length < owed.length) {
      if (owed.startsWith(held)) return '';
    } else if (held.startsWith(owed)) {
      block.resume = undefined;
      return held.slice(owed.length);
    }
    startApart(block, resume.fresh, out);
    return held;
  }

  /** A block that was begun anew and says something else is a part of its own. */
  function startApart(block: Block, fresh: Part, out: TurnEvent[]): void {
    out.push({ kind: 'part_end', choice: 0, index: block.index });
    block.index = next++;
    block.part = fresh;
    block.sent = '';
    block.resume = undefined;
    block.unwrap = unwrapperFor(fresh);
    out.push({ kind: 'part_start', choice: 0, index: block.index, part: fresh });
  }

  /** @param whole false for a call that nothing closed: its arguments may be cut */
  function end(block: Block, out: TurnEvent[], whole = true): void {
    open.delete(block.wire);
    if (last === block) last = undefined;
    if (block.whole !== '' && (block.resume?.held ?? block.sent) === '') append(block, block.whole, out);
    if (block.resume !== undefined && block.resume.owed !== '') {
      const { held, fresh } = block.resume;
      startApart(block, fresh, out);
      append(block, held, out);
    }
    if (block.part.kind === 'tool_call' && whole && block.sent === '') append(block, '{}', out);
    const tail = block.unwrap?.end() ?? '';
    if (tail !== '') push(block, { field: 'input', value: tail }, out);
    out.push(
      block.part.kind === 'compaction'
        ? { kind: 'part_end', choice: 0, index: block.index, part: block.part }
        : { kind: 'part_end', choice: 0, index: block.index },
    );
  }

  return {
    start,
    delta,
    stop(data, out) {
      const block = blockAt(data);
      if (block) end(block, out);
    },
    interrupt() {
      broken.push(...open.values());
      open.clear();
      last = undefined;
    },
    finish(out) {
      for (const block of broken) end(block, out, false);
      broken = [];
      for (const block of open.values()) end(block, out, false);
    },
    get calls() {
      return calls;
    },
  };
}

const push = (block: Block, delta: PartDelta, out: TurnEvent[]): void => {
  out.push({ kind: 'part_delta', choice: 0, index: block.index, delta });
};

/** How far hidden thinking has come; it has no text of its own. */
function hint(data: JsonObject, tokens: number, out: TurnEvent[]): void {
  const value = { ...data, delta: { type: 'thinking_delta', thinking: '', estimated_tokens: tokens } };
  out.push({ kind: 'native', protocol: protocolId, type: 'content_block_delta', value });
}

const unwrapperFor = (part: Part): Block['unwrap'] =>
  part.kind === 'tool_call' && part.inputAs === 'text' ? inputUnwrapper() : undefined;

const nameOf = (part: Part): string | undefined => (part.kind === 'tool_call' ? part.name : undefined);

/** A block of a reply; one that is not shaped as it should be is kept whole, since no client is to blame. */
function replyBlock(content: JsonObject, seal: SealReader): Part {
  try {
    return decodeBlock(content, '', seal);
  } catch {
    return { kind: 'native', protocol: protocolId, type: asString(content.type) ?? '', value: content };
  }
}

/** Takes out of a part what is told by deltas. */
function empty(part: Part): void {
  if (part.kind === 'text') {
    part.text = '';
    if (part.citations) part.citations = [];
  } else if (part.kind === 'reasoning') {
    if (part.text) part.text = '';
  } else if (part.kind === 'tool_call') {
    part.input = '';
  }
}

/** The part that a delta without a block start belongs to; a call cannot be guessed. */
function unannounced(change: JsonObject): Part | undefined {
  if (change.type === 'text_delta' || change.type === 'citations_delta') return { kind: 'text', text: '' };
  if (change.type === 'thinking_delta' || change.type === 'signature_delta') {
    return { kind: 'reasoning', text: '' };
  }
  return undefined;
}
