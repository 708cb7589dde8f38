/** A tool loop on @google/genai's generateContentStream; thoughts and their signatures go back with the rest. */
import { GoogleGenAI, type Content, type Part } from '@google/genai';
import { fullName, gateway, prompt, shell, stepsMax } from './shell.ts';

const client = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: gateway } });
const contents: Content[] = [{ role: 'user', parts: [{ text: prompt }] }];

for (let step = 0; step < stepsMax; step++) {
  const stream = await client.models.generateContentStream({
    model: `models/${fullName}`,
    contents,
    config: {
      tools: [
        {
          functionDeclarations: [
            { name: shell.name, description: shell.description, parametersJsonSchema: shell.schema },
          ],
        },
      ],
      thinkingConfig: { includeThoughts: true, thinkingBudget: 2_048 },
    },
  });
  const parts: Part[] = [];
  let finish: string | undefined;
  for await (const { candidates } of stream) {
    parts.push(...(candidates?.[0]?.content?.parts ?? []));
    finish = candidates?.[0]?.finishReason ?? finish;
  }
  if (finish !== 'STOP') throw new Error(`the stream ended with ${finish}`);
  contents.push({ role: 'model', parts });
  const calls = parts.flatMap((part) => part.functionCall ?? []);
  if (calls.length === 0) {
    console.log(parts.map((part) => (part.thought ? '' : (part.text ?? ''))).join(''));
    break;
  }
  const results = calls.map(({ id, name, args }) => ({
    functionResponse: { id, name, response: { output: shell.run(args) } },
  }));
  contents.push({ role: 'user', parts: results });
}
