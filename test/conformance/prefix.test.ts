/** Upstreams cache by prefix: what a conversation was sent as must not change when it goes on. */
import { describe, expect, test } from 'bun:test';
import { asArray, type Json, type JsonObject } from '../../src/turn/json.ts';
import { corpusAvailable } from '../support/corpus.ts';
import { has, list, object, string } from './canonical/read.ts';
import { type Surface, surfaces } from './finish.ts';
import { protocols } from './protocols.ts';
import { recordedRequests } from './recorded-requests.ts';

describe.skipIf(!corpusAvailable)('recorded conversations', () => {
  const abilities = { modernChat: true, reasoningContent: true };

  /** The conversation as it goes up, an entry a message or item; in Gemini a part, since what one says is joined. */
  function sentList(surface: Surface, upstream: Surface, body: JsonObject): string[] {
    // Gemini says the model in the path.
    const request = protocols[surface].decodeRequest({ ...structuredClone(body), model: 'm' });
    const sent = protocols[upstream].encodeRequest(request, { model: 'm', issuer: 'up', abilities }).body;
    const entries = asArray(sent.messages ?? sent.input ?? sent.contents);
    if (upstream !== 'google-gemini') return entries.map((entry) => JSON.stringify(entry));
    return entries
      .map(object)
      .flatMap(({ role, parts }) => list(parts).map((part) => JSON.stringify([role, part])));
  }

  for (const surface of surfaces) {
    test(`of ${surface} begin, in their next turn, as they were sent before`, () => {
      const broken: string[] = [];
      let compared = 0;
      for (const { name, body, surface: own } of recordedRequests()) {
        if (own !== surface) continue;
        const key = protocols[surface].conversation;
        const list = asArray(body[key]);
        for (const upstream of surfaces) {
          let before: string[] = [];
          for (const end of turnEnds(list)) {
            if (body.thread) continue;
            const now = sentList(surface, upstream, { ...body, [key]: list.slice(0, end) });
            const at = before.findIndex((entry, i) => entry !== now[i]);
            if (at >= 0) broken.push(`${name} → ${upstream}: entry ${at} of the turn at ${end}: ${now[at]}`);
            if (before.length > 0) compared += 1;
            before = now;
          }
        }
      }
      expect(broken).toEqual([]);
      expect(compared).toBeGreaterThan(10);
    });
  }
});

/** Where a client asks: after its own words and results, before what the model said to them. */
function turnEnds(list: readonly Json[]): number[] {
  const isModel = list.map((entry) => {
    const { role, type } = object(entry);
    if (has(role)) return role === 'assistant' || role === 'model';
    return !/_output$|^additional_tools$|^configuration_update$/.test(string(type));
  });
  return list.flatMap((_, i) => (!isModel[i] && (i + 1 === list.length || isModel[i + 1]) ? [i + 1] : []));
}
