import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../../src/protocols/protocol.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Reply } from '../../../src/turn/reply.ts';
import { requestSchemaFaults, resultSchemaFaults } from '../../conformance/schema.ts';
import {
  corpusAvailable,
  parallelCases,
  requestFixtures,
  resultFixtures,
  streamFixtures,
} from '../../support/corpus.ts';
import {
  capturedRequests,
  chunksOf,
  context,
  decodeStream,
  encodeStream,
  fold,
  framesOf,
  source,
  target,
  there,
} from './support.ts';

const requests = [
  ...requestFixtures('google-gemini').map(({ name, body }) => ({ name, body: body as JsonObject })),
  ...parallelCases().flatMap(({ name, sides }) => {
    const side = sides['google-gemini'];
    return [side?.request, side?.followup_request]
      .filter((body) => body !== undefined)
      .map((body, i) => ({ name: `${name}#${i}`, body: body as JsonObject }));
  }),
  ...capturedRequests(),
];
const streams = streamFixtures('google-gemini').map((fixture) => ({
  name: fixture.name,
  frames: framesOf(fixture.blocks.map((block) => `${block.text}\n\n`).join('')),
}));
const results = resultFixtures('google-gemini').filter(({ status }) => status === 200);

const others: readonly Protocol[] = [openaiChat, openaiResponses, anthropicMessages];

describe.skipIf(!corpusAvailable)('over the recorded corpus', () => {
  test('there is a corpus to speak of', () => {
    expect(requests.length).toBeGreaterThan(60);
    expect(streams.length).toBeGreaterThan(20);
    expect(results.length).toBeGreaterThan(15);
  });

  test('a request goes back to its own protocol with the same meaning', () => {
    for (const { name, body } of requests) {
      expect({ name, back: meaning(there(body)) }).toEqual({ name, back: meaning(body) });
    }
  });

  test('a stream written again folds to the same reply', () => {
    for (const { name, frames } of streams) {
      const reply = fold(decodeStream(frames));
      const again = fold(decodeStream(framesOf(encodeStream(decodeStream(frames)))));
      expect({ name, reply: settled(again) }).toEqual({ name, reply: settled(reply) });
    }
  });

  test('a result written again is the same result', () => {
    for (const { name, body } of results) {
      const reply = fold(googleGemini.decodeResult(body as JsonObject, source));
      const { body: back } = googleGemini.encodeResult(reply, context);
      const again = fold(googleGemini.decodeResult(back, source));
      expect({ name, reply: settled(again) }).toEqual({ name, reply: settled(reply) });
      expect({ name, back: plain(back) }).toEqual({ name, back: plain(body as JsonObject) });
    }
  });

  test('a folded stream is the result that the same reply gives unstreamed', () => {
    for (const { name, frames } of streams) {
      const reply = fold(decodeStream(frames));
      const { body } = googleGemini.encodeResult(reply, context);
      const unstreamed = fold(googleGemini.decodeResult(body, source));
      expect({ name, reply: settled(unstreamed) }).toEqual({ name, reply: settled(reply) });
    }
  });

  test('replies of every protocol are legal here, streamed or not', () => {
    for (const protocol of [...others, googleGemini]) {
      for (const fixture of streamFixtures(protocol.id)) {
        const frames = framesOf(fixture.blocks.map((block) => `${block.text}\n\n`).join(''));
        const decoder = protocol.streamDecoder(source);
        const events: Parameters<typeof encodeStream>[0][number][] = [];
        for (const frame of frames) decoder.decode(frame, events);
        decoder.end(events);
        const chunks = chunksOf(encodeStream(events));
        const faults = chunks
          .filter((chunk) => chunk.error === undefined)
          .flatMap((chunk) => resultSchemaFaults('google-gemini', chunk));
        const { body } = googleGemini.encodeResult(fold(events), context);
        faults.push(...resultSchemaFaults('google-gemini', body));
        // What only Vertex has goes on as it came, and so does an image that a recorder cut.
        const usual = /"(citations|trafficType)"|inlineData\/data must match/;
        const unknown = faults.filter((fault) => !usual.test(fault));
        expect({ name: fixture.name, unknown }).toEqual({ name: fixture.name, unknown: [] });
      }
    }
  });

  test('requests of every protocol are legal here', () => {
    for (const protocol of others) {
      const bodies = [
        ...requestFixtures(protocol.id).map(({ name, body }) => ({ name, body: body as JsonObject })),
        ...parallelCases().flatMap(({ name, sides }) => {
          const side = sides[protocol.id];
          return [side?.request, side?.followup_request]
            .filter((body) => body !== undefined)
            .map((body, i) => ({ name: `${name}#${i}`, body: body as JsonObject }));
        }),
      ];
      for (const { name, body } of bodies) {
        const request = protocol.decodeRequest(structuredClone(body));
        const { body: written } = googleGemini.encodeRequest(request, target);
        expect({ name, faults: requestSchemaFaults('google-gemini', written) }).toEqual({ name, faults: [] });
      }
    }
  });
});

/** A reply without what some recordings lack, and is filled in then: date, id and model. */
function settled(reply: Reply): unknown {
  const { created: _c, id: _i, model: _m, ...rest } = JSON.parse(JSON.stringify(reply)) as Reply;
  return rest;
}

/** A response without what only Vertex adds and what says nothing: empty texts and members, candidate indexes. */
function plain(body: JsonObject): unknown {
  return clean(body, new Set(['createTime', 'index', 'id', 'modelVersion', 'responseId']));
}

/** A request with its contents joined as the API joins them, and without what says nothing. */
function meaning(body: JsonObject): unknown {
  const { contents, model: _m, stream: _s, ...rest } = body;
  const joined: { role: unknown; parts: JsonObject[] }[] = [];
  for (const content of contents as JsonObject[]) {
    const role = content.role ?? 'user';
    const last = joined.at(-1);
    const parts = (content.parts ?? []) as JsonObject[];
    if (role === 'model' && last?.role === 'model') last.parts.push(...parts);
    else joined.push({ role, parts: [...parts] });
  }
  const instruction = rest.systemInstruction as JsonObject | undefined;
  if (instruction) rest.systemInstruction = { parts: instruction.parts };
  return clean(
    { ...rest, contents: joined.map(({ role, parts }) => ({ role, parts: texts(parts) })) as never },
    new Set(),
  );
}

/** Texts that follow one another and carry nothing more are one. */
function texts(parts: readonly JsonObject[]): JsonObject[] {
  const out: JsonObject[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    const isBare = (one: JsonObject | undefined) =>
      typeof one?.text === 'string' && one.thoughtSignature === undefined;
    if (last && isBare(last) && isBare(part) && last.thought === part.thought)
      last.text = `${String(last.text)}${String(part.text)}`;
    else out.push({ ...part });
  }
  return out;
}

function clean(value: unknown, skip: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => clean(one, skip));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !skip.has(key) && member !== undefined && !isNothing(key, member))
      .map(([key, member]) => [key, clean(member, skip)]),
  );
}

const isNothing = (key: string, member: unknown): boolean =>
  (key === 'generationConfig' || key === 'content' || key === 'groundingMetadata' || key === 'args') &&
  typeof member === 'object' &&
  member !== null &&
  (Object.keys(member).length === 0 || (Object.keys(member).length === 1 && 'role' in member));
