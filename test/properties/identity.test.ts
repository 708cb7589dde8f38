import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { asked, seed, target } from './protocols.ts';

for (const { protocol, request, modelInPath } of asked) {
  test(`a generated request of ${protocol.id} goes back to its own protocol as it came`, () => {
    fc.assert(
      fc.property(request, (body) => {
        const before = JSON.stringify(body);
        const { body: back, notes } = protocol.encodeRequest(protocol.decodeRequest(body), target);
        const { model, ...rest } = body;
        expect(JSON.parse(JSON.stringify(back))).toEqual(modelInPath ? rest : { model, ...rest });
        expect(notes).toEqual([]);
        expect(JSON.stringify(body)).toBe(before);
      }),
      { seed, numRuns: 400 },
    );
  }, 60_000);
}
