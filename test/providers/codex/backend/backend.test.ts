/** The simulated backend takes a request that is in order, and refuses it with any one thing wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { post, says, startBench, type Bench } from '../setup.ts';

let bench: Bench;
let headers: Record<string, string>;
let body: Record<string, unknown>;

beforeAll(async () => {
  bench = await startBench();
  await post(bench, '/v1/responses', {
    instructions: 'Be kind.',
    input: [
      says('weather?'),
      { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', id: 'fco_1', call_id: 'c', output: 'sunny' },
    ],
    tools: [{ type: 'function', name: 'f', parameters: {} }],
  });
  const [asked] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
  headers = Object.fromEntries(
    [...asked.headers].filter(
      ([name]) => !/^(?:host|connection|content-encoding|content-length)$/.test(name),
    ),
  );
  body = asked.body;
});
afterAll(() => bench[Symbol.asyncDispose]());

async function send(more: { headers?: Record<string, string | undefined>; body?: Record<string, unknown> }) {
  const all = Object.entries({ ...headers, ...more.headers }).filter(([, value]) => value !== undefined);
  const response = await fetch(`${bench.backend.url}/backend-api/codex/responses`, {
    method: 'POST',
    headers: all as [string, string][],
    body: JSON.stringify({ ...body, ...more.body }),
  });
  return { status: response.status, text: await response.text() };
}

test('a request that is in order is served', async () => {
  expect(await send({})).toMatchObject({ status: 200 });
});

const item = (i: number, more: Record<string, unknown>) => () =>
  (body.input as Record<string, unknown>[]).map((each, at) => (at === i ? { ...each, ...more } : each));

describe('refused is', () => {
  test.each([
    ['a member that nobody knows', { temperature: 1 }, 'Unsupported parameter: temperature'],
    ['a reply that is to be kept', { store: true }, 'Store must be set to false'],
    ['an answer in one piece', { stream: false }, 'Stream must be set to true'],
    ['no sealed reasoning', { include: [] }, 'reasoning.encrypted_content'],
    ['no instructions', { instructions: undefined }, 'Instructions are required'],
    ['empty instructions', { instructions: '' }, 'Instructions are required'],
    ['an input that is text', { input: 'hi' }, 'Input must be a list'],
    ['an unknown model', { model: 'gpt-0' }, 'is not supported when using Codex'],
    ['an unknown tool', { tools: [{ type: 'computer' }] }, 'Unknown tool type'],
    ['an unknown tier in the hint', { service_tier: 'priority' }, 'x-codex-routing-hint'],
    ['no metadata', { client_metadata: undefined }, 'client_metadata is missing'],
    ['metadata that are no text', { client_metadata: { a: 1 } }, 'must be a string'],
    ['a cache key that is no text', { prompt_cache_key: 1 }, 'prompt_cache_key'],
    ['the role system', { input: item(0, { role: 'system' }) }, 'System messages are not allowed'],
    ['a call with the prefix of another', { input: item(1, { id: 'call_1' }) }, "begins with 'fc'"],
    ['a result without its call', { input: item(2, { call_id: 'x' }) }, 'No tool call found'],
    ['an unknown item', { input: item(1, { type: 'item_reference' }) }, 'Unknown item type'],
  ])('%s', async (_what, wrong, why) => {
    const more = Object.fromEntries(
      Object.entries(wrong).map(([name, value]) => [name, typeof value === 'function' ? value() : value]),
    );
    const { status, text } = await send({ body: more });
    expect([status, text]).toEqual([400, expect.stringContaining(why)]);
  });

  test.each([
    'originator',
    'session-id',
    'thread-id',
    'user-agent',
    'x-client-request-id',
    'x-codex-turn-metadata',
    'x-codex-window-id',
  ])('a request without %s', async (name) => {
    // Without one of its own, fetch sends another user agent.
    expect((await send({ headers: { [name]: undefined } })).status).toBe(400);
  });

  test.each([
    ['session_id', 'x'],
    ['openai-beta', 'x'],
    ['x-forwarded-for', '1.2.3.4'],
    ['session-id', 'another'],
    ['x-codex-window-id', 'no generation'],
    ['x-codex-turn-metadata', '[]'],
    ['user-agent', 'curl/8'],
    ['accept', 'application/json'],
    ['content-encoding', 'gzip'],
    ['x-openai-internal-codex-responses-lite', 'true'],
  ])('the header %s: %s', async (name, value) => {
    expect((await send({ headers: { [name]: value } })).status).toBe(400);
  });

  test('the wish for a compaction by a client that does not say that it takes one', async () => {
    const input = [says('hi'), { type: 'compaction_trigger' }];
    expect(await send({ body: { input }, headers: { 'x-codex-beta-features': 'other' } })).toEqual({
      status: 400,
      text: expect.stringContaining('remote_compaction_v2'),
    });
  });

  test('a token that is not in force, and another’s account', async () => {
    expect((await send({ headers: { authorization: 'Bearer x' } })).status).toBe(401);
    expect((await send({ headers: { 'chatgpt-account-id': 'x' } })).status).toBe(403);
  });
});
