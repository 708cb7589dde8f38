/** A tool loop on the OpenAI SDK's streaming Responses that sends all that was said with every request. */
import type OpenAI from 'openai';
import { client, loop, settings } from './responses.ts';
import { prompt } from './shell.ts';

const input: OpenAI.Responses.ResponseInputItem[] = [];

await loop(
  (items, before) => {
    input.push(...((before?.output ?? []) as OpenAI.Responses.ResponseInputItem[]), ...items);
    return client.responses.stream({ ...settings, input }).finalResponse();
  },
  [{ role: 'user', content: prompt }],
);
