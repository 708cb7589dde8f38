import type { Payload } from '../canonical.ts';
import { has, list, object, string } from '../canonical/read.ts';
import type { CanonicalRequest } from './canonical.ts';
import { conversation, described, hostedName, parts } from './conversation.ts';

const choices: Readonly<Record<string, string>> = { any: 'required', auto: 'auto', none: 'none' };

export function ofMessages(body: Payload): CanonicalRequest {
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
