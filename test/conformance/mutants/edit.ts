import type { Payload } from '../canonical.ts';

/** Plants a fault in the events of a legal stream. */
export type Mutate = (events: Payload[]) => Payload[];

/** Replaces text in the JSON of the whole stream, so that deltas, `done` events and final objects change alike. */
export const replace =
  (from: string, to: string): Mutate =>
  (events) => {
    const before = JSON.stringify(events);
    const after = before.replaceAll(from, to);
    if (after === before) throw new Error(`the mutant changes nothing: ${from} does not occur`);
    return JSON.parse(after) as Payload[];
  };

/** Leaves out the events that have this text. */
export const drop =
  (text: string): Mutate =>
  (events) => {
    const kept = events.filter((event) => !JSON.stringify(event).includes(text));
    if (kept.length === events.length) throw new Error(`the mutant changes nothing: ${text} does not occur`);
    return renumbered(kept);
  };

/** Lets the first events with these texts change places. */
export const swap =
  (first: string, second: string): Mutate =>
  (events) => {
    const at = (part: string): number => events.findIndex((event) => JSON.stringify(event).includes(part));
    const [i, j] = [at(first), at(second)];
    if (i < 0 || j < 0) throw new Error('the mutant changes nothing');
    const out = [...events];
    [out[i], out[j]] = [out[j]!, out[i]!];
    return renumbered(out);
  };

/** Numbers stay dense, so that what moved is found by what it says and not by its number. */
export const renumbered = (events: readonly Payload[]): Payload[] =>
  events.map((event, i) => ('sequence_number' in event ? { ...event, sequence_number: i } : event));
