import type { Payload } from './canonical.ts';
import { list, object, string } from './canonical/read.ts';
import type { Surface } from './finish.ts';

/** What is wrong with the numbers and ids that tie a stream's events together: one line a fault. */
export function numberingFaults(surface: Surface, events: readonly Payload[]): string[] {
  switch (surface) {
    case 'openai-chat':
      return chatFaults(events);
    case 'openai-responses':
      return responsesFaults(events);
    case 'anthropic-messages': {
      const starts = events
        .filter((event) => event['type'] === 'content_block_start')
        .map((event) => event['index']);
      return dense('block index', starts);
    }
    case 'google-gemini': {
      const indexes = events.flatMap((chunk) => list(chunk['candidates'])).map(({ index }) => index ?? 0);
      return dense('candidate index', [...new Set(indexes)].sort());
    }
  }
}

/** The values must be 0, 1, 2 … in this order. */
function dense(what: string, values: readonly unknown[]): string[] {
  const at = values.findIndex((value, i) => value !== i);
  return at < 0 ? [] : [`${what} ${at} is ${String(values[at])}`];
}

function chatFaults(events: readonly Payload[]): string[] {
  const choices = new Map<unknown, unknown[]>();
  for (const chunk of events) {
    for (const choice of list(chunk['choices'])) {
      const seen = choices.get(choice['index']) ?? [];
      choices.set(choice['index'], seen);
      for (const call of list(object(choice['delta'])['tool_calls'])) {
        if (!seen.includes(call['index'])) seen.push(call['index']);
      }
    }
  }
  return [
    ...dense('choice index', [...choices.keys()].sort()),
    ...[...choices.values()].flatMap((seen) => dense('tool call index', seen)),
  ];
}

function responsesFaults(events: readonly Payload[]): string[] {
  const faults = dense(
    'sequence_number',
    events.map((event) => event['sequence_number']),
  );
  const ids = new Map<unknown, string>();
  const parts = new Map<string, unknown[]>();
  const outputs: unknown[] = [];
  for (const event of events) {
    const output = event['output_index'];
    if (output === undefined) continue;
    const type = string(event['type']);
    if (type === 'response.output_item.added') {
      outputs.push(output);
      ids.set(output, string(object(event['item'])['id']));
      if (ids.get(output) === '') faults.push(`item ${String(output)} has no id`);
    }
    const id = string(event['item_id']) || string(object(event['item'])['id']);
    if (id !== '' && ids.has(output) && ids.get(output) !== id) {
      faults.push(`item_id of item ${String(output)} changes in ${type}`);
    }
    for (const key of ['content_index', 'summary_index']) {
      if (!type.endsWith('_part.added') || event[key] === undefined) continue;
      const place = `${key} of item ${String(output)}:`;
      parts.set(place, [...(parts.get(place) ?? []), event[key]]);
    }
  }
  faults.push(...dense('output_index', outputs));
  for (const [place, values] of parts) faults.push(...dense(place, values));
  return faults;
}
