import { createHash } from 'node:crypto';
import type { Payload } from './canonical.ts';
import { has, list, object, string } from './canonical/read.ts';
import type { Surface } from './finish.ts';

/**
 * What a request asks for, whatever protocol it came in. Read without any code of the gateway; two requests ask
 * the same when their canonical forms are equal.
 */
export interface CanonicalRequest {
  /** System prompt, developer messages and instructions that stand before the conversation. */
  readonly system: string;
  /** The conversation; a call is named by its place among the calls, not by its id. Results come first. */
  readonly turns: { readonly role: 'user' | 'assistant'; readonly parts: string[] }[];
  readonly tools: { readonly name: string; readonly description: string; readonly schema: unknown }[];
  readonly hosted: string[];
  /** `auto`, `none`, `required`, or `one:` and the tool's name. */
  readonly toolChoice: string | undefined;
  readonly parallel: boolean | undefined;
  readonly limit: number | undefined;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly stop: string[];
  readonly format: unknown;
  /** The effort's word, or `budget:` and the tokens. */
  readonly effort: string | undefined;
}

export function canonicalRequest(surface: Surface, body: Payload): CanonicalRequest {
  switch (surface) {
    case 'openai-chat':
      return ofChat(body);
    case 'openai-responses':
      return ofResponses(body);
    case 'anthropic-messages':
      return ofMessages(body);
  }
}

/** Collects turns: system text before the first of them goes apart, parts of one speaker join. */
function conversation() {
  const said: string[] = [];
  const turns: { role: 'user' | 'assistant'; parts: string[] }[] = [];
  const calls = new Map<string, number>();
  return {
    said,
    ends: () => ({
      system: said.join('\n\n'),
      turns: turns.map(({ role, parts }) => ({ role, parts: [...parts].sort(resultsFirst) })),
    }),
    add(role: string, parts: string[]): void {
      if (parts.length === 0) return;
      if ((role === 'system' || role === 'developer') && turns.length === 0) {
        said.push(...parts.map((part) => part.replace(/^text:/, '')));
        return;
      }
      const speaker = role === 'assistant' ? 'assistant' : 'user';
      const last = turns.at(-1);
      if (last?.role === speaker) last.parts.push(...parts);
      else turns.push({ role: speaker, parts });
    },
    call(id: unknown, name: unknown, args: unknown): string {
      calls.set(string(id), calls.size);
      const value = typeof args === 'string' ? parsed(args) : args;
      // Free text goes up as the one argument of a function where there are no free-text tools.
      const text = object(value)['input'];
      const isText = typeof text === 'string' && Object.keys(object(value)).length === 1;
      return `call ${calls.size - 1}:${string(name)} ${isText ? sorted(text) : sorted(value)}`;
    },
    result(id: unknown, content: unknown): string[] {
      const inside = parts(content);
      const words = inside.filter((part) => part.startsWith('text:')).map((part) => part.slice(5));
      const rest = inside.filter((part) => !part.startsWith('text:'));
      return [`result ${calls.get(string(id)) ?? '?'}:${words.join('\n')}`, ...rest];
    },
  };
}

function ofChat(body: Payload): CanonicalRequest {
  const talk = conversation();
  for (const message of list(body['messages'])) {
    if (message['role'] === 'tool') {
      talk.add('user', talk.result(message['tool_call_id'], message['content']));
      continue;
    }
    const calls = list(message['tool_calls']).map((call) => {
      const called = object(call['function'] ?? call['custom']);
      return talk.call(call['id'], called['name'], called['arguments'] ?? called['input']);
    });
    talk.add(string(message['role']), [...parts(message['content']), ...calls]);
  }
  const choice = body['tool_choice'];
  const format = object(body['response_format']);
  const functions = list(body['tools']).filter((tool) => tool['type'] === 'function');
  return {
    ...talk.ends(),
    tools: functions.map((tool) => described(object(tool['function']), 'parameters')),
    hosted: [],
    toolChoice: has(choice)
      ? string(choice) || `one:${string(object(object(choice)['function'])['name'])}`
      : undefined,
    parallel: body['parallel_tool_calls'] as boolean | undefined,
    limit: (body['max_completion_tokens'] ?? body['max_tokens']) as number | undefined,
    temperature: body['temperature'] as number | undefined,
    topP: body['top_p'] as number | undefined,
    stop: [body['stop'] ?? []].flat() as string[],
    format: format['type'] === 'json_schema' ? object(format['json_schema'])['schema'] : format['type'],
    effort: body['reasoning_effort'] as string | undefined,
  };
}

function ofResponses(body: Payload): CanonicalRequest {
  const talk = conversation();
  if (has(body['instructions'])) talk.said.push(string(body['instructions']));
  const input = body['input'];
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : list(input);
  for (const item of items as Payload[]) {
    const kind = string(item['type']).replace('custom_tool', 'function');
    if (kind === 'function_call') {
      talk.add('assistant', [talk.call(item['call_id'], item['name'], item['arguments'] ?? item['input'])]);
    } else if (kind === 'function_call_output') {
      talk.add('user', talk.result(item['call_id'], item['output']));
    } else if (has(item['content']) && item['type'] !== 'reasoning') {
      talk.add(string(item['role']), parts(item['content']));
    }
  }
  const choice = body['tool_choice'];
  const format = object(object(body['text'])['format']);
  const tools = list(body['tools']);
  return {
    ...talk.ends(),
    tools: tools.filter((tool) => tool['type'] === 'function').map((tool) => described(tool, 'parameters')),
    hosted: tools.filter((tool) => tool['type'] !== 'function').map((tool) => hostedName(tool['type'])),
    toolChoice: has(choice) ? string(choice) || `one:${string(object(choice)['name'])}` : undefined,
    parallel: body['parallel_tool_calls'] as boolean | undefined,
    limit: body['max_output_tokens'] as number | undefined,
    temperature: body['temperature'] as number | undefined,
    topP: body['top_p'] as number | undefined,
    stop: [],
    format: format['type'] === 'json_schema' ? format['schema'] : format['type'],
    effort: object(body['reasoning'])['effort'] as string | undefined,
  };
}

const choices: Readonly<Record<string, string>> = { any: 'required', auto: 'auto', none: 'none' };

function ofMessages(body: Payload): CanonicalRequest {
  const talk = conversation();
  talk.add('system', parts(body['system'] ?? []));
  for (const message of list(body['messages'])) {
    const { content } = message;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : list(content);
    talk.add(
      string(message['role']),
      (blocks as Payload[]).flatMap((block) => {
        if (block['type'] === 'tool_use') return [talk.call(block['id'], block['name'], block['input'])];
        if (block['type'] !== 'tool_result') return parts([block]);
        return talk.result(block['tool_use_id'], block['content']);
      }),
    );
  }
  const choice = object(body['tool_choice']);
  const thinking = object(body['thinking']);
  const config = object(body['output_config']);
  const tools = list(body['tools']);
  return {
    ...talk.ends(),
    tools: tools.filter((tool) => has(tool['input_schema'])).map((tool) => described(tool, 'input_schema')),
    hosted: tools.filter((tool) => !has(tool['input_schema'])).map((tool) => hostedName(tool['type'])),
    toolChoice:
      choices[string(choice['type'])] ?? (has(choice['name']) ? `one:${string(choice['name'])}` : undefined),
    parallel: has(choice['disable_parallel_tool_use']) ? !choice['disable_parallel_tool_use'] : undefined,
    limit: body['max_tokens'] as number | undefined,
    temperature: body['temperature'] as number | undefined,
    topP: body['top_p'] as number | undefined,
    stop: (body['stop_sequences'] ?? []) as string[],
    format: object(config['format'] ?? body['output_format'])['schema'],
    effort:
      (config['effort'] as string | undefined) ??
      (has(thinking['budget_tokens']) ? `budget:${String(thinking['budget_tokens'])}` : undefined),
  };
}

/** Content of any of the protocols: a string is one text; hidden reasoning says nothing to compare. */
function parts(content: unknown): string[] {
  if (typeof content === 'string') return content === '' ? [] : [`text:${content}`];
  return list(content).flatMap((part) => {
    switch (part['type']) {
      case 'thinking':
      case 'redacted_thinking':
        return [];
      case 'image_url':
        return [`image:${media(object(part['image_url'])['url'])}`];
      case 'input_image':
        return [`image:${media(part['image_url'])}`];
      case 'image':
      case 'document': {
        const source = object(part['source']);
        const data = `data:${string(source['media_type'])};base64,${string(source['data'])}`;
        return [`${string(part['type'])}:${media(source['url'] ?? data)}`];
      }
      case 'file':
        return [`document:${media(object(part['file'])['file_data'])}`];
      case 'input_file':
        return [`document:${media(part['file_url'] ?? part['file_data'])}`];
      default:
        return has(part['text']) ? [`text:${string(part['text'])}`] : [string(part['type'])];
    }
  });
}

const resultsFirst = (a: string, b: string): number =>
  Number(b.startsWith('result ')) - Number(a.startsWith('result '));

const media = (url: unknown): string =>
  /^https?:/.test(string(url))
    ? string(url)
    : createHash('sha256').update(string(url)).digest('hex').slice(0, 16);

const described = (tool: Payload, key: string) => ({
  name: string(tool['name']),
  description: string(tool['description']),
  schema: tool[key],
});

const hostedName = (type: unknown): string => string(type).replace(/_(preview|\d{8}).*$/, '');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** JSON with its members in order of name. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
