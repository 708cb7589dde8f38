import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import { requestText } from '../../src/tokens/request-text.ts';
import { sampleOf } from '../../src/tokens/sample.ts';
import type { Json, JsonObject } from '../../src/turn/json.ts';

const messages = (content: Json, more: JsonObject = {}) =>
  requestText(
    anthropicMessages.decodeRequest({ model: 'm', messages: [{ role: 'user', content }], ...more }),
  );

describe('what a model reads of a request', () => {
  test('is its instructions, text, calls, results and tools', () => {
    const { texts, plain } = requestText(
      anthropicMessages.decodeRequest({
        model: 'm',
        system: 'SYSTEM',
        messages: [
          { role: 'user', content: 'QUESTION' },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'THOUGHT', signature: 'c2VhbA==' },
              { type: 'tool_use', id: 'toolu_1', name: 'CALLED', input: { city: 'ARGUMENT' } },
            ],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'RESULT' }] },
        ],
        tools: [
          { name: 'CALLED', description: 'DESCRIBED', input_schema: { type: 'object', title: 'SCHEMA' } },
        ],
      }),
    );
    const all = texts.join('\n');
    for (const word of [
      'SYSTEM',
      'QUESTION',
      'THOUGHT',
      'CALLED',
      'ARGUMENT',
      'RESULT',
      'DESCRIBED',
      'SCHEMA',
    ]) {
      expect(all).toContain(word);
    }
    expect(all).not.toContain('c2VhbA==');
    expect(plain).toBe(true);
  });

  test('has the marks around each message beside its text', () => {
    const one = messages('hi').fixedTokens;
    const two = requestText(
      anthropicMessages.decodeRequest({
        model: 'm',
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'hi' },
        ],
      }),
    ).fixedTokens;
    expect(one).toBeGreaterThan(0);
    expect(two).toBeGreaterThan(one);
  });

  test('counts a picture by a constant and not by its base64', () => {
    const bare = messages('hi');
    const pictured = messages([
      { type: 'text', text: 'hi' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(400_000) } },
    ]);
    expect(pictured.fixedTokens - bare.fixedTokens).toBe(1_000);
    expect(pictured.texts.join('').length).toBeLessThan(100);
    expect(pictured.plain).toBe(false);
  });

  test('counts a document by its size, and one of plain text by its text', () => {
    const base64 = (bytes: number) =>
      messages([
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat((bytes * 4) / 3) },
        },
      ]).fixedTokens;
    expect(base64(600_000)).toBeGreaterThan(base64(60_000));
    const text = messages([
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'CONTRACT' } },
    ]);
    expect(text.texts.join('')).toContain('CONTRACT');
    expect(text.plain).toBe(true);
  });

  test('is not all there where the upstream keeps the conversation', () => {
    const request = { model: 'm', input: 'hi', previous_response_id: 'resp_1' };
    expect(requestText(openaiResponses.decodeRequest(request)).plain).toBe(false);
  });
});

describe('a long text', () => {
  test('is taken whole up to the bound', () => {
    expect(sampleOf(['a', 'b'], 100)).toEqual({ text: 'a\nb', scale: 1 });
  });

  test('is sampled evenly beyond it, and scaled by what was left out', () => {
    const whole = ['x'.repeat(500_000), 'y'.repeat(500_000)];
    const { text, scale } = sampleOf(whole, 100_000);
    expect(text.length).toBeLessThanOrEqual(100_000);
    expect(text.length * scale).toBeCloseTo(1_000_001, 0);
    const share = text.split('').filter((letter) => letter === 'x').length / text.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });
});
