/** A tool loop on the OpenAI SDK's streaming Chat Completions. */
import OpenAI from 'openai';
import { fullName, gateway, prompt, shell, stepsMax } from './shell.ts';

const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'unused', maxRetries: 0 });
const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: prompt }];

for (let step = 0; step < stepsMax; step++) {
  const { choices } = await client.chat.completions
    .stream({
      model: fullName,
      messages,
      tools: [
        {
          type: 'function',
          function: { name: shell.name, description: shell.description, parameters: shell.schema },
        },
      ],
    })
    .finalChatCompletion();
  const { message } = choices[0]!;
  messages.push(message);
  if (!message.tool_calls?.length) {
    console.log(message.content);
    break;
  }
  for (const call of message.tool_calls) {
    if (call.type !== 'function') throw new Error(`a call of type ${call.type}`);
    messages.push({ role: 'tool', tool_call_id: call.id, content: shell.run(call.function.arguments) });
  }
}
