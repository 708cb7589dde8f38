import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { embeddingsUsage } from '../../src/protocols/embeddings.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { corpusAvailable, corpusJson } from '../support/corpus.ts';

const routes: readonly (readonly [Protocol, string, string])[] = [
  [anthropicMessages, 'anthropic.openapi.json', 'CountMessageTokensParams'],
  [openaiResponses, 'openai.openapi.json', 'TokenCountsBody'],
  [googleGemini, 'gemini.openapi.json', 'CountTokensRequest'],
];

describe.skipIf(!corpusAvailable)('a question for a count', () => {
  test.each(routes)('has the members of the API’s description: %#', ({ count }, file, schema) => {
    const document = corpusJson(`specs/${file}`) as {
      components: { schemas: Record<string, { properties: JsonObject }> };
    };
    const described = Object.keys(document.components.schemas[schema]!.properties);
    const every = Object.fromEntries([...described, 'temperature', 'stream'].map((name) => [name, {}]));
    const asked = Object.keys(count!.question(every, 'm'));
    expect(asked.filter((name) => !described.includes(name))).toEqual([]);
    if (schema !== 'CountTokensRequest') expect(asked.toSorted()).toEqual(described.toSorted());
  });
});

describe('an answer with a count', () => {
  test.each(routes)('is read as it is written: %#', ({ count }) => {
    expect(count!.read(count!.write(42))).toBe(42);
    expect(count!.read(count!.write(0))).toBe(0);
  });

  test.each(routes)('without a number of tokens is none: %#', ({ count }) => {
    for (const value of ['42', -1, null]) {
      expect(count!.read({ input_tokens: value, totalTokens: value })).toBeUndefined();
    }
  });
});

describe('a question in Gemini', () => {
  const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
  const systemInstruction = { parts: [{ text: 'be brief' }] };

  test('is about bare contents or about a whole request, by either of its names', () => {
    const { turnOf } = googleGemini.count!;
    const whole = { contents, systemInstruction };
    expect(turnOf({ model: 'm', contents })).toEqual({ model: 'm', contents });
    for (const name of ['generateContentRequest', 'generate_content_request']) {
      expect(turnOf({ model: 'm', [name]: { model: 'models/x', ...whole } })).toMatchObject({
        model: 'm',
        ...whole,
      });
    }
  });

  test('to an upstream is about a whole request, because contents alone have no instructions', () => {
    const { question } = googleGemini.count!;
    expect(question({ contents, systemInstruction }, 'm')).toEqual({
      generateContentRequest: { model: 'models/m', contents, systemInstruction },
    });
    expect(question({ contents }, 'tunedModels/t')).toMatchObject({
      generateContentRequest: { model: 'tunedModels/t' },
    });
  });
});

describe('the usage of embeddings', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  test('is found behind any number of vectors', () => {
    const vector = `[${'0.123,'.repeat(10_000)}1]`;
    const openai = `{"data":[{"embedding":${vector}}],"usage":{"total_tokens":9, "prompt_tokens": 8}}`;
    expect(embeddingsUsage('openai-chat', bytes(openai))).toEqual({ fresh: 8 });
    const gemini = `{"usageMetadata":{"promptTokenCount":3},"embeddings":[{"values":${vector}}]}`;
    expect(embeddingsUsage('google-gemini', bytes(gemini))).toEqual({ fresh: 3 });
  });

  test('is unknown where the upstream does not state it', () => {
    expect(embeddingsUsage('openai-chat', bytes('{"data":[]}'))).toBeUndefined();
    expect(embeddingsUsage('openai-chat', bytes('{"data":[],"usage":null}'))).toBeUndefined();
  });
});
