import fc from 'fast-check';
import type { StopReason, TurnEvent } from '../../src/turn/event.ts';
import type { Part, ProtocolId } from '../../src/turn/part.ts';
import type { Reply } from '../../src/turn/reply.ts';
import type { Usage } from '../../src/turn/usage.ts';
import { base64, callId, jsonObject, text, toolName } from './arbitrary/common.ts';
import { randomOf } from './random.ts';

/** Which parts a protocol has a place for, and whether their order among each other is kept. */
export interface Grammar {
  readonly reasoning: boolean;
  readonly seals: boolean;
  readonly summaries: boolean;
  readonly refusals: boolean;
  readonly custom: boolean;
  /** A message of Chat Completions is one reasoning, one text and calls, in this order. */
  readonly ordered: boolean;
  /** Nothing stands between two texts, so that they are one. */
  readonly fused: boolean;
}

export const grammars: Readonly<Record<ProtocolId, Grammar>> = {
  'openai-chat': {
    reasoning: true,
    seals: false,
    summaries: false,
    refusals: true,
    custom: true,
    ordered: false,
    fused: false,
  },
  'openai-responses': {
    reasoning: true,
    seals: true,
    summaries: true,
    refusals: true,
    custom: true,
    ordered: true,
    fused: false,
  },
  'anthropic-messages': {
    reasoning: true,
    seals: true,
    summaries: false,
    refusals: false,
    custom: false,
    ordered: true,
    fused: false,
  },
  'google-gemini': {
    reasoning: true,
    seals: false,
    summaries: false,
    refusals: false,
    custom: false,
    ordered: true,
    fused: true,
  },
};

/** What both of two protocols have a place for. */
export const common = (a: Grammar, b: Grammar): Grammar => ({
  reasoning: a.reasoning && b.reasoning,
  seals: false,
  summaries: false,
  refusals: false,
  custom: a.custom && b.custom,
  ordered: a.ordered && b.ordered,
  fused: a.fused || b.fused,
});

/** The events of a reply that this grammar can say; parts overlap, and text comes in pieces of any size. */
export function replyEvents(grammar: Grammar, protocol: ProtocolId): fc.Arbitrary<TurnEvent[]> {
  const reasoning = fc.record({ text, seal: base64 }).map(({ text: thought, seal }): Part => ({
    kind: 'reasoning',
    ...(grammar.summaries ? { summary: [thought, seal] } : { text: thought }),
    ...(grammar.seals ? { seal: { protocol, issuer: 'up', value: seal } } : {}),
  }));
  const said = text.map((words): Part => ({ kind: 'text', text: words }));
  const refused = text.map((words): Part => ({ kind: 'refusal', text: words }));
  const call = fc
    .record({ callId: callId('call_'), name: toolName, input: jsonObject, words: text, custom: fc.boolean() })
    .map(({ callId: id, name, input, words, custom }): Part => {
      const free = custom && grammar.custom;
      return {
        kind: 'tool_call',
        callId: id,
        family: free ? 'custom' : 'function',
        name,
        input: free ? words : JSON.stringify(input),
        inputAs: free ? 'text' : 'json',
        by: 'client',
      };
    });
  const calls = fc.uniqueArray(call, {
    maxLength: 3,
    selector: (part) => (part.kind === 'tool_call' ? part.callId : ''),
  });
  const others = [...(grammar.reasoning ? [reasoning] : []), said];
  const parts = grammar.ordered
    ? fc
        .tuple(fc.array(fc.oneof(...others), { maxLength: 3 }), said, calls, fc.boolean())
        .map(([some, last, called, mixed]) =>
          mixed ? [...some, ...called, last] : [...some, last, ...called],
        )
    : fc
        .tuple(fc.option(reasoning), said, calls)
        .map(([thought, words, called]) => [...(thought ? [thought] : []), words, ...called]);
  const whole = grammar.refusals
    ? fc.oneof({ weight: 9, arbitrary: parts }, { weight: 1, arbitrary: refused.map((part) => [part]) })
    : parts;
  const usage = fc.record({
    fresh: fc.nat(9999),
    cacheRead: fc.nat(999),
    output: fc.nat(9999),
    reasoning: fc.nat(999),
  });
  return fc
    .tuple(whole, usage, fc.constantFrom<StopReason>('end', 'length'), fc.nat())
    .map(([all, used, reason, chance]) => eventsOf(all, used, reasonOf(all) ?? reason, chance));
}

const reasonOf = (parts: readonly Part[]): StopReason | undefined =>
  parts.some(({ kind }) => kind === 'tool_call')
    ? 'tool_use'
    : parts.some(({ kind }) => kind === 'refusal')
      ? 'refusal'
      : undefined;

function eventsOf(parts: readonly Part[], usage: Usage, reason: StopReason, seed: number): TurnEvent[] {
  const random = randomOf(seed);
  const events: TurnEvent[] = [{ kind: 'start', id: 'reply_1', model: 'm-1', created: 1_767_225_600 }];
  const open: TurnEvent[][] = [];
  // At most two parts are open at a time; only calls overlap, as upstreams do it.
  parts.forEach((part, index) => {
    const steps = stepsOf(part, index, random);
    const overlaps =
      part.kind === 'tool_call' && parts[index - 1]?.kind === 'tool_call' && random.chance(0.4);
    if (!overlaps) for (const rest of open.splice(0)) events.push(...rest);
    events.push(steps.shift()!);
    for (let i = 0; i < 3; i++) for (const rest of open) if (rest.length > 1) events.push(rest.shift()!);
    open.push(steps);
  });
  for (const rest of open) events.push(...rest);
  return [...events, { kind: 'usage', usage }, { kind: 'stop', choice: 0, stop: { reason } }];
}

/** A part as it comes: its start, pieces of what it holds, its end. */
function stepsOf(part: Part, index: number, random: ReturnType<typeof randomOf>): TurnEvent[] {
  const at = { choice: 0, index };
  const start = (empty: Part): TurnEvent => ({ kind: 'part_start', ...at, part: empty });
  const end: TurnEvent = { kind: 'part_end', ...at };
  const pieces = (whole: string): string[] => {
    const letters = [...whole];
    const out: string[] = [];
    while (letters.length > 0) out.push(letters.splice(0, 1 + random.below(8)).join(''));
    return out;
  };
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return [
        start({ ...part, text: '' }),
        ...pieces(part.text).map((value): TurnEvent => ({
          kind: 'part_delta',
          ...at,
          delta: { field: 'text', value },
        })),
        end,
      ];
    case 'tool_call':
      return [
        start({ ...part, input: '' }),
        ...pieces(part.input).map((value): TurnEvent => ({
          kind: 'part_delta',
          ...at,
          delta: { field: 'input', value },
        })),
        end,
      ];
    case 'reasoning': {
      const { text: thought, summary, seal, ...bare } = part;
      return [
        start(summary ? { ...bare, summary: [] } : { ...bare, text: '' }),
        ...pieces(thought ?? '').map((value): TurnEvent => ({
          kind: 'part_delta',
          ...at,
          delta: { field: 'text', value },
        })),
        ...(summary ?? []).flatMap((words, section) =>
          pieces(words).map((value): TurnEvent => ({
            kind: 'part_delta',
            ...at,
            delta: { field: 'summary', section, value },
          })),
        ),
        ...(seal ? [{ kind: 'part_delta', ...at, delta: { field: 'seal', value: seal } } as const] : []),
        end,
      ];
    }
    default:
      throw new Error(`no steps for ${part.kind}`);
  }
}

/** What a reply says, without what each protocol names in its own way. */
export function meaning(reply: Reply, { fused }: Grammar): unknown {
  const [choice] = reply.choices;
  const { fresh = 0, cacheRead = 0, output = 0, reasoning = 0 } = reply.usage;
  const parts = (choice?.parts ?? []).map(said);
  return {
    failure: reply.failure?.message,
    stop: choice?.stop?.reason,
    usage: { input: fresh + cacheRead, cacheRead, output: output + reasoning },
    parts: fused ? joined(parts) : parts,
  };
}

interface Said {
  readonly kind: Part['kind'];
  readonly text?: string;
  readonly [member: string]: unknown;
}

function said(part: Part): Said {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { kind: part.kind, text: part.text };
    case 'reasoning': {
      const text = [part.text ?? '', ...(part.summary ?? [])].join('');
      return { kind: part.kind, text, seal: part.seal?.value };
    }
    case 'tool_call': {
      const { kind, callId: id, name, input } = part;
      return {
        kind,
        id,
        name,
        input: part.inputAs === 'json' ? (JSON.parse(input || '{}') as unknown) : input,
      };
    }
    default:
      return { kind: part.kind, part };
  }
}

function joined(parts: readonly Said[]): Said[] {
  const out: Said[] = [];
  for (const part of parts) {
    const before = out.at(-1);
    if (part.text !== undefined && before?.kind === part.kind)
      out.splice(-1, 1, { ...before, text: `${before.text}${part.text}` });
    else out.push(part);
  }
  return out;
}
