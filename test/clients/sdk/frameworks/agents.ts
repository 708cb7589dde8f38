/** The OpenAI Agents SDK's own tool loop, on the API that is named. */
import {
  Agent,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import OpenAI from 'openai';
import { fullName, gateway, prompt, shell, stepsMax } from '../shell.ts';

setTracingDisabled(true);
const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'unused', maxRetries: 0 });
const agent = new Agent({
  name: 'a worker',
  instructions: 'Do what you are asked.',
  model:
    process.argv[6] === 'chat'
      ? new OpenAIChatCompletionsModel(client, fullName)
      : new OpenAIResponsesModel(client, fullName),
  modelSettings: { store: false },
  tools: [
    tool({
      name: shell.name,
      description: shell.description,
      parameters: shell.schema,
      strict: true,
      execute: (input) => shell.run(input),
    }),
  ],
});
const result = await run(agent, prompt, { stream: true, maxTurns: stepsMax });
await result.completed;
console.log(result.finalOutput);
