import type { Stop, TurnEvent } from './event.ts';
import type { Failure } from './failure.ts';
import type { Extras, Part } from './part.ts';
import type { Usage } from './usage.ts';

export interface Choice {
  parts: Part[];
  stop?: Stop;
  extras?: Extras;
}

/** A whole reply: the fold of its events. */
export interface Reply {
  id?: string;
  model?: string;
  /** Unix seconds. */
  created?: number;
  tier?: string;
  choices: Choice[];
  usage: Usage;
  failure?: Failure;
  extras?: Extras;
}

/**
 * Folds the events of a turn into its reply. Parts keep the order of their index.
 *
 * @example
 * const fold = replyFold();
 * for (const event of events) fold.push(event);
 * fold.reply().choices[0]?.parts;
 */
export function replyFold(): { push(event: TurnEvent): void; reply(): Reply } {
  const reply: Reply = { choices: [], usage: {} };
  const parts: (Part | undefined)[][] = [];
  const choice = (index: number): Choice => {
    while (reply.choices.length <= index) {
      reply.choices.push({ parts: [] });
      parts.push([]);
    }
    return reply.choices[index]!;
  };

  return {
    push(event) {
      switch (event.kind) {
        case 'start':
          reply.id = event.id ?? reply.id;
          reply.model = event.model ?? reply.model;
          reply.created = event.created ?? reply.created;
          reply.tier = event.tier ?? reply.tier;
          reply.extras = event.extras ?? reply.extras;
          break;
        case 'part_start':
          choice(event.choice);
          parts[event.choice]![event.index] = structuredClone(event.part);
          break;
        case 'part_delta': {
          const part = parts[event.choice]?.[event.index];
          if (part) applyDelta(part, event.delta);
          break;
        }
        case 'part_end':
          if (event.part) {
            choice(event.choice);
            parts[event.choice]![event.index] = structuredClone(event.part);
          }
          break;
        case 'usage':
          reply.usage = { ...reply.usage, ...stated(event.usage) };
          break;
        case 'stop': {
          const target = choice(event.choice);
          target.stop = event.stop;
          target.extras = event.extras ?? target.extras;
          break;
        }
        case 'error':
          reply.failure = event.failure;
          break;
        case 'status':
        case 'keepalive':
        case 'native':
          break;
      }
    },
    reply() {
      for (let i = 0; i < reply.choices.length; i++) {
        reply.choices[i]!.parts = parts[i]!.filter((part) => part !== undefined);
      }
      return reply;
    },
  };
}

/** Applies one delta to a part in place; a delta that does not fit the part's kind changes nothing. */
export function applyDelta(part: Part, delta: Extract<TurnEvent, { kind: 'part_delta' }>['delta']): void {
  switch (delta.field) {
    case 'text':
      if (part.kind === 'text' || part.kind === 'refusal') part.text += delta.value;
      else if (part.kind === 'reasoning') part.text = (part.text ?? '') + delta.value;
      else if (part.kind === 'media') part.transcript = (part.transcript ?? '') + delta.value;
      else if (part.kind === 'compaction') part.summary = (part.summary ?? '') + delta.value;
      break;
    case 'summary':
      if (part.kind === 'reasoning') {
        const summary = (part.summary ??= []);
        while (summary.length <= delta.section) summary.push('');
        summary[delta.section] += delta.value;
      }
      break;
    case 'input':
      if (part.kind === 'tool_call') part.input += delta.value;
      break;
    case 'citation':
      if (part.kind === 'text') (part.citations ??= []).push(delta.value);
      break;
    case 'logprobs':
      if (part.kind === 'text' || part.kind === 'refusal') (part.logprobs ??= []).push(...delta.value);
      break;
    case 'seal':
      part.seal = delta.value;
      break;
    case 'data':
      if (part.kind === 'media' && part.source.by === 'bytes') {
        part.source = { by: 'bytes', data: part.source.data + delta.value };
      }
      break;
  }
}

/** The counts that are stated, without the `undefined` ones. */
function stated(usage: Usage): Usage {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(usage)) if (value !== undefined) out[key] = value;
  return out as Usage;
}
