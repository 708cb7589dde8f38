/** The AI SDK's own tool loop, on the provider package that is named. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { jsonSchema, streamText, stepCountIs, tool, type LanguageModel } from 'ai';
import { fullName, gateway, model, prompt, provider, shell, stepsMax } from '../shell.ts';

const apiKey = 'unused';
const v1 = { baseURL: `${gateway}/v1`, apiKey };
const models: Readonly<Record<string, () => LanguageModel>> = {
  responses: () => createOpenAI(v1)(fullName),
  chat: () => createOpenAI(v1).chat(fullName),
  messages: () => createAnthropic(v1)(fullName),
  gemini: () => createGoogle({ baseURL: `${gateway}/${provider}/v1beta`, apiKey })(model),
};

const result = streamText({
  model: models[process.argv[6] ?? '']!(),
  prompt,
  maxRetries: 0,
  stopWhen: stepCountIs(stepsMax),
  tools: {
    [shell.name]: tool({
      description: shell.description,
      inputSchema: jsonSchema<{ command: string }>(shell.schema),
      execute: (input) => shell.run(input),
    }),
  },
  providerOptions: {
    openai: { store: false, include: ['reasoning.encrypted_content'] },
    anthropic: { thinking: { type: 'enabled', budgetTokens: 2_048 } },
    google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2_048 } },
  },
});
console.log(await result.text);
