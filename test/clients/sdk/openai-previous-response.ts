/** A tool loop on the OpenAI SDK's streaming Responses that goes on from the stored response before. */
import { client, loop, settings } from './responses.ts';
import { prompt } from './shell.ts';

await loop(
  (input, before) =>
    client.responses
      .stream({ ...settings, store: true, input, previous_response_id: before?.id })
      .finalResponse(),
  [{ role: 'user', content: prompt }],
);
