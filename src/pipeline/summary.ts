import { randomBytes } from 'node:crypto';
import { holds } from '../protocols/bytes.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { compactionItem, summaryWish, type Sealing } from '../sessions/compaction.ts';
import { inputItems } from '../sessions/items.ts';
import type { Stop, TurnEvent } from '../turn/event.ts';
import { refuse, type Failure } from '../turn/failure.ts';
import { asArray, asObject, isObject, parseObject, type Json, type JsonObject } from '../turn/json.ts';
import { replyFold } from '../turn/reply.ts';
import { readAsked, type Asked } from './asked.ts';
import type { Inbound } from './exchange.ts';

/** The turn in which a model writes down what a conversation was, where its upstream compacts nothing itself. */
export interface Summary {
  /** The conversation, and the wish for a summary at its end. */
  readonly body: Uint8Array;
  readonly asked: Asked;
  /** What the reply repeats of the request is what the client sent. */
  readonly echo: JsonObject;
  /** The upstream's protocol, in which the text that comes back reads as one sealed `compaction` item. */
  reading(upstream: Protocol): Protocol;
}

/** The item by which a client asks for a compaction; it stands last. */
const trigger = 'compaction_trigger';
const needle = Buffer.from(`"${trigger}"`);

/** Whether a request may end in a wish for a compaction. */
export const mayCompact = (body: Uint8Array): boolean => holds(body, needle);

/** How to get the summarising turn of a request, made when it is needed; `undefined` comes of one that asks for none. */
export function summaryOf(sealing: Sealing, inbound: Inbound, body: Uint8Array): () => Summary | undefined {
  let made: { summary: Summary | undefined } | undefined;
  return () => (made ??= { summary: readSummary(sealing, inbound, body) }).summary;
}

function readSummary(sealing: Sealing, inbound: Inbound, body: Uint8Array): Summary | undefined {
  const json = parseObject(body);
  const items = asArray(json?.input);
  const last = items.at(-1);
  if (json === undefined || !isObject(last) || last.type !== trigger) return undefined;
  if (items.length === 1) refuse('There is no conversation to compact.', 'input');
  const asked = summaryRequest(json, items.slice(0, -1));
  const bytes = Buffer.from(JSON.stringify(asked));
  const { input: _, ...echo } = json;
  const caller = inbound.caller.id;
  return {
    body: bytes,
    asked: readAsked(bytes, inbound),
    echo,
    reading: (upstream) =>
      summarised(upstream, (summary) =>
        compactionItem(sealing, caller, `cmp_${randomBytes(24).toString('hex')}`, summary),
      ),
  };
}

/** A request with the wish for a compaction at its end, as a turn that is answered whole and not kept. */
export function withTrigger(body: Uint8Array): Uint8Array {
  const json = parseObject(body);
  if (json === undefined) return body;
  const input: Json[] = [...inputItems(json.input), { type: trigger }];
  return Buffer.from(JSON.stringify({ ...json, input, store: false, stream: false }));
}

/** The same conversation with the same tools, so that the prompt cache of its turns serves. */
function summaryRequest({ text, ...json }: JsonObject, items: Json[]): JsonObject {
  const wish: JsonObject = {
    type: 'message',
    role: 'user',
    content: [{ type: 'input_text', text: summaryWish }],
  };
  const body: JsonObject = { ...json, input: [...items, wish], store: false };
  // A limit and a schema are for answers.
  delete body.max_output_tokens;
  if (asArray(json.tools).length > 0) body.tool_choice = 'none';
  else delete body.tool_choice;
  const { format: _, ...words } = asObject(text) ?? {};
  if (Object.keys(words).length > 0) body.text = words;
  return body;
}

/** Reads what a model says as a compaction. A summary that broke off, or is none, is a failure. */
function summarised(upstream: Protocol, itemOf: (summary: string) => JsonObject): Protocol {
  return {
    ...upstream,
    streamDecoder(source) {
      const inner = upstream.streamDecoder(source);
      const take = collector(itemOf);
      const events: TurnEvent[] = [];
      const pass = (out: TurnEvent[]): void => {
        for (const event of events.splice(0)) take(event, out);
      };
      return {
        decode(frame, out) {
          inner.decode(frame, events);
          pass(out);
        },
        end(out) {
          inner.end(events);
          pass(out);
        },
        get done() {
          return inner.done;
        },
      };
    },
    decodeResult(body, source) {
      const take = collector(itemOf);
      const out: TurnEvent[] = [];
      for (const event of upstream.decodeResult(body, source)) take(event, out);
      return out;
    },
  };
}

/** Pieces of a summary between two signs of life to the client. */
const piecesPerSign = 50;

function collector(itemOf: (summary: string) => JsonObject): (event: TurnEvent, out: TurnEvent[]) => void {
  const fold = replyFold();
  let pieces = 0;
  return (event, out) => {
    switch (event.kind) {
      case 'start':
      case 'usage':
      case 'error':
      case 'keepalive':
        out.push(event);
        return;
      case 'stop':
        if (event.choice === 0) out.push(...ending(event.stop));
        return;
      case 'part_start':
      case 'part_delta':
      case 'part_end':
        fold.push(event);
        if (++pieces % piecesPerSign === 0) out.push({ kind: 'keepalive' });
        return;
      case 'status':
      case 'native':
        return;
    }
  };

  function ending(stop: Stop): TurnEvent[] {
    const parts = fold.reply().choices[0]?.parts ?? [];
    const summary = parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
    if (stop.reason !== 'end' || summary.trim() === '') {
      return [{ kind: 'error', failure: noSummary(stop) }];
    }
    const item = itemOf(summary);
    const wire = { protocol: 'openai-responses', value: item } as const;
    return [
      {
        kind: 'part_start',
        choice: 0,
        index: 0,
        part: { kind: 'compaction', wire: { ...wire, value: { ...item, encrypted_content: '' } } },
      },
      { kind: 'part_end', choice: 0, index: 0, part: { kind: 'compaction', wire } },
      { kind: 'stop', choice: 0, stop: { reason: 'end' } },
    ];
  }
}

const why: Partial<Record<Stop['reason'], string>> = {
  length: 'it grew longer than the model’s replies may be',
  context_full: 'the conversation is as long as the model’s context',
  tool_use: 'the model called a tool instead',
  bad_call: 'the model called a tool instead',
  refusal: 'the model refused to write it',
  filter: 'the upstream’s filter withheld it',
  end: 'the model wrote nothing',
};

/** A conversation without its summary would go on as if nothing had been said. It is this one's fault, and no account's. */
const noSummary = ({ reason }: Stop): Failure => ({
  kind: 'upstream',
  scope: 'request',
  status: 502,
  message: `no summary of the conversation came about: ${why[reason] ?? 'the model broke off'}`,
  code: 'compaction_failed',
  retryable: reason !== 'context_full',
});
