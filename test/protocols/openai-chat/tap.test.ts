import { describe, expect, test } from 'bun:test';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { streamTap } from '../../../src/protocols/tap.ts';
import { corpusAvailable, streamFixtures } from '../../support/corpus.ts';
import { decodeChunks, foldOf } from './support.ts';

const recorded = corpusAvailable ? describe : describe.skip;

recorded('a tap sees what the decoder sees', () => {
  for (const fixture of streamFixtures('openai-chat')) {
    test(fixture.name, () => {
      const tap = streamTap(openaiChat.tap);
      for (const { text } of fixture.blocks) tap.push(new TextEncoder().encode(`${text}\n\n`));
      tap.end();
      const reply = foldOf(decodeChunks(fixture.blocks.flatMap(({ data }) => data ?? [])));
      expect(tap.sight.done).toBe(true);
      expect(tap.sight.id).toBe(reply.id!);
      expect(tap.sight.model).toBe(reply.model!);
      expect(tap.sight.usage ?? {}).toEqual(reply.usage);
      expect(tap.sight.stop?.raw).toBe(reply.choices[0]!.stop!.raw!);
      expect(tap.sight.failure).toBeUndefined();
    });
  }
});

describe('a tap', () => {
  test('sees an error chunk', () => {
    const tap = streamTap(openaiChat.tap);
    tap.push(
      new TextEncoder().encode(
        'data: {"id":"a","choices":[]}\n\ndata: {"error":{"message":"no","code":429}}\n\n',
      ),
    );
    expect(tap.sight.failure).toMatchObject({ kind: 'rate_limited', message: 'no' });
  });

  test('reads a whole result', () => {
    const sight = { done: false };
    openaiChat.tap.observeResult(
      {
        id: 'a',
        model: 'm',
        choices: [{ index: 0, finish_reason: 'length' }],
        usage: { prompt_tokens: 2, completion_tokens: 1 },
      },
      sight,
    );
    expect(sight).toMatchObject({
      id: 'a',
      model: 'm',
      done: true,
      stop: { reason: 'length' },
      usage: { fresh: 2, output: 1 },
    });
  });
});
