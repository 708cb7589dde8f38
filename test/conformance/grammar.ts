import type { SseBlock } from '../support/corpus.ts';
import { payloadsOf } from '../support/corpus.ts';
import type { Payload } from './canonical.ts';
import { count, has, list, object, string } from './canonical/read.ts';
import type { Surface } from './finish.ts';
import { geminiFaults } from './grammar/gemini.ts';

/** What is wrong with the order of a stream's events: one line a fault, none for a legal stream. */
export function grammarFaults(surface: Surface, blocks: readonly SseBlock[]): string[] {
  switch (surface) {
    case 'openai-chat':
      return chatFaults(blocks);
    case 'openai-responses':
      return [...framingFaults(blocks), ...responsesFaults(payloadsOf(blocks))];
    case 'anthropic-messages':
      return [...framingFaults(blocks), ...messagesFaults(payloadsOf(blocks))];
    case 'google-gemini':
      return geminiFaults(blocks);
  }
}

function framingFaults(blocks: readonly SseBlock[]): string[] {
  const faults: string[] = [];
  for (const { event, data } of blocks) {
    if (data === undefined) continue;
    let type: unknown;
    try {
      type = (JSON.parse(data) as Payload)['type'];
    } catch {
      faults.push(`data is not JSON: ${data.slice(0, 40)}`);
      continue;
    }
    if (event !== type) faults.push(`event: ${event} carries type ${String(type)}`);
  }
  return faults;
}

function chatFaults(blocks: readonly SseBlock[]): string[] {
  const faults: string[] = [];
  const data = blocks.filter((block) => block.data !== undefined);
  const failed = payloadsOf(blocks).some((chunk) => has(chunk['error']));
  if (data.at(-1)?.data !== '[DONE]' && !failed) faults.push('does not end with [DONE]');
  if (data.slice(0, -1).some((block) => block.data === '[DONE]')) faults.push('[DONE] before the end');
  for (const block of data) if (block.event !== undefined) faults.push(`event: ${block.event} in Chat`);

  const roles = new Set<number>();
  const finished = new Set<number>();
  const tools = new Set<string>();
  let head: Payload | undefined;
  let usageSeen = false;
  for (const chunk of payloadsOf(blocks)) {
    if (has(chunk['error'])) continue;
    if (usageSeen) faults.push('a chunk after the usage chunk');
    if (chunk['object'] !== 'chat.completion.chunk') faults.push(`object is ${String(chunk['object'])}`);
    for (const key of ['id', 'created', 'model']) {
      if (!has(chunk[key]) || chunk[key] === '') faults.push(`chunk without ${key}`);
      else if (head && chunk[key] !== head[key]) faults.push(`${key} changes within the stream`);
    }
    head ??= chunk;
    const choices = list(chunk['choices']);
    if (choices.length === 0) {
      if (has(chunk['usage'])) usageSeen = true;
      else faults.push('a chunk with neither choices nor usage');
      if (roles.size > finished.size) faults.push('the usage chunk comes before finish_reason');
    }
    for (const choice of choices) {
      const index = count(choice['index']);
      const delta = object(choice['delta']);
      if (!roles.has(index) && delta['role'] !== 'assistant') faults.push('first delta has no role');
      roles.add(index);
      if (finished.has(index)) faults.push('a delta after finish_reason');
      if (has(delta['content']) && typeof delta['content'] !== 'string')
        faults.push('content is not a string');
      for (const call of list(delta['tool_calls'])) {
        const key = `${index}/${String(call['index'])}`;
        const body = object(call['custom'] ?? call['function']);
        if (typeof call['index'] !== 'number') faults.push('tool call delta without index');
        if (tools.has(key)) {
          if (has(call['id']) || has(body['name']) || has(call['type'])) {
            faults.push('a later tool call delta repeats id, name or type');
          }
        } else if (!string(call['id']) || !string(body['name']) || !string(call['type'])) {
          faults.push('first tool call delta lacks id, name or type');
        }
        tools.add(key);
      }
      if (has(choice['finish_reason'])) finished.add(index);
    }
  }
  if (!failed) {
    if (roles.size === 0) faults.push('no choice at all');
    for (const index of roles) if (!finished.has(index)) faults.push(`choice ${index} has no finish_reason`);
  }
  return faults;
}

function messagesFaults(events: readonly Payload[]): string[] {
  const faults: string[] = [];
  let open: number | undefined;
  let started = false;
  let deltas = 0;
  let stopped = false;
  for (const event of events) {
    const type = string(event['type']);
    if (type === 'ping') continue;
    if (stopped) faults.push(`${type} after the end`);
    if (!started && type !== 'message_start' && type !== 'error') faults.push(`${type} before message_start`);
    switch (type) {
      case 'message_start':
        if (started) faults.push('second message_start');
        started = true;
        break;
      case 'content_block_start':
        if (open !== undefined) faults.push('a block starts inside another');
        if (deltas > 0) faults.push('a block starts after message_delta');
        open = count(event['index']);
        break;
      case 'content_block_delta':
        if (open !== count(event['index'])) faults.push('a delta for a block that is not open');
        break;
      case 'content_block_stop':
        if (open !== count(event['index'])) faults.push('a stop for a block that is not open');
        open = undefined;
        break;
      case 'message_delta':
        if (open !== undefined) faults.push('message_delta inside a block');
        if (++deltas > 1) faults.push('second message_delta');
        break;
      case 'message_stop':
        if (deltas === 0) faults.push('message_stop without message_delta');
        stopped = true;
        break;
      case 'error':
        stopped = true;
        break;
      default:
        faults.push(`unknown event ${type}`);
    }
  }
  if (!stopped) faults.push('no message_stop');
  return faults;
}

const lifecycle = new Set(['response.created', 'response.queued', 'response.in_progress']);
const terminal = new Set(['response.completed', 'response.incomplete', 'response.failed']);

function responsesFaults(events: readonly Payload[]): string[] {
  const faults: string[] = [];
  const items = new Map<number, { done: boolean; parts: Map<string, 'open' | 'done'> }>();
  /** Ids of the done items by output index. */
  const done: string[] = [];
  let ended = false;
  let errored = false;
  events.forEach((event, i) => {
    const type = string(event['type']);
    if (ended) faults.push(`${type} after the end`);
    if ((i === 0) !== (type === 'response.created') && !(i === 0 && type === 'error')) {
      faults.push(i === 0 ? `begins with ${type}` : 'second response.created');
    }
    if (terminal.has(type)) {
      ended = true;
      // A failed response may leave items open.
      if (type !== 'response.failed') {
        for (const [index, item] of items) if (!item.done) faults.push(`item ${index} is never done`);
        const final = list(object(event['response'])['output']).map((item) => string(item['id']));
        if (final.join() !== done.filter(has).join())
          faults.push('final output is not the done items in order');
      }
      return;
    }
    if (type === 'error') {
      errored = true;
      return;
    }
    if (lifecycle.has(type) || typeof event['output_index'] !== 'number') return;
    const index = event['output_index'];
    const item = items.get(index);
    if (type === 'response.output_item.added') {
      if (item) faults.push(`item ${index} added twice`);
      items.set(index, { done: false, parts: new Map() });
      return;
    }
    if (!item) {
      faults.push(`${type} for an item that was not added`);
      return;
    }
    if (item.done) faults.push(`${type} for an item that is done`);
    if (type === 'response.output_item.done') {
      item.done = true;
      done[index] = string(object(event['item'])['id']);
      for (const [part, state] of item.parts) if (state === 'open') faults.push(`part ${part} is never done`);
      return;
    }
    partFaults(event, type, item.parts, faults);
  });
  if (!ended && !errored) faults.push('no terminal event');
  return faults;
}

function partFaults(
  event: Payload,
  type: string,
  parts: Map<string, 'open' | 'done'>,
  faults: string[],
): void {
  const key =
    typeof event['summary_index'] === 'number'
      ? `summary ${event['summary_index']}`
      : typeof event['content_index'] === 'number'
        ? `content ${event['content_index']}`
        : undefined;
  if (key === undefined) return;
  const state = parts.get(key);
  if (type.endsWith('_part.added')) {
    if (state) faults.push(`part ${key} added twice`);
    parts.set(key, 'open');
  } else if (type.endsWith('_part.done')) {
    if (state !== 'open') faults.push(`part ${key} is done but not open`);
    parts.set(key, 'done');
  } else if (state !== 'open') {
    faults.push(`${type} for part ${key}, which is ${state ?? 'not added'}`);
  }
}
