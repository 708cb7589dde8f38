import type { ProtocolId } from '../../src/turn/part.ts';
import type { Payload } from './canonical.ts';
import { count, has, list, object, string } from './canonical/read.ts';
import { geminiResult } from './fold/gemini.ts';

/**
 * The one-shot body that a provider would have sent for the reply that it streamed; `undefined` where it
 * would have none, as with tool arguments that break off.
 */
export function resultOfStream(protocol: ProtocolId, events: readonly Payload[]): Payload | undefined {
  switch (protocol) {
    case 'openai-chat':
      return chatResult(events);
    case 'openai-responses':
      return responsesResult(events);
    case 'anthropic-messages':
      return messagesResult(events);
    case 'google-gemini':
      return geminiResult(events);
  }
}

function chatResult(chunks: readonly Payload[]): Payload | undefined {
  const named = chunks.find((chunk) => string(chunk['id']) !== '') ?? {};
  const choices = new Map<number, { index: number; message: Payload; finish_reason: unknown }>();
  let usage: unknown;
  for (const chunk of chunks) {
    if (has(chunk['error'])) return undefined;
    usage = chunk['usage'] ?? usage;
    for (const choice of list(chunk['choices'])) {
      const index = count(choice['index']);
      const into = choices.get(index) ?? {
        index,
        message: { role: 'assistant', content: null },
        finish_reason: null,
      };
      choices.set(index, into);
      into.finish_reason = choice['finish_reason'] ?? into.finish_reason;
      mergeDelta(into.message, object(choice['delta']));
    }
  }
  for (const { message } of choices.values()) {
    if (message['tool_calls'])
      message['tool_calls'] = list(message['tool_calls']).filter((call) => has(call['id']));
  }
  if ([...choices.values()].some((choice) => !has(choice.finish_reason))) return undefined;
  return {
    ...named,
    object: 'chat.completion',
    choices: [...choices.values()],
    ...(has(usage) && { usage }),
  };
}

function mergeDelta(message: Payload, delta: Payload): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'role' || !has(value)) continue;
    if (key === 'tool_calls') {
      const calls = (message['tool_calls'] ??= []) as Payload[];
      for (const call of list(value)) mergeCall(calls, call);
    } else if (key === 'content' && (Array.isArray(value) || Array.isArray(message['content']))) {
      message['content'] = mergeParts(message['content'], value);
    } else if (Array.isArray(value)) {
      message[key] = [...((message[key] as unknown[] | undefined) ?? []), ...value];
    } else if (typeof value === 'string') {
      message[key] = string(message[key]) + value;
    } else message[key] = value;
  }
}

function mergeCall(calls: Payload[], delta: Payload): void {
  const { index, ...call } = delta;
  const at = typeof index === 'number' ? index : calls.length;
  const into = (calls[at] ??= { type: 'function', function: { name: '', arguments: '' } });
  if (string(call['id'])) into['id'] = call['id'];
  const body = object(into['function']);
  const more = object(call['function']);
  into['function'] = {
    name: string(body['name']) || string(more['name']),
    arguments: string(body['arguments']) + string(more['arguments']),
  };
}

/** Mistral's content parts: consecutive ones of a kind become one. */
function mergeParts(content: unknown, more: unknown): Payload[] {
  const parts = (value: unknown): Payload[] =>
    typeof value === 'string' ? (value === '' ? [] : [{ type: 'text', text: value }]) : list(value);
  const spoken = (part: Payload): string =>
    part['type'] === 'text'
      ? string(part['text'])
      : list(part['thinking'])
          .map((one) => string(one['text']))
          .join('');
  const out: Payload[] = [];
  for (const part of [...parts(content), ...parts(more)]) {
    const last = out.at(-1);
    const text = (last && last['type'] === part['type'] ? spoken(last) : '') + spoken(part);
    if (last && last['type'] === part['type']) out.pop();
    out.push(
      part['type'] === 'text'
        ? { type: 'text', text }
        : { type: 'thinking', thinking: [{ type: 'text', text }] },
    );
  }
  return out;
}

function responsesResult(events: readonly Payload[]): Payload | undefined {
  const final = events.find((event) =>
    ['response.completed', 'response.incomplete', 'response.failed'].includes(string(event['type'])),
  );
  if (!final) return undefined;
  const response = object(final['response']);
  if (list(response['output']).length > 0) return response;
  const output = events
    .filter((event) => event['type'] === 'response.output_item.done')
    .map((event) => event['item']);
  const begun = events.filter((event) => event['type'] === 'response.output_item.added').length;
  return output.length < begun ? undefined : { ...response, output };
}

function messagesResult(events: readonly Payload[]): Payload | undefined {
  let message: Payload | undefined;
  let content: Payload[] = [];
  const json = new Map<number, string>();
  for (const event of events) {
    const index = count(event['index']);
    const delta = object(event['delta']);
    switch (event['type']) {
      case 'message_start':
        if (message) return undefined;
        message = structuredClone(object(event['message']));
        content = [];
        break;
      case 'content_block_start':
        content[index] = structuredClone(object(event['content_block']));
        break;
      case 'content_block_delta': {
        const block = (content[index] ??= {});
        if (delta['type'] === 'compaction_delta') Object.assign(block, { ...delta, type: 'compaction' });
        else if (has(delta['partial_json']))
          json.set(index, (json.get(index) ?? '') + string(delta['partial_json']));
        else if (has(delta['citation']))
          block['citations'] = [...list(block['citations']), delta['citation']];
        else if (has(delta['text'])) block['text'] = string(block['text']) + string(delta['text']);
        else if (has(delta['thinking']))
          block['thinking'] = string(block['thinking']) + string(delta['thinking']);
        else if (has(delta['signature'])) block['signature'] = delta['signature'];
        break;
      }
      case 'message_delta': {
        const usage = { ...object(message?.['usage']) };
        for (const [key, value] of Object.entries(object(event['usage']))) if (has(value)) usage[key] = value;
        message = { ...message, ...delta, usage };
        break;
      }
      case 'error':
        return undefined;
    }
  }
  if (!has(message?.['stop_reason'])) return undefined;
  for (const [index, text] of json) {
    if (text === '') continue;
    try {
      content[index] = { ...content[index], input: JSON.parse(text) };
    } catch {
      return undefined;
    }
  }
  return { ...message, content };
}
