/** A tool loop on the Anthropic SDK's streaming Messages; thinking goes back with the rest. */
import Anthropic from '@anthropic-ai/sdk';
import { fullName, gateway, prompt, shell, stepsMax } from './shell.ts';

const client = new Anthropic({ baseURL: gateway, apiKey: 'unused', maxRetries: 0 });
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: prompt }];

for (let step = 0; step < stepsMax; step++) {
  const { content } = await client.messages
    .stream({
      model: fullName,
      max_tokens: 8_192,
      thinking: { type: 'enabled', budget_tokens: 2_048 },
      messages,
      tools: [{ name: shell.name, description: shell.description, input_schema: shell.schema }],
    })
    .finalMessage();
  messages.push({ role: 'assistant', content });
  const calls = content.filter((block) => block.type === 'tool_use');
  if (calls.length === 0) {
    console.log(content.map((block) => (block.type === 'text' ? block.text : '')).join(''));
    break;
  }
  const results = calls.map(({ id, input }) => ({
    type: 'tool_result' as const,
    tool_use_id: id,
    content: shell.run(input),
  }));
  messages.push({ role: 'user', content: results });
}
