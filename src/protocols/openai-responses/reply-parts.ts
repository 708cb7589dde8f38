import type { Delta, TurnEvent } from '../../turn/event.ts';
import type { Part } from '../../turn/part.ts';
import { applyDelta } from '../../turn/reply.ts';

/** A part of the reply while it grows: what was emitted of it so far. */
export interface GrowingPart {
  readonly index: number;
  readonly part: Part;
}

/**
 * Emits the parts of a reply, numbered from 0 in the order in which they start. Whatever the last word of the
 * upstream adds to the deltas goes out as a delta too, so that the deltas of a part always make it up.
 */
export function replyParts(): {
  start(part: Part, out: TurnEvent[]): GrowingPart;
  delta(target: GrowingPart, delta: Delta, out: TurnEvent[]): void;
  /** Ends a part; `last` is the upstream's own final form of it. */
  end(target: GrowingPart, last: Part | undefined, out: TurnEvent[]): void;
  whole(part: Part, out: TurnEvent[]): void;
  readonly count: number;
} {
  let count = 0;

  function start(part: Part, out: TurnEvent[]): GrowingPart {
    const index = count++;
    out.push({ kind: 'part_start', choice: 0, index, part: { ...part } });
    return { index, part };
  }

  function delta(target: GrowingPart, change: Delta, out: TurnEvent[]): void {
    applyDelta(target.part, change);
    out.push({ kind: 'part_delta', choice: 0, index: target.index, delta: change });
  }

  function end(target: GrowingPart, last: Part | undefined, out: TurnEvent[]): void {
    const part = last === undefined ? undefined : catchUp(target, last, out);
    out.push({ kind: 'part_end', choice: 0, index: target.index, ...(part && { part }) });
  }

  /** Emits what `last` has beyond the deltas; gives the final form, never shorter than what was sent. */
  function catchUp(target: GrowingPart, last: Part, out: TurnEvent[]): Part {
    const sent = target.part;
    if (sent.kind === 'text' && last.kind === 'text') {
      const text = catchUpText(target, 'text', sent.text, last.text, out);
      const citations = last.citations ?? sent.citations;
      for (const value of citations?.slice(sent.citations?.length ?? 0) ?? []) {
        delta(target, { field: 'citation', value }, out);
      }
      const logprobs = last.logprobs ?? sent.logprobs;
      const missing = logprobs?.slice(sent.logprobs?.length ?? 0) ?? [];
      if (missing.length > 0) delta(target, { field: 'logprobs', value: missing }, out);
      const whole = { ...last, text };
      if (citations !== undefined) whole.citations = citations;
      if (logprobs !== undefined) whole.logprobs = logprobs;
      return whole;
    }
    if (sent.kind === 'refusal' && last.kind === 'refusal') {
      return { ...last, text: catchUpText(target, 'text', sent.text, last.text, out) };
    }
    if (sent.kind === 'tool_call' && last.kind === 'tool_call') {
      return { ...last, input: catchUpText(target, 'input', sent.input, last.input, out) };
    }
    if (sent.kind === 'reasoning' && last.kind === 'reasoning') {
      const whole = { ...last };
      const sections = Math.max(sent.summary?.length ?? 0, last.summary?.length ?? 0);
      for (let section = 0; section < sections; section++) {
        const had = sent.summary?.[section];
        const has = last.summary?.[section] ?? had ?? '';
        const more = had === undefined ? has : has.startsWith(had) ? has.slice(had.length) : '';
        if (more !== '' || had === undefined) delta(target, { field: 'summary', section, value: more }, out);
      }
      if (sections > (last.summary?.length ?? 0)) whole.summary = sent.summary;
      if (last.text !== undefined || sent.text !== undefined) {
        whole.text = catchUpText(target, 'text', sent.text ?? '', last.text ?? '', out);
      }
      if (last.seal !== undefined) delta(target, { field: 'seal', value: last.seal }, out);
      if (whole.text !== undefined || whole.summary !== undefined) delete whole.hidden;
      return whole;
    }
    return last;
  }

  function catchUpText(
    target: GrowingPart,
    field: 'text' | 'input',
    sent: string,
    last: string,
    out: TurnEvent[],
  ): string {
    if (last.length > sent.length && last.startsWith(sent)) {
      delta(target, { field, value: last.slice(sent.length) }, out);
      return last;
    }
    return last === '' ? sent : last;
  }

  function whole(part: Part, out: TurnEvent[]): void {
    end(start(skeleton(part), out), part, out);
  }

  return {
    start,
    delta,
    end,
    whole,
    get count() {
      return count;
    },
  };
}

/** A part before its first delta. */
export function skeleton(part: Part): Part {
  switch (part.kind) {
    case 'text': {
      const { citations: _citations, logprobs: _logprobs, ...head } = part;
      return { ...head, text: '' };
    }
    case 'refusal':
      return { ...part, text: '' };
    case 'reasoning': {
      const { text: _text, summary: _summary, seal: _seal, ...head } = part;
      return head;
    }
    case 'tool_call':
      return { ...part, input: '' };
    default:
      return part;
  }
}
