import { describe, expect, test } from 'bun:test';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { Json, JsonObject } from '../../../src/turn/json.ts';
import { grammarFaults } from '../../conformance/grammar.ts';
import { numberingFaults } from '../../conformance/numbering.ts';
import {
  blocksOfSse,
  corpusAvailable,
  corpusRoot,
  payloadsOf,
  streamFixtures,
} from '../../support/corpus.ts';
import { decodeEvents, encodeText } from './support.ts';

const recorded = corpusAvailable ? describe : describe.skip;

/** Numbers from 0 to 1, the same ones in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
}

type Damage = (events: JsonObject[], next: () => number) => void;
const at = (events: JsonObject[], next: () => number): number => Math.floor(next() * events.length);

const damages: Record<string, Damage> = {
  'events missing': (events, next) => void events.splice(at(events, next), 1),
  'events repeated': (events, next) => {
    const event = events[at(events, next)]!;
    events.splice(at(events, next), 0, structuredClone(event));
  },
  'events in another order': (events, next) => {
    const [a, b] = [at(events, next), at(events, next)];
    [events[a], events[b]] = [events[b]!, events[a]!];
  },
  'members of another type': (events, next) => {
    const event = events[at(events, next)]!;
    const keys = Object.keys(event).filter((key) => key !== 'type');
    const values: Json[] = [null, 3, 'x', [], {}];
    const key = keys[Math.floor(next() * keys.length)];
    if (key !== undefined) event[key] = values[Math.floor(next() * values.length)];
  },
};

recorded(`damaged Responses streams (${corpusRoot})`, () => {
  for (const [name, damage] of Object.entries(damages)) {
    test(`with ${name} still end once, with parts that start and end, in the full grammar`, () => {
      const next = numbers(7);
      for (const fixture of streamFixtures('openai-responses')) {
        for (let round = 0; round < 4; round++) {
          const payloads = structuredClone(payloadsOf(fixture.blocks)) as JsonObject[];
          const events =
            payloads.length > 100 ? [...payloads.slice(0, 60), ...payloads.slice(-40)] : payloads;
          for (let times = 0; times < 3; times++) damage(events, next);
          const faults = faultsOf(decodeEvents(events));
          expect({ fixture: fixture.name, round, faults }).toEqual({
            fixture: fixture.name,
            round,
            faults: [],
          });
        }
      }
    });
  }
});

function faultsOf(events: TurnEvent[]): string[] {
  const faults: string[] = [];
  const open = new Set<number>();
  let next = 0;
  for (const event of events) {
    if (event.kind === 'part_start') {
      if (event.index !== next++) faults.push(`part ${event.index} is out of order`);
      open.add(event.index);
    } else if (event.kind === 'part_delta' && !open.has(event.index)) {
      faults.push(`a delta for part ${event.index}, which is not open`);
    } else if (event.kind === 'part_end' && !open.delete(event.index)) {
      faults.push(`part ${event.index} ends twice`);
    }
  }
  const ends = events.filter((event) => event.kind === 'stop' || event.kind === 'error');
  if (ends.length !== 1 || ends[0] !== events.at(-1)) faults.push(`${ends.length} ends`);
  const failed = ends[0]?.kind === 'error';
  if (!failed && open.size > 0) faults.push('parts are left open');

  // Events outside the model are passed on as they came, damage and all.
  const modelled = events.filter((event) => event.kind !== 'native');
  const blocks = blocksOfSse(encodeText(modelled).join('')).filter((block) => block.data !== undefined);
  const written = [
    ...grammarFaults('openai-responses', blocks),
    ...numberingFaults('openai-responses', payloadsOf(blocks)),
  ];
  // After a failure, what was half done stays open.
  return [...faults, ...written.filter((fault) => !failed || !fault.endsWith('is never done'))];
}
