import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import { asArray, isObject, type Json, type JsonObject } from '../../../src/turn/json.ts';
import type { Reply } from '../../../src/turn/reply.ts';
import { grammarFaults } from '../../conformance/grammar.ts';
import { numberingFaults } from '../../conformance/numbering.ts';
import { eventSchemaFaults, resultSchemaFaults } from '../../conformance/schema.ts';
import {
  blocksOfSse,
  corpusAvailable,
  corpusRoot,
  parallelCases,
  payloadsOf,
  requestFixtures,
  resultFixtures,
  streamFixtures,
} from '../../support/corpus.ts';
import { context, decodeEvents, encodeText, foldOf, plain, source, target } from './support.ts';

const recorded = corpusAvailable ? describe : describe.skip;

const eventsOf = (blocks: readonly { event?: string; data?: string }[]): TurnEvent[] => {
  const decoder = openaiResponses.streamDecoder(source);
  const out: TurnEvent[] = [];
  for (const { event, data } of blocks) if (data !== undefined) decoder.decode({ event, data }, out);
  decoder.end(out);
  return out;
};

/**
 * A reply without what a surface sets anew (the prefix of the id, the date of completion, members that a server
 * left out although they are required) and without opaque values, which each event of a reply has its own of.
 */
function comparable(reply: Reply): unknown {
  const choices = reply.choices.map((choice) => ({
    parts: choice.parts.map((part) => withoutOpaque(part as unknown as Json, part.kind === 'tool_call')),
    reason: choice.stop?.reason,
  }));
  const usage = { ...reply.usage, raw: undefined, cacheWrite: reply.usage.cacheWrite || undefined };
  return plain({
    model: reply.model,
    created: reply.created,
    choices,
    usage,
    failure: reply.failure?.message,
  });
}

/** Required of a citation; a server that leaves them out gets them empty. */
const citationMembers = new Set(['title', 'start', 'end', 'start_index', 'end_index']);

function withoutOpaque(value: Json, call = false): Json {
  if (Array.isArray(value)) return value.map((one) => withoutOpaque(one));
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const key in value) {
    if (key === 'seal' || key === 'encrypted_content' || key === 'fingerprint') continue;
    if (key === 'id' || (key === 'action' && call)) continue;
    if (citationMembers.has(key) && !value[key]) continue;
    out[key] = withoutOpaque(value[key]!, call);
  }
  return out;
}

/** What this protocol's own servers send outside the published schemas, and what comes back to their clients. */
const admitted = [
  'no schema for event response.apply_patch_call_operation_diff',
  'ResponseFailedEvent/response/error/code must be equal',
  // Another vendor's web search call names itself and carries arguments.
  'item/type must be equal to one of the allowed values: ["function_call"]',
  'output/0/type must be equal to one of the allowed values: ["function_call"]',
];

recorded(`recorded Responses streams (${corpusRoot})`, () => {
  for (const fixture of streamFixtures('openai-responses')) {
    const events = eventsOf(fixture.blocks);
    const native = payloadsOf(fixture.blocks) as JsonObject[];
    const text = encodeText(events).join('');
    const blocks = blocksOfSse(text);
    const written = payloadsOf(blocks) as JsonObject[];

    test(`${fixture.name} means the same when it is written again`, () => {
      expect(comparable(foldOf(decodeEvents(written)))).toEqual(comparable(foldOf(events)));
    });

    test(`${fixture.name} is written in the full grammar`, () => {
      expect(grammarFaults('openai-responses', blocks)).toEqual([]);
      expect(numberingFaults('openai-responses', written)).toEqual([]);
    });

    test(`${fixture.name} is written as the specifications have it`, () => {
      const faults = new Set(written.flatMap((event) => eventSchemaFaults('openai-responses', event)));
      for (const fault of faults) if (admitted.some((known) => fault.includes(known))) faults.delete(fault);
      expect([...faults]).toEqual([]);
    });

    const final = native.at(-1)?.response;
    if (isObject(final) && asArray(final.output).length > 0) {
      test(`${fixture.name} folds to what its final response says`, () => {
        const whole = foldOf(openaiResponses.decodeResult(final, source));
        expect(comparable(foldOf(events))).toEqual(comparable(whole));
      });
    }

    test(`${fixture.name} has one end, and nothing after it`, () => {
      const ends = events.filter((event) => event.kind === 'stop' || event.kind === 'error');
      expect(ends).toHaveLength(1);
      expect(events.at(-1)).toBe(ends[0]!);
      expect(events[0]?.kind).toBe('start');
    });
  }
});

recorded(`recorded Responses results (${corpusRoot})`, () => {
  for (const fixture of resultFixtures('openai-responses')) {
    if (fixture.status >= 400) continue;
    const body = fixture.body as JsonObject;
    test(`${fixture.name} means the same when it is written again`, () => {
      const reply = foldOf(openaiResponses.decodeResult(body, source));
      const written = openaiResponses.encodeResult(reply, context());
      expect(written.notes).toEqual([]);
      const again = foldOf(openaiResponses.decodeResult(plain(written.body), source));
      expect(comparable(again)).toEqual(comparable(reply));
      expect(resultSchemaFaults('openai-responses', plain(written.body))).toEqual([]);
    });
  }
});

recorded(`recorded Responses requests (${corpusRoot})`, () => {
  const bodies = requestBodies();
  test('there are requests to check', () => expect(bodies.length).toBeGreaterThan(100));

  for (const { name, body } of bodies) {
    test(`${name} goes back as it came`, () => {
      const before = JSON.stringify(body);
      const request = openaiResponses.decodeRequest(body);
      const { body: written, notes } = openaiResponses.encodeRequest(request, {
        ...target,
        model: body.model as string,
      });
      expect(normal(plain(written))).toEqual(normal(body));
      expect(notes).toEqual([]);
      expect(JSON.stringify(body)).toBe(before);
    });
  }
});

interface NamedBody {
  readonly name: string;
  readonly body: JsonObject;
}

/** Every request of the corpus: recorded ones, those of the parallel cases, and what real clients were seen to send. */
function requestBodies(): NamedBody[] {
  if (!corpusAvailable) return [];
  const found: NamedBody[] = requestFixtures('openai-responses').map(({ name, body }) => ({
    name,
    body: body as JsonObject,
  }));
  for (const { name, sides } of parallelCases()) {
    const side = sides['openai-responses'];
    if (side?.request) found.push({ name: `${name} request`, body: side.request as JsonObject });
    if (side?.followup_request)
      found.push({ name: `${name} follow-up`, body: side.followup_request as JsonObject });
  }
  const captures = join(corpusRoot, 'captures');
  for (const client of [
    'codex-cli',
    'codex-cli/older',
    'openai-sdk',
    'openai-agents',
    'ai-sdk',
    'opencode',
  ]) {
    for (const file of readdirSync(join(captures, client))) {
      if (!file.endsWith('.json')) continue;
      const name = `${client}/${file}`;
      inside(JSON.parse(readFileSync(join(captures, name), 'utf8')) as Json, name, found);
    }
  }
  return found;
}

function inside(value: Json, name: string, found: NamedBody[]): void {
  if (Array.isArray(value)) for (const one of value) inside(one, name, found);
  if (!isObject(value)) return;
  const asks = 'model' in value && ('input' in value || 'previous_response_id' in value);
  if (asks && !('object' in value) && !('encoding_format' in value) && !('embedding' in value)) {
    if (typeof value.input === 'string' || isItems(value.input)) {
      found.push({ name: `${name} #${found.length}`, body: value });
      return;
    }
  }
  for (const key in value) inside(value[key]!, name, found);
}

const isItems = (input: Json | undefined): boolean => Array.isArray(input) && input.every(isObject);

/** A request in the one spelling that it may be written in: null is absent, text is a list of one text. */
function normal(body: JsonObject): JsonObject {
  const out = plain(body);
  if (typeof out.input === 'string') out.input = [{ type: 'message', role: 'user', content: out.input }];
  clean(out);
  for (const item of asArray(out.input).filter(isObject)) {
    clean(item);
    if (item.role !== undefined && item.content !== undefined) item.type ??= 'message';
    if (item.type === 'message' && typeof item.content === 'string') {
      const type = item.role === 'assistant' ? 'output_text' : 'input_text';
      item.content = [{ type, text: item.content }];
    }
    for (const content of asArray(item.content).filter(isObject)) {
      if (content.type === 'output_text') {
        content.annotations ??= [];
        content.logprobs ??= [];
      }
      if (content.type === 'input_image') content.detail ??= 'auto';
    }
    if (item.type === 'reasoning' && asArray(item.content).length === 0) delete item.content;
  }
  for (const tool of asArray(out.tools).filter(isObject)) {
    clean(tool);
    if (tool.type === 'function') tool.parameters ??= null;
  }
  for (const key of ['reasoning', 'text']) if (isObject(out[key])) clean(out[key]);
  if (out.stream === false) delete out.stream;
  if (asArray(out.tools).length === 0) delete out.tools;
  return out;
}

function clean(object: JsonObject): void {
  for (const key in object) if (object[key] === null) delete object[key];
}
