import { describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import { isObject, type Json, type JsonObject } from '../../../src/turn/json.ts';
import type { Reply } from '../../../src/turn/reply.ts';
import {
  corpusAvailable,
  corpusJson,
  corpusLines,
  corpusRoot,
  parallelCases,
  requestFixtures,
  resultFixtures,
  streamFixtures,
} from '../../support/corpus.ts';
import { readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { chunksOf, context, decode, decodeChunks, encodeEvents, foldOf, modern, source } from './support.ts';

const recorded = corpusAvailable ? describe : describe.skip;
const streams = streamFixtures('openai-chat');
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

const eventsOf = (blocks: readonly { event?: string; data?: string }[]): TurnEvent[] => {
  const decoder = openaiChat.streamDecoder(source);
  const out: TurnEvent[] = [];
  for (const { event, data } of blocks) if (data !== undefined) decoder.decode({ event, data }, out);
  decoder.end(out);
  return out;
};

/** A reply without what a gateway may set anew: the id's prefix, the upstream's words, the date it lacks. */
function comparable(reply: Reply): unknown {
  const { usage, id: _id, created: _created, ...rest } = reply;
  return JSON.parse(
    JSON.stringify({
      ...rest,
      model: rest.model,
      usage: { ...usage, raw: undefined },
      choices: rest.choices.map((choice) => ({ ...choice, stop: { reason: choice.stop?.reason } })),
    }),
  );
}

recorded(`recorded chat streams (${corpusRoot})`, () => {
  for (const fixture of streams) {
    test(`${fixture.name} is read as its facts say`, () => {
      const reply = foldOf(eventsOf(fixture.blocks));
      const parts = reply.choices[0]!.parts;
      const joined = (kind: 'text' | 'reasoning' | 'refusal') =>
        parts.map((part) => (part.kind === kind ? (part.text ?? '') : '')).join('');
      const { facts } = fixture;
      expect(reply.failure).toBeUndefined();
      // The facts of a reply with two choices join both texts as they came.
      if (reply.choices.length === 1) expect(hash(joined('text'))).toBe(facts!.text_sha256_16);
      expect(hash(joined('reasoning'))).toBe(facts!.reasoning_sha256_16);
      if (facts!.refusal_sha256_16) expect(hash(joined('refusal'))).toBe(facts!.refusal_sha256_16);
      const calls = parts.filter((part) => part.kind === 'tool_call');
      expect(calls.map((call) => ({ id: call.callId, name: call.name, args: hash(call.input) }))).toEqual(
        (facts!.tools ?? []).map((tool) => ({ id: tool.id, name: tool.name, args: tool.args_sha256_16 })),
      );
    });

    test(`${fixture.name} has one stop for each choice, last, after its usage`, () => {
      const events = eventsOf(fixture.blocks);
      const kinds = events.map((event) => event.kind);
      const stops = kinds.filter((kind) => kind === 'stop').length;
      expect(kinds[0]).toBe('start');
      expect(stops).toBe(foldOf(events).choices.length);
      expect(kinds.slice(-stops).every((kind) => kind === 'stop')).toBe(true);
      checkParts(events);
    });

    test(`${fixture.name} written again and read again is the same reply`, () => {
      const events = eventsOf(fixture.blocks);
      const text = encodeEvents(events, context({ usage: true }));
      checkGrammar(chunksOf(text));
      const again = decodeChunks(chunksOf(text));
      expect(comparable(foldOf(again))).toEqual(comparable(foldOf(events)) as never);
    });

    test(`${fixture.name} whole is the same reply as streamed`, () => {
      const events = eventsOf(fixture.blocks);
      const whole = openaiChat.encodeResult(foldOf(events), context());
      expect(whole.notes).toEqual([]);
      const again = openaiChat.decodeResult(JSON.parse(JSON.stringify(whole.body)), source);
      expect(comparable(foldOf(again))).toEqual(comparable(foldOf(events)) as never);
    });
  }
});

recorded('recorded chat results', () => {
  for (const fixture of resultFixtures('openai-chat').filter(({ status }) => status === 200)) {
    test(`${fixture.name} written again is the same result`, () => {
      // A filtered choice may come without its message.
      const body = fixture.body as JsonObject;
      for (const choice of body.choices as JsonObject[]) choice.message ??= { role: 'assistant' };
      const reply = foldOf(openaiChat.decodeResult(body, source));
      const written = openaiChat.encodeResult(reply, context());
      expect(written.notes).toEqual([]);
      expect(withoutNothing({ ...written.body, id: body.id })).toEqual(withoutNothing(body) as never);
    });
  }
});

recorded('recorded chat requests', () => {
  for (const { name, body } of everyRequest()) {
    test(`${name} written again is the same request`, () => {
      const request = decode(body);
      const written = openaiChat.encodeRequest(request, {
        model: request.model,
        issuer: 'upstream',
        abilities: { modernChat: 'max_completion_tokens' in body, reasoningContent: true },
      });
      expect(written.notes).toEqual([]);
      const sent = { ...body, ...(body.stream === true ? { stream_options: { include_usage: true } } : {}) };
      expect(canonicalRequest(written.body)).toEqual(canonicalRequest(sent) as never);
    });

    test(`${name} grows at its end from turn to turn`, () => {
      const messages = body.messages as Json[];
      let before = '';
      for (let count = 1; count <= messages.length; count++) {
        const { body: written } = openaiChat.encodeRequest(
          decode({ ...body, messages: messages.slice(0, count) }),
          modern,
        );
        const now = JSON.stringify(written.messages).slice(0, -1);
        expect(now.startsWith(before)).toBe(true);
        before = now;
      }
    });
  }

  test('odd but parseable requests are read or refused, and what is read is written', () => {
    let read = 0;
    for (const line of corpusLines('parallel-cases/fuzz-requests.requests.jsonl') as {
      kind: string;
      request: JsonObject;
    }[]) {
      if (!Array.isArray(line.request.messages)) continue;
      try {
        const request = decode(line.request);
        openaiChat.encodeRequest(request, modern);
        read += 1;
      } catch (error) {
        expect((error as Error).name).toBe('FailureError');
      }
    }
    expect(read).toBeGreaterThan(10);
  });
});

/** Every chat request in the fixtures, the parallel cases and the client captures. */
function everyRequest(): { name: string; body: JsonObject }[] {
  if (!corpusAvailable) return [];
  const found = requestFixtures('openai-chat').map(({ name, body }) => ({ name, body: body as JsonObject }));
  for (const { name, sides } of parallelCases()) {
    for (const which of ['request', 'followup_request'] as const) {
      const body = sides['openai-chat']?.[which];
      if (body) found.push({ name: `${name}.${which}`, body: body as JsonObject });
    }
  }
  for (const folder of ['ai-sdk', 'openai-agents', 'openai-sdk', 'opencode']) {
    for (const file of readdirSync(`${corpusRoot}/captures/${folder}`)) {
      if (!file.endsWith('.json')) continue;
      const capture = corpusJson(`captures/${folder}/${file}`) as { requests?: JsonObject[] };
      (capture.requests ?? []).forEach((request, i) => {
        const body = request.body;
        if (String(request.path).endsWith('/chat/completions') && isObject(body)) {
          found.push({ name: `${folder}/${file}#${i + 1}`, body });
        }
      });
    }
  }
  return found;
}

/** Two ways to say the same: null for absent, an array of one bare text for a string, a lone `false`. */
function canonicalRequest(body: JsonObject): unknown {
  const { max_tokens, max_completion_tokens, stream, ...rest } = body;
  const messages = (body.messages as JsonObject[]).map((message) => {
    const { content, ...others } = message;
    const only =
      Array.isArray(content) && content.length === 1 && isObject(content[0]) ? content[0] : undefined;
    const text = only?.type === 'text' && Object.keys(only).length === 2 ? only.text : content;
    return withoutNothing({ ...others, content: text === '' ? null : text });
  });
  return withoutNothing({
    ...rest,
    messages,
    limit: max_tokens ?? max_completion_tokens,
    stream: stream === true ? true : undefined,
  });
}

/** Without members that say nothing: null, empty arrays. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null || inner === undefined || (Array.isArray(inner) && inner.length === 0)) continue;
    if (key === 'content' && inner === '') continue;
    out[key] = withoutNothing(inner);
  }
  return out;
}

/** Part indexes are dense from 0 in order of their start; each part starts once and ends once. */
function checkParts(events: readonly TurnEvent[]): void {
  const next = new Map<number, number>();
  const open = new Set<string>();
  for (const event of events) {
    if (event.kind === 'part_start') {
      expect(event.index).toBe(next.get(event.choice) ?? 0);
      next.set(event.choice, event.index + 1);
      open.add(`${event.choice}.${event.index}`);
    } else if (event.kind === 'part_delta') {
      expect(open.has(`${event.choice}.${event.index}`)).toBe(true);
    } else if (event.kind === 'part_end') {
      expect(open.delete(`${event.choice}.${event.index}`)).toBe(true);
    }
  }
  expect(open.size).toBe(0);
}

/** The grammar of what a chat client may rely on. */
function checkGrammar(chunks: readonly (JsonObject | string)[]): void {
  expect(chunks.at(-1)).toBe('[DONE]');
  const objects = chunks.slice(0, -1) as JsonObject[];
  for (const key of ['id', 'object', 'created', 'model']) {
    expect(new Set(objects.map((chunk) => chunk[key])).size).toBe(1);
  }
  const seen = new Map<number, { finished: boolean; calls: Set<number> }>();
  let usages = 0;
  for (const chunk of objects) {
    const choices = chunk.choices as JsonObject[];
    expect(choices.length <= 1).toBe(true);
    if (chunk.usage) {
      usages += 1;
      expect(choices).toEqual([]);
    }
    for (const choice of choices) {
      const index = choice.index as number;
      const delta = choice.delta as JsonObject;
      const state = seen.get(index);
      if (!state) {
        expect(delta.role).toBe('assistant');
        seen.set(index, { finished: false, calls: new Set() });
        continue;
      }
      expect(state.finished).toBe(false);
      if (choice.finish_reason !== null) state.finished = true;
      for (const call of (delta.tool_calls ?? []) as JsonObject[]) {
        const at = call.index as number;
        const body = (call.function ?? call.custom) as JsonObject;
        if (state.calls.has(at))
          expect([call.id, call.type, body.name]).toEqual([undefined, undefined, undefined]);
        else {
          expect(at).toBe(state.calls.size);
          expect(
            [call.id, call.type, body.name].every((word) => typeof word === 'string' && word !== ''),
          ).toBe(true);
          state.calls.add(at);
        }
      }
    }
  }
  expect([...seen.values()].every(({ finished }) => finished)).toBe(true);
  expect(usages <= 1).toBe(true);
}
