import type { TurnEvent } from '../turn/event.ts';
import type { ReasoningPart, Seal } from '../turn/part.ts';

/**
 * Gives `seal` to all reasoning of a reply that says something and that its maker has not sealed, for clients whose own upstreams refuse
 * reasoning without a seal: what comes back with it is known not to be theirs.
 *
 * @returns a function from the reply's events, piece by piece, to the same with seals
 */
export function sealUnsealed(seal: Seal): (events: readonly TurnEvent[]) => readonly TurnEvent[] {
  /** Reasoning that is open and has no seal yet, by choice and index, and whether it has said something. */
  const open = new Map<string, boolean>();

  function sealed(event: TurnEvent): TurnEvent[] {
    if (event.kind !== 'part_start' && event.kind !== 'part_delta' && event.kind !== 'part_end')
      return [event];
    const { choice, index } = event;
    const key = `${choice}/${index}`;
    if (event.kind === 'part_start') {
      if (event.part.kind === 'reasoning' && event.part.seal === undefined) open.set(key, says(event.part));
    } else if (event.kind === 'part_delta') {
      const { field, value } = event.delta;
      if (field === 'seal') open.delete(key);
      else if ((field === 'text' || field === 'summary') && value !== '' && open.has(key))
        open.set(key, true);
    } else {
      const said = open.get(key);
      open.delete(key);
      const { part } = event;
      if (part?.kind === 'reasoning' && part.seal === undefined && says(part))
        return [{ ...event, part: { ...part, seal } }];
      if (part === undefined && said) {
        return [{ kind: 'part_delta', choice, index, delta: { field: 'seal', value: seal } }, event];
      }
    }
    return [event];
  }

  return (events) => (open.size > 0 || events.some(isOfReasoning) ? events.flatMap(sealed) : events);
}

const says = ({ text, summary }: ReasoningPart): boolean =>
  (text ?? '') !== '' || (summary ?? []).some((section) => section !== '');

const isOfReasoning = (event: TurnEvent): boolean =>
  (event.kind === 'part_start' || event.kind === 'part_end') && event.part?.kind === 'reasoning';
