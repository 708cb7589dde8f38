import type { Payload } from '../canonical.ts';
import { has, list, object, string } from '../canonical/read.ts';
import type { CanonicalRequest } from './canonical.ts';
import { conversation, described, hostedName, parts } from './conversation.ts';

export function ofChat(body: Payload): CanonicalRequest {
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

export function ofResponses(body: Payload): CanonicalRequest {
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
