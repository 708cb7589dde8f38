/** The vendors' own libraries through the gateway. */
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
beforeAll(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

const models = ['duo/claude-sonnet-5', 'duo/gpt-5.4-2026-03-05', 'duo/gpt-5.6-sol', 'duo/gitlab-duo'];
const messages = [{ role: 'user', content: 'hi' }] as const;

test.each(models)('the Anthropic library talks to %s, whole and streaming', async (model) => {
  const client = new Anthropic({ baseURL: running.url, apiKey: 'any', maxRetries: 0 });
  const whole = await client.messages.create({ model, max_tokens: 64, messages: [...messages] });
  expect(whole.content).toMatchObject([{ type: 'text', text: 'Hello world' }]);
  expect(whole.usage).toMatchObject({ input_tokens: 5, output_tokens: 2 });
  const final = await client.messages
    .stream({ model, max_tokens: 64, messages: [...messages] })
    .finalMessage();
  expect(final.content).toMatchObject([{ type: 'text', text: 'Hello world' }]);
});

test.each(models)('the OpenAI library talks to %s, by both of its APIs', async (model) => {
  const client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'any', maxRetries: 0 });
  const chat = await client.chat.completions.create({ model, messages: [...messages] });
  expect(chat.choices[0]!.message.content).toBe('Hello world');
  const chunks = await client.chat.completions.create({ model, messages: [...messages], stream: true });
  let text = '';
  for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe('Hello world');
  const response = await client.responses.create({ model, input: 'hi', store: false });
  expect(response.output_text).toBe('Hello world');
  const events = await client.responses.create({ model, input: 'hi', store: false, stream: true });
  let streamed = '';
  for await (const event of events) if (event.type === 'response.output_text.delta') streamed += event.delta;
  expect(streamed).toBe('Hello world');
});

test('all of that took one grant', () => expect(simulated.mints).toHaveLength(1));
