import { describe, expect, test } from 'bun:test';
import { shapeResponses } from '../../../src/providers/gitlab/responses-body.ts';

const sealed = 'reasoning.encrypted_content';
const shaped = (text: string, isKept = true): string =>
  new TextDecoder().decode(shapeResponses(Buffer.from(text), isKept).body);

describe('a Responses request', () => {
  test.each([
    ['{"model":"m","input":"hi"}', `{"model":"m","input":"hi","store":false,"include":["${sealed}"]}`],
    [
      '{ "model" : "m", "store": true, "input":"\\u00e9" }\n',
      `{ "model" : "m", "store": false, "input":"\\u00e9" ,"include":["${sealed}"]}\n`,
    ],
    [
      '{"include":["a"],"model":"m","store":false}',
      `{"include":["a","${sealed}"],"model":"m","store":false}`,
    ],
    [
      `{"model":"m","include":["${sealed}"],"store":false,"big":12345678901234567890}`,
      `{"model":"m","include":["${sealed}"],"store":false,"big":12345678901234567890}`,
    ],
    ['{"model":"m","store":null,"include":null}', `{"model":"m","store":false,"include":["${sealed}"]}`],
    // The vendor says itself what is wrong with this.
    ['{"model":"m","store":false,"include":"x"}', '{"model":"m","store":false,"include":"x"}'],
    [
      '{"model":"m","store":true,"store":false}',
      `{"model":"m","store":true,"store":false,"include":["${sealed}"]}`,
    ],
  ])('%s', (given, wanted) => expect(shaped(given)).toBe(wanted));

  test('that is large, and names the same words in its conversation, changes at its top only', () => {
    const input = [
      { role: 'user', content: `"store": true ${'x'.repeat(40_000)}` },
      { type: 'function_call', arguments: '{"store":true,"include":[]}', store: true, include: ['b'] },
    ];
    const text = JSON.stringify({ model: 'm', input, tools: [] });
    const body = JSON.parse(shaped(text)) as Record<string, unknown>;
    expect(body).toEqual({ model: 'm', input, tools: [], store: false, include: [sealed] });
  });

  test('whose storing is lost says so, unless its conversation is kept here', () => {
    const body = Buffer.from('{"model":"m","store":true}');
    expect(shapeResponses(body, true).notes).toEqual([]);
    expect(shapeResponses(body, false).notes).toMatchObject([{ path: 'store', weight: 'degrade' }]);
    expect(shapeResponses(Buffer.from('{"model":"m"}'), false).notes).toEqual([]);
  });

  test.each([
    ['previous_response_id', '"resp_1"', 'previous_response_not_found'],
    ['conversation', '"conv_1"', 'conversation_not_found'],
    ['conversation', '{"id":"conv_1"}', 'conversation_not_found'],
  ])('with a %s that only its vendor could know is refused', (param, value, code) => {
    const work = (): unknown => shapeResponses(Buffer.from(`{"model":"m","${param}":${value}}`), true);
    expect(work).toThrow(/not found/);
    try {
      work();
    } catch (error) {
      expect((error as { failure: object }).failure).toMatchObject({
        scope: 'request',
        status: 400,
        param,
        code,
      });
    }
  });
});
