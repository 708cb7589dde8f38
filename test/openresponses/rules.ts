import { count, has, list, object, string } from '../conformance/canonical/read.ts';
import { terminalTypes, type Exchange, type Json } from './exchange.ts';
import { eventFaults, schemaFaults } from './schema.ts';

/**
 * What the specification finds wrong with a reply that is not a refusal, streamed or whole: one line a fault.
 * The cases of the table then judge its meaning.
 */
export function replyFaults(exchange: Exchange): string[] {
  if (exchange.status !== 200) return [`HTTP ${exchange.status}: ${exchange.text}`];
  const faults = exchange.stream ? streamFaults(exchange) : wholeFaults(exchange);
  return [...faults, ...responseFaults(exchange.response)];
}

/** What is wrong with a refusal: its status and the shape of the error object. */
export function refusalFaults({ status, contentType, response, text }: Exchange): string[] {
  const faults: string[] = [];
  if (status < 400) faults.push(`HTTP ${status} where an error was due: ${text.slice(0, 200)}`);
  if (!contentType.startsWith('application/json')) faults.push(`an error of type ${contentType}`);
  faults.push(...schemaFaults('ErrorPayload', response['error']).map((fault) => `error${fault}`));
  return faults;
}

function wholeFaults({ contentType }: Exchange): string[] {
  return contentType.startsWith('application/json') ? [] : [`content-type is ${contentType}`];
}

const statuses = new Set(['completed', 'incomplete', 'failed', 'in_progress', 'queued', 'cancelled']);

function responseFaults(response: Json): string[] {
  const faults = schemaFaults('ResponseResource', response).map((fault) => `ResponseResource${fault}`);
  const status = string(response['status']);
  if (response['object'] !== 'response') faults.push(`object is ${String(response['object'])}`);
  if (!statuses.has(status)) faults.push(`status is ${status}`);
  if (has(response['incomplete_details']) !== (status === 'incomplete')) {
    faults.push(`status ${status} with incomplete_details ${JSON.stringify(response['incomplete_details'])}`);
  }
  if (has(response['error']) !== (status === 'failed')) faults.push(`status ${status} with error`);
  if (has(response['completed_at']) !== (status === 'completed'))
    faults.push(`status ${status} with completed_at`);
  const output = list(response['output']);
  const ids = output.map((item) => item['id']);
  if (new Set(ids).size < ids.length || !ids.every((id) => typeof id === 'string' && id !== '')) {
    faults.push(`item ids are ${JSON.stringify(ids)}`);
  }
  output.forEach((item, i) => {
    if (item['status'] === 'in_progress') faults.push(`item ${i} is still in progress`);
    if (item['status'] !== 'incomplete') return;
    if (i < output.length - 1) faults.push(`item ${i} is incomplete and not the last`);
    if (status === 'completed') faults.push(`item ${i} is incomplete in a completed response`);
  });
  return faults;
}

function streamFaults(exchange: Exchange): string[] {
  const { blocks, events, contentType, text } = exchange;
  const faults: string[] = [];
  if (!contentType.startsWith('text/event-stream')) faults.push(`content-type is ${contentType}`);
  blocks.forEach(({ event, data }, i) => {
    // The specification's text asks for [DONE], its test suite and OpenAI's own API do without.
    if (data === '[DONE]') {
      if (i < blocks.length - 1) faults.push('an event after [DONE]');
    } else if (event !== object(JSON.parse(data!))['type']) {
      faults.push(`event: ${event} carries ${data!.slice(0, 60)}`);
    }
  });
  if (/^id:/m.test(text)) faults.push('an SSE id');
  events.forEach((event, i) => {
    if (event['sequence_number'] !== i)
      faults.push(`event ${i} has number ${String(event['sequence_number'])}`);
    faults.push(...eventFaults(event));
  });
  return [...faults, ...lifecycleFaults(events), ...itemFaults(events)];
}

function lifecycleFaults(events: readonly Json[]): string[] {
  const faults: string[] = [];
  const types = events.map((event) => string(event['type']));
  if (types[0] !== 'response.created') faults.push(`the stream begins with ${types[0]}`);
  const ends = types.filter((type) => terminalTypes.has(type));
  if (ends.length !== 1) faults.push(`${ends.length} terminal events`);
  if (!terminalTypes.has(types.at(-1) ?? '')) faults.push(`the stream ends with ${types.at(-1)}`);
  const error = types.indexOf('error');
  if (error >= 0 && types[error + 1] !== 'response.failed')
    faults.push('error is not followed by response.failed');
  const snapshots = events.filter((event) => has(event['response']));
  for (const { type, response } of snapshots) {
    const { id, status } = object(response);
    if (id !== object(snapshots[0]!['response'])['id']) faults.push(`${string(type)} has another id`);
    const due = string(type) === 'response.created' ? 'in_progress' : string(type).slice('response.'.length);
    if (status !== due) faults.push(`${string(type)} has status ${string(status)}`);
  }
  return faults;
}

interface OpenItem {
  readonly added: Json;
  readonly parts: Map<string, { text: string; state: 'open' | 'said' | 'done' }>;
  done?: Json;
}

/** The life of each item: added, its content opened, streamed, said and closed, then done, as in the final output. */
function itemFaults(events: readonly Json[]): string[] {
  const faults: string[] = [];
  const items: OpenItem[] = [];
  const failed = events.some((event) => event['type'] === 'response.failed');
  for (const event of events) {
    const type = string(event['type']);
    const place = event['output_index'];
    if (place === undefined) continue;
    const at = `${type} at ${String(place)}`;
    if (type === 'response.output_item.added') {
      const added = object(event['item']);
      if (place !== items.length) faults.push(`${at}: the next place is ${items.length}`);
      if (has(added['status']) && added['status'] !== 'in_progress') faults.push(`${at}: not in progress`);
      items.push({ added, parts: new Map() });
      continue;
    }
    const item = items[count(place)];
    if (!item || item.done) {
      faults.push(`${at}: the item is ${item ? 'done' : 'not added'}`);
    } else if (type === 'response.output_item.done') {
      item.done = object(event['item']);
      if (item.done['id'] !== item.added['id']) faults.push(`${at}: the id changed`);
      for (const [key, { state }] of item.parts)
        if (state !== 'done') faults.push(`${at}: ${key} is ${state}`);
    } else {
      if (event['item_id'] !== item.added['id']) faults.push(`${at}: item_id is ${String(event['item_id'])}`);
      faults.push(...contentFaults(event, item, type).map((fault) => `${at}: ${fault}`));
    }
  }
  const last = object(events.findLast((event) => has(event['response']))?.['response']);
  const done = items.flatMap((item) => (item.done ? [item.done] : []));
  if (done.length < items.length && !failed) faults.push('an item is never done');
  if (JSON.stringify(done) !== JSON.stringify(last['output']))
    faults.push('the final output is not the items as done');
  return faults;
}

function contentFaults(event: Json, item: OpenItem, type: string): string[] {
  const [, what = '', step = ''] = /^response\.(.+)\.(\w+)$/.exec(type) ?? [];
  const key =
    what === 'function_call_arguments'
      ? 'arguments'
      : what.startsWith('reasoning_summary')
        ? `summary ${String(event['summary_index'])}`
        : `content ${String(event['content_index'])}`;
  const part = item.parts.get(key);
  if (what.endsWith('_part')) {
    if (step === 'added') {
      item.parts.set(key, { text: '', state: 'open' });
      return part ? [`${key} is added again`] : [];
    }
    if (part?.state !== 'said') return [`${key} is closed before its text is`];
    part.state = 'done';
    const { text, refusal } = object(event['part']);
    return (text ?? refusal) === part.text ? [] : [`${key} is not what its deltas said`];
  }
  if (what.endsWith('annotation')) return part ? [] : [`${key} is not open`];
  if (!part && key !== 'arguments') return [`${key} is not open`];
  const known = part ?? { text: '', state: 'open' as const };
  item.parts.set(key, known);
  if (known.state !== 'open') return [`${key} goes on after its end`];
  if (step === 'delta') {
    known.text += string(event['delta']);
    return [];
  }
  known.state = key === 'arguments' ? 'done' : 'said';
  const whole = event['text'] ?? event['refusal'] ?? event['arguments'];
  return whole === known.text ? [] : [`${key} is not what its deltas said`];
}
