import type { Delta } from '../../turn/event.ts';
import { parseJson, type JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { Part } from '../../turn/part.ts';
import { applyDelta } from '../../turn/reply.ts';
import { encodeBlock, encodeCitation } from './block-encode.ts';
import { protocolId } from './names.ts';
import { replySeal, replyWriter } from './surface.ts';

/** How a part goes out: as it comes, or at once when it is complete. */
type Manner = 'text' | 'thinking' | 'tool' | 'native' | 'whole';

interface OpenPart {
  readonly index: number;
  readonly manner: Manner;
  part: Part;
  /** The block's index on the wire, once it was begun. */
  block: number | undefined;
  /** Text or arguments that have gone out. */
  sent: string;
  /** The summary section that thinking has come to. */
  section: number;
  citations: number;
  /** What waits for the blocks before it to end; one block is open at a time. */
  waiting: Delta[];
  ended: boolean;
}

/** Where the text of events is gathered until it is sent. */
export interface Wire {
  out: string;
}

/** Writes one event. */
export function write(wire: Wire, type: string, data: JsonObject): void {
  wire.out += `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Writes the parts of a reply as content blocks. */
export interface BlockStream {
  start(index: number, part: Part): void;
  delta(index: number, delta: Delta): void;
  end(index: number, part: Part | undefined): void;
  /** Ends all parts, those that wait included. */
  finish(): void;
  /** The index of the block that is open on the wire. */
  readonly open: number | undefined;
  /** A part was a refusal. */
  readonly refused: boolean;
}

/**
 * Blocks follow one another on this wire: a part that begins while another is open waits until that one has
 * ended. Only a call with whole arguments makes way sooner.
 */
export function blockStream(wire: Wire, notes: Note[]): BlockStream {
  const writer = replyWriter(notes);
  const parts = new Map<number, OpenPart>();
  const queue: OpenPart[] = [];
  let current: OpenPart | undefined;
  let next = 0;
  let refused = false;

  function start(index: number, part: Part): void {
    if (part.kind === 'refusal') refused = true;
    const open: OpenPart = {
      index,
      manner: mannerOf(part),
      part,
      block: undefined,
      sent: '',
      section: 0,
      citations: 0,
      waiting: [],
      ended: false,
    };
    parts.set(index, open);
    if (current !== undefined && makesWay(current)) close(current);
    if (current === undefined) admit(open);
    else queue.push(open);
  }

  function change(index: number, delta: Delta): void {
    const open = parts.get(index);
    if (open === undefined) return;
    if (open !== current) {
      open.waiting.push(delta);
      return;
    }
    apply(open, delta);
    if (queue.length > 0 && makesWay(open)) {
      close(open);
      advance();
    }
  }

  function end(index: number, part: Part | undefined): void {
    const open = parts.get(index);
    if (open === undefined) return;
    open.ended = true;
    if (open !== current) {
      if (part !== undefined) complete(open, part);
      return;
    }
    if (part !== undefined) complete(open, part);
    close(open);
    advance();
  }

  /** Lets the parts that wait go out, in the order they began. */
  function advance(): void {
    while (current === undefined || makesWay(current)) {
      const open = queue.shift();
      if (open === undefined) return;
      if (current !== undefined) close(current);
      admit(open);
      if (open.ended) close(open);
    }
  }

  /** Makes a part the open one, with all that has come of it so far. */
  function admit(open: OpenPart): void {
    current = open;
    const { part, manner } = open;
    if (manner === 'whole') {
      open.part = { ...part };
    } else if (manner !== 'thinking' || (part as { text?: string }).text !== undefined) {
      startBlock(open);
    }
    told(open, part);
    const { waiting } = open;
    open.waiting = [];
    for (const delta of waiting) apply(open, delta);
  }

  /** Sends what a part holds beyond what has been sent. */
  function told(open: OpenPart, part: Part): void {
    switch (part.kind) {
      case 'text':
      case 'refusal':
        more(open, 'text', part.text);
        if (part.kind === 'text' && part.citations) {
          for (const citation of part.citations.slice(open.citations))
            apply(open, { field: 'citation', value: citation });
        }
        break;
      case 'reasoning':
        more(open, 'text', part.text ?? part.summary?.join('\n\n') ?? '');
        if (part.seal !== undefined) open.part = { ...open.part, seal: part.seal, id: part.id } as Part;
        break;
      case 'tool_call':
        if (open.manner === 'tool') more(open, 'input', part.input);
        break;
    }
  }

  function more(open: OpenPart, field: 'text' | 'input', whole: string): void {
    const sent = open.sent;
    if (whole.length > sent.length && whole.startsWith(sent)) {
      apply(open, { field, value: whole.slice(sent.length) });
    } else if (whole !== sent && whole.trim() !== sent.trim()) {
      const why = 'the upstream ended the block with something else than it had streamed';
      notes.push({ path: `content[${open.index}]`, action: 'repaired', why, weight: 'degrade' });
    }
  }

  /** Takes over the authoritative form of a part. */
  function complete(open: OpenPart, part: Part): void {
    if (open !== current) {
      // It has not been begun: what waits is told by the part itself.
      open.waiting = [];
      open.part = part;
    } else if (open.manner === 'whole') {
      open.part = part;
    } else {
      told(open, part);
    }
  }

  function apply(open: OpenPart, delta: Delta): void {
    switch (open.manner) {
      case 'text':
        if (delta.field === 'text') {
          if (open.block === undefined) startBlock(open);
          open.sent += delta.value;
          wire.out += `event: content_block_delta\ndata: {"type":"content_block_delta","index":${open.block},"delta":{"type":"text_delta","text":${JSON.stringify(delta.value)}}}\n\n`;
        } else if (delta.field === 'citation') {
          cite(open, delta);
        }
        return;
      case 'thinking':
        if (delta.field === 'text') think(open, delta.value);
        else if (delta.field === 'summary') {
          const section = delta.section > open.section ? '\n\n' : '';
          open.section = Math.max(open.section, delta.section);
          think(open, section + delta.value);
        } else if (delta.field === 'seal') {
          open.part = { ...open.part, seal: delta.value };
        }
        return;
      case 'tool':
        if (delta.field === 'input') argue(open, delta.value);
        return;
      case 'whole':
        applyDelta(open.part, delta);
    }
  }

  function think(open: OpenPart, value: string): void {
    if (open.block === undefined) startBlock(open);
    open.sent += value;
    wire.out += `event: content_block_delta\ndata: {"type":"content_block_delta","index":${open.block},"delta":{"type":"thinking_delta","thinking":${JSON.stringify(value)}}}\n\n`;
  }

  function argue(open: OpenPart, value: string): void {
    const { part } = open;
    const text = part.kind === 'tool_call' && part.inputAs === 'text';
    const head = text && open.sent === '' ? '{"input":"' : '';
    const piece = text ? head + JSON.stringify(value).slice(1, -1) : value;
    open.sent += value;
    json(open, piece);
  }

  function json(open: OpenPart, piece: string): void {
    wire.out += `event: content_block_delta\ndata: {"type":"content_block_delta","index":${open.block},"delta":{"type":"input_json_delta","partial_json":${JSON.stringify(piece)}}}\n\n`;
  }

  function cite(open: OpenPart, delta: Extract<Delta, { field: 'citation' }>): void {
    open.citations++;
    const citation = encodeCitation(delta.value, open.sent);
    if (citation === undefined) {
      const why = `a citation of ${delta.value.from} of ${delta.value.wire.protocol} has no counterpart`;
      notes.push({ path: `content[${open.index}].citations`, action: 'dropped', why, weight: 'note' });
      return;
    }
    write(wire, 'content_block_delta', {
      type: 'content_block_delta',
      index: open.block,
      delta: { type: 'citations_delta', citation },
    });
  }

  /** Begins a block with its shell; what it says follows as deltas. */
  function startBlock(open: OpenPart): void {
    open.block = next++;
    writer.path = `content[${open.index}]`;
    write(wire, 'content_block_start', {
      type: 'content_block_start',
      index: open.block,
      content_block: shell(open.part),
    });
    if (open.manner === 'tool') json(open, '');
  }

  function shell(part: Part): JsonObject {
    if (part.kind === 'reasoning') {
      return {
        ...encodeBlock({ ...part, text: '', summary: undefined, seal: undefined, hidden: undefined }, writer),
      };
    }
    if (part.kind === 'text') {
      return { ...encodeBlock({ ...part, text: '', citations: part.citations && [] }, writer) };
    }
    if (part.kind === 'refusal') return { type: 'text', text: '' };
    if (part.kind === 'tool_call') return { ...encodeBlock({ ...part, input: '', inputAs: 'json' }, writer) };
    return encodeBlock(part, writer) ?? {};
  }

  /** Ends a part: what it still owes, and the end of its block. */
  function close(open: OpenPart): void {
    const { part } = open;
    current = undefined;
    parts.delete(open.index);
    if (open.manner === 'whole' || (open.manner === 'thinking' && open.block === undefined)) {
      wholeBlock(part, open.index);
      return;
    }
    if (part.kind === 'reasoning') {
      const signature = replySeal(part);
      if (signature !== undefined) {
        write(wire, 'content_block_delta', {
          type: 'content_block_delta',
          index: open.block,
          delta: { type: 'signature_delta', signature },
        });
      }
    } else if (part.kind === 'tool_call' && open.manner === 'tool') {
      if (part.inputAs === 'text') json(open, open.sent === '' ? '{"input":""}' : '"}');
      else if (open.sent.trim() === '' && open.ended) json(open, '{}');
    }
    stopBlock(open.block!);
  }

  function stopBlock(block: number): void {
    wire.out += `event: content_block_stop\ndata: {"type":"content_block_stop","index":${block}}\n\n`;
  }

  /** Writes a block that is told all at once; calls still bring their arguments as a delta. */
  function wholeBlock(part: Part, index: number): void {
    writer.path = `content[${index}]`;
    const block = encodeBlock(part, writer);
    if (block === undefined) return;
    const at = next++;
    let delta: JsonObject | undefined;
    if (block.type === 'compaction') {
      delta = { type: 'compaction_delta', content: block.content ?? null };
      if (block.encrypted_content !== undefined) delta.encrypted_content = block.encrypted_content;
      block.content = null;
    } else if (part.kind === 'tool_call') {
      delta = { type: 'input_json_delta', partial_json: JSON.stringify(block.input) };
      block.input = {};
    }
    write(wire, 'content_block_start', { type: 'content_block_start', index: at, content_block: block });
    if (delta) write(wire, 'content_block_delta', { type: 'content_block_delta', index: at, delta });
    stopBlock(at);
  }

  return {
    start,
    delta: change,
    end,
    finish() {
      while (current !== undefined) {
        close(current);
        advance();
      }
    },
    get open() {
      return current?.block;
    },
    get refused() {
      return refused;
    },
  };
}

function mannerOf(part: Part): Manner {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return 'text';
    case 'reasoning':
      return part.hidden ? 'whole' : 'thinking';
    case 'tool_call':
      return part.by === 'client' || part.wire?.protocol === protocolId ? 'tool' : 'whole';
    case 'native':
      return part.protocol === protocolId ? 'native' : 'whole';
    default:
      return 'whole';
  }
}

/** Whether a call has all its arguments, so that nothing more of it is to be expected. */
function makesWay({ manner, part, sent }: OpenPart): boolean {
  if (manner !== 'tool' || (part.kind === 'tool_call' && part.inputAs === 'text')) return false;
  const last = sent.trimEnd();
  return last.endsWith('}') && parseJson(last) !== undefined;
}
