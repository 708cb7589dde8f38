import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Protocol } from '../../src/protocols/protocol.ts';
import type { Json, JsonObject } from '../../src/turn/json.ts';
import { type Asked, asked, seed, target } from './protocols.ts';

/** What an upstream caches before the conversation. */
const heads = ['system', 'instructions', 'systemInstruction', 'tools'] as const;

describe('a conversation that grows', () => {
  for (const from of asked) {
    for (const { protocol: to } of asked) {
      test(`from ${from.protocol.id} begins at ${to.id} with what was sent before`, () => {
        fc.assert(
          fc.property(grown(from), ([earlier, later]) => {
            const [before, after] = [earlier, later].map((body) => sent(from.protocol, to, body));
            fc.pre(before !== undefined && after !== undefined);
            const head = before[to.conversation] as JsonObject[];
            expect((after[to.conversation] as JsonObject[]).slice(0, head.length)).toEqual(head);
            for (const name of heads) expect(after[name]).toEqual(before[name] as Json);
          }),
          { seed, numRuns: 150 },
        );
      }, 60_000);
    }
  }
});

/** Two requests of one conversation, the second some turns after the first. */
function grown({
  protocol: { conversation },
  request,
  mayEnd,
}: Asked): fc.Arbitrary<[JsonObject, JsonObject]> {
  return fc.tuple(request, fc.nat()).map(([body, choice]) => {
    // What points at another upstream's memory is refused, and says nothing of what is sent.
    const entries = (body[conversation] as JsonObject[]).filter(({ type }) => type !== 'item_reference');
    const { previous_response_id: _, ...rest } = body;
    const later = { ...rest, [conversation]: entries };
    const ends = entries.flatMap((entry, i) =>
      i + 1 < entries.length && mayEnd(entry, entries[i + 1]!) ? [i + 1] : [],
    );
    const end = ends[choice % ends.length] ?? entries.length;
    return [{ ...later, [conversation]: entries.slice(0, end) }, later];
  });
}

/** What goes up; nothing where the request is refused for what this upstream cannot be told. */
function sent(from: Protocol, to: Protocol, body: JsonObject): JsonObject | undefined {
  const { body: written, notes } = to.encodeRequest(from.decodeRequest(body), target);
  if (notes.some(({ weight }) => weight === 'refuse')) return undefined;
  return JSON.parse(JSON.stringify(written)) as JsonObject;
}
