import { asNumber, asString, type JsonObject } from '../../turn/json.ts';
import type { Delta, TurnEvent } from '../../turn/event.ts';
import type { Part } from '../../turn/part.ts';
import type { DecodeSource } from '../protocol.ts';
import { decodeContent } from './content.ts';
import { itemParts, typeOf, type ItemSource } from './item-decode.ts';
import { replyParts, skeleton, type GrowingPart } from './reply-parts.ts';
import { originOf } from './wire.ts';

/** An item of the reply on its way from `added` to `done`. */
export interface ItemState {
  /** Position among the items, counted by appearance: upstream's own index may have gaps. */
  readonly ordinal: number;
  readonly wireIndex: number | undefined;
  readonly item: JsonObject;
  readonly type: string;
  /** The part of an item that is one part; of a reasoning item, once there is something in it. */
  main: GrowingPart | undefined;
  /** The pieces of a message, by `content_index`. */
  readonly contents: Map<number, GrowingPart>;
  /** Arguments that came before the call had a name. */
  held: string;
  reasoningIndex: number;
  closed: boolean;
}

/**
 * The items of one reply. They are told apart by `output_index`, because some servers give an item another id
 * in each event; the id counts only where there is no index.
 */
export function replyItems(decode: DecodeSource) {
  const states: ItemState[] = [];
  const byIndex = new Map<number, ItemState>();
  const parts = replyParts();
  const outcome = { called: false, refused: false };
  let replyId = '';
  let last: ItemState | undefined;
  let audioPart: GrowingPart | undefined;
  const source: ItemSource = {
    issuer: decode.issuer,
    names: decode.names,
    callId: () => `call_${replyId}_${parts.count}`,
  };

  function create(item: JsonObject, wireIndex: number | undefined): ItemState {
    last = {
      ordinal: states.length,
      wireIndex,
      item,
      type: typeOf(item),
      main: undefined,
      contents: new Map(),
      held: '',
      reasoningIndex: 0,
      closed: false,
    };
    states.push(last);
    if (wireIndex !== undefined) byIndex.set(wireIndex, last);
    return last;
  }

  function known(data: JsonObject): ItemState | undefined {
    const index = data.output_index;
    if (typeof index === 'number') return last?.wireIndex === index ? last : byIndex.get(index);
    const id = asString(data.item_id);
    if (id === undefined) return last;
    return states.findLast((state) => state.item.id === id);
  }

  /** The item of an event; one that was never announced begins here. */
  function find(data: JsonObject, as?: 'message' | 'reasoning'): ItemState {
    const state = known(data);
    if (state !== undefined) return state;
    const type = as ?? '';
    return create({ type, id: data.item_id }, asNumber(data.output_index));
  }

  /** An item's first part without content and without a status, which only the end tells. */
  function opening(state: ItemState): Part | undefined {
    const [part] = itemParts(state.item, state.ordinal, source);
    if (part === undefined) return undefined;
    const { status: _status, ...origin } = originOf(state.item, state.ordinal);
    return { ...skeleton(part), item: origin };
  }

  function mainOf(state: ItemState, out: TurnEvent[]): GrowingPart | undefined {
    if (state.main !== undefined || state.closed || state.type === '') return state.main;
    const part = opening(state);
    if (part === undefined) return undefined;
    if (part.kind === 'reasoning') delete part.hidden;
    return (state.main = parts.start(part, out));
  }

  function contentOf(state: ItemState, index: number, as: 'text' | 'refusal', out: TurnEvent[]): GrowingPart {
    const have = state.contents.get(index);
    if (have !== undefined) return have;
    const { status: _status, ...origin } = originOf(state.item, state.ordinal);
    const started = parts.start({ kind: as, text: '', item: origin }, out);
    state.contents.set(index, started);
    return started;
  }

  /** Applies a delta to its item; false when the item has no place for it. */
  function delta(
    state: ItemState,
    contentIndex: number,
    as: 'text' | 'refusal',
    change: Delta,
    out: TurnEvent[],
  ): boolean {
    if (state.closed) return true;
    if (state.type === 'message') {
      const target = contentOf(state, contentIndex, as, out);
      parts.delta(target, change, out);
      return true;
    }
    if (change.field === 'input' && state.main === undefined) {
      state.held += change.value;
      return true;
    }
    const target = mainOf(state, out);
    if (target === undefined) return false;
    parts.delta(target, change, out);
    return true;
  }

  function added(item: JsonObject, wireIndex: number | undefined, out: TurnEvent[]): void {
    const before = wireIndex === undefined ? undefined : byIndex.get(wireIndex);
    if (before !== undefined && !before.closed && before.item.id === item.id) return;
    const state = create(item, wireIndex);
    switch (state.type) {
      case 'message':
      case 'agent_message':
      case 'reasoning':
        return;
      case 'function_call':
      case 'custom_tool_call':
        if (asString(item.name) && asString(item.call_id)) mainOf(state, out);
        return;
      default:
        mainOf(state, out);
    }
  }

  function done(item: JsonObject, wireIndex: number | undefined, out: TurnEvent[]): void {
    const state =
      (wireIndex === undefined ? undefined : byIndex.get(wireIndex)) ??
      states.findLast((one) => !one.closed && one.item.id === item.id && item.id !== undefined);
    close(state ?? create(item, wireIndex), item, out);
  }

  function close(state: ItemState, item: JsonObject, out: TurnEvent[]): void {
    if (state.closed) return;
    const finals = itemParts(item, state.ordinal, source);
    const [first] = finals;
    if (first?.kind === 'tool_call' && first.input === '') first.input = state.held;
    if (typeOf(item) === 'message' || state.contents.size > 0) closeMessage(state, finals, out);
    else if (first !== undefined) {
      if (state.main === undefined) parts.whole(first, out);
      else if (state.main.part.kind === first.kind) parts.end(state.main, first, out);
      else {
        parts.end(state.main, undefined, out);
        parts.whole(first, out);
      }
      for (const part of finals.slice(1)) parts.whole(part, out);
    }
    for (const part of finals) noteOutcome(part);
    state.closed = true;
  }

  function closeMessage(state: ItemState, finals: Part[], out: TurnEvent[]): void {
    const { contents } = state;
    finals.forEach((part, index) => {
      const begun = contents.get(index);
      contents.delete(index);
      if (begun === undefined) {
        // An item without content says nothing new when its text came in deltas.
        if (part.kind !== 'native' || part.type.startsWith('content:') || contents.size === 0) {
          parts.whole(part, out);
        }
      } else if (begun.part.kind === part.kind) {
        parts.end(begun, part, out);
      } else {
        parts.end(begun, undefined, out);
        parts.whole(part, out);
      }
    });
    abandon(state, out);
  }

  /** Ends what the upstream left open. */
  function abandon(state: ItemState, out: TurnEvent[]): void {
    for (const part of state.contents.values()) {
      noteOutcome(part.part);
      parts.end(part, undefined, out);
    }
    state.contents.clear();
    if (state.main !== undefined && !state.closed) {
      noteOutcome(state.main.part);
      parts.end(state.main, undefined, out);
    }
    state.closed = true;
  }

  function noteOutcome(part: Part): void {
    if (part.kind === 'tool_call' && part.by === 'client') outcome.called = true;
    else if (part.kind === 'refusal') outcome.refused = true;
  }

  function contentAdded(data: JsonObject, content: JsonObject, out: TurnEvent[]): void {
    const reasoning = content.type === 'reasoning_text';
    const state = find(data, reasoning ? 'reasoning' : 'message');
    if (state.closed) return;
    if (state.type === 'reasoning') {
      mainOf(state, out);
      return;
    }
    const kind = decodeContent(content, undefined).kind;
    if (kind === 'text' || kind === 'refusal') contentOf(state, asNumber(data.content_index) ?? 0, kind, out);
  }

  function reasoningText(state: ItemState, data: JsonObject, value: string, out: TurnEvent[]): void {
    const index = asNumber(data.content_index) ?? 0;
    const next = index > state.reasoningIndex && state.main !== undefined;
    state.reasoningIndex = index;
    delta(state, index, 'text', { field: 'text', value: next ? `\n\n${value}` : value }, out);
  }

  /** The `done` twins repeat what the deltas gave; what they have beyond it goes out now. */
  function lastWord(type: string, data: JsonObject, out: TurnEvent[]): void {
    const state = known(data) ?? unannounced(type, data);
    if (state === undefined || state.closed) return;
    const part = (data.part ?? {}) as JsonObject;
    const index = asNumber(data.content_index) ?? 0;
    if (state.type === 'message') {
      const refusal = asString(data.refusal) ?? asString(part.refusal);
      const full = refusal ?? asString(data.text) ?? asString(part.text);
      if (full === undefined) return;
      const target = contentOf(state, index, refusal === undefined ? 'text' : 'refusal', out);
      const sent = target.part.kind === 'text' || target.part.kind === 'refusal' ? target.part.text : '';
      grow(target, { field: 'text', value: full }, sent, out);
      return;
    }
    if (state.type === 'reasoning') {
      const full = asString(data.text) ?? asString(part.text) ?? '';
      const target = mainOf(state, out);
      if (target?.part.kind !== 'reasoning') return;
      if (data.summary_index !== undefined) {
        const section = asNumber(data.summary_index) ?? 0;
        const sent = target.part.summary?.[section] ?? '';
        grow(target, { field: 'summary', section, value: full }, sent, out);
      } else if (index === 0 && state.reasoningIndex === 0) {
        grow(target, { field: 'text', value: full }, target.part.text ?? '', out);
      }
      return;
    }
    const full = asString(data.arguments) ?? asString(data.input) ?? '';
    if (state.main?.part.kind === 'tool_call') {
      grow(state.main, { field: 'input', value: full }, state.main.part.input, out);
    } else if (full !== '') {
      state.held = full;
    }
  }

  function unannounced(type: string, data: JsonObject): ItemState | undefined {
    if (type === 'response.content_part.done') return undefined;
    if (type.startsWith('response.reasoning')) return find(data, 'reasoning');
    return type.endsWith('text.done') || type.endsWith('refusal.done') ? find(data, 'message') : find(data);
  }

  function grow(
    target: GrowingPart,
    full: Extract<Delta, { value: string }>,
    sent: string,
    out: TurnEvent[],
  ): void {
    if (full.value.length <= sent.length || !full.value.startsWith(sent)) return;
    parts.delta(target, { ...full, value: full.value.slice(sent.length) } as Delta, out);
  }

  function audio(field: 'data' | 'text', value: string, out: TurnEvent[]): void {
    audioPart ??= parts.start({ kind: 'media', as: 'audio', source: { by: 'bytes', data: '' } }, out);
    parts.delta(audioPart, { field, value }, out);
  }

  /** Holds the items against the final output: closes the open ones, emits those that never came. */
  function settle(output: JsonObject[], out: TurnEvent[]): void {
    const free = new Set(states);
    const match = output.map((item) => take(free, (state) => sameItem(state.item, item)));
    output.forEach((item, index) => {
      const type = typeOf(item);
      match[index] ??=
        take(free, (state) => state.wireIndex === index && fits(state, type)) ??
        take(free, (state) => fits(state, type));
      close(match[index] ?? create(item, undefined), item, out);
    });
    for (const state of free) if (!state.closed) abandon(state, out);
    if (audioPart !== undefined) parts.end(audioPart, undefined, out);
    audioPart = undefined;
  }

  return {
    find,
    known,
    delta,
    added,
    done,
    contentAdded,
    reasoningText,
    summaryAdded: (state: ItemState, out: TurnEvent[]) => void mainOf(state, out),
    lastWord,
    audio,
    settle,
    outcome,
    replyId: (id: string) => void (replyId = id),
  };
}

const fits = (state: ItemState, type: string): boolean => state.type === type || state.type === '';

const sameItem = (a: JsonObject, b: JsonObject): boolean =>
  (typeof a.id === 'string' && a.id !== '' && a.id === b.id) ||
  (typeof a.call_id === 'string' && a.call_id !== '' && a.call_id === b.call_id && a.type === b.type);

function take<T>(from: Set<T>, wanted: (value: T) => boolean): T | undefined {
  for (const value of from) {
    if (wanted(value)) {
      from.delete(value);
      return value;
    }
  }
  return undefined;
}
