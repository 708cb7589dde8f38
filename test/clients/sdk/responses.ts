/** What the programs on the OpenAI SDK's Responses have in common. */
import OpenAI from 'openai';
import { fullName, gateway, shell, stepsMax } from './shell.ts';

type Item = OpenAI.Responses.ResponseInputItem;

export const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'unused', maxRetries: 0 });

/** Settings of every request. */
export const settings = {
  model: fullName,
  store: false,
  include: ['reasoning.encrypted_content' as const],
  tools: [
    {
      type: 'function' as const,
      name: shell.name,
      description: shell.description,
      parameters: shell.schema,
      strict: true,
    },
  ],
};

/** Asks `next` again with the results of the tool calls until there are none, and prints the last words. */
export async function loop(
  next: (results: Item[], before?: OpenAI.Responses.Response) => Promise<OpenAI.Responses.Response>,
  first: Item[],
): Promise<void> {
  let response = await next(first);
  for (let step = 1; step < stepsMax; step++) {
    const calls = response.output.filter((item) => item.type === 'function_call');
    if (calls.length === 0) break;
    const results = calls.map((call): Item => ({
      type: 'function_call_output',
      call_id: call.call_id,
      output: shell.run(call.arguments),
    }));
    response = await next(results, response);
  }
  const last = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
  console.log(last.map((part) => (part.type === 'output_text' ? part.text : '')).join(''));
}
