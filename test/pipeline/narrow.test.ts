import { describe, expect, test } from 'bun:test';
import { narrowBody, narrowBytes } from '../../src/pipeline/narrow.ts';
import { splice } from '../../src/protocols/json-scan.ts';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import type { JsonObject } from '../../src/turn/json.ts';

const allow = (...names: string[]) => new Set(names);

describe('leaving out what a provider does not take', () => {
  test('what is asked, of whom, and whether to stream always stays', () => {
    const body = { model: 'm', messages: [], stream: true, store: true, top_p: 1, seed: undefined };
    const narrowed = narrowBody(body, openaiChat, allow('top_p'));
    expect(narrowed.body).toEqual({ model: 'm', messages: [], stream: true, top_p: 1 });
    expect(narrowed.notes).toMatchObject([{ path: 'store', action: 'dropped', weight: 'degrade' }]);
  });

  test('that usage is not reported is no loss of meaning', () => {
    const body = { model: 'm', messages: [], stream_options: { include_usage: true } };
    expect(narrowBody(body, openaiChat, allow()).notes).toMatchObject([
      { path: 'stream_options', weight: 'note' },
    ]);
  });

  test('is told in the words of the client, whose request was written in others', () => {
    const cases: [Protocol, JsonObject, string][] = [
      [openaiChat, { max_tokens: 9 }, 'max_tokens'],
      [openaiChat, { max_completion_tokens: 9 }, 'max_completion_tokens'],
      [anthropicMessages, { max_tokens: 9 }, 'max_tokens'],
      [googleGemini, { generationConfig: { maxOutputTokens: 9 } }, 'generationConfig.maxOutputTokens'],
      [openaiChat, {}, 'max_output_tokens'],
    ];
    for (const [by, own, name] of cases) {
      const { notes } = narrowBody({ model: 'm', max_output_tokens: 9 }, openaiResponses, allow(), {
        by,
        body: own,
      });
      expect(notes.map(({ path }) => path)).toEqual([name]);
    }
  });
});

describe('cutting members out of a body’s bytes', () => {
  const cut = (text: string, allowed: string[], withoutModel = false) => {
    const bytes = new TextEncoder().encode(text);
    const { cuts, notes } = narrowBytes(bytes, openaiChat, allow(...allowed), withoutModel);
    return {
      text: new TextDecoder().decode(splice(bytes, cuts)),
      names: notes.map(({ path }) => path),
    };
  };

  test.each([
    ['{"model":"m"}', '{"model":"m"}'],
    ['{"x":1,"model":"m"}', '{"model":"m"}'],
    ['{"model":"m","x":1}', '{"model":"m"}'],
    ['{"model":"m","x":1,"messages":[]}', '{"model":"m","messages":[]}'],
    ['{"x":1,"y":[{"a":","}],"model":"m","x":2,"y":3}', '{"model":"m"}'],
    ['{ "x" : 1 , "y" : {} , "model" : "m" , "x" : 3 }', '{  "model" : "m" }'],
    ['{"x":1}', '{}'],
    ['{"x":1,"y":2}', '{}'],
    ['\ufeff{"x\\"y":1,"model":"m"}', '{"model":"m"}'],
    ['{\n  "x": "é},",\n  "model": "m"\n}', '{\n  "model": "m"\n}'],
  ])('%j becomes %j', (text, rest) => {
    expect(cut(text, []).text.replace(/\s+/g, ' ')).toBe(rest.replace(/\s+/g, ' '));
  });

  test('any choice of members leaves what parsing and picking would leave', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const body = Object.fromEntries(names.map((name, i) => [name, [i, name]]));
    for (const indent of [0, 2]) {
      for (let mask = 0; mask < 32; mask++) {
        const kept = names.filter((_, i) => mask & (1 << i));
        const result = cut(JSON.stringify(body, null, indent), kept);
        expect(JSON.parse(result.text)).toEqual(Object.fromEntries(kept.map((name) => [name, body[name]])));
        expect(result.names).toEqual(names.filter((name) => !kept.includes(name)));
      }
    }
  });

  test('the model’s name goes without a note where the path has it', () => {
    expect(cut('{"model":"models/a","x":1,"contents":[]}', ['contents'], true)).toEqual({
      text: '{"contents":[]}',
      names: ['x'],
    });
  });
});
