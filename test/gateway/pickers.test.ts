import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { afterAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { ask, hello, startBench } from './setup.ts';

const bench = startBench({ top: { models: { fast: ['chat/m'], 'my-claude': ['messages/m'] } } });
afterAll(() => bench.stop());

const names = ['fast', 'my-claude', 'chat/m', 'responses/m', 'messages/m', 'gemini/m'];
const picker = { 'user-agent': 'claude-code/2.1.329', 'anthropic-version': '2023-06-01' };

interface Page {
  readonly data: { id: string; display_name: string }[];
  readonly has_more: boolean;
  readonly first_id: string;
  readonly last_id: string;
}
const page = async (query: string, headers: Record<string, string> = picker): Promise<Page> =>
  (await (await fetch(`${bench.url}/v1/models${query}`, { headers })).json()) as Page;

describe('the picker of Claude Code', () => {
  test('keeps every model, and shows its own name', async () => {
    const { data, has_more } = await page('?limit=1000');
    expect(has_more).toBe(false);
    expect(data.every(({ id }) => /(claude|anthropic)/i.test(id))).toBe(true);
    expect(data.map(({ id }) => id)).toContain('my-claude');
    expect(data.map(({ display_name }) => display_name)).toEqual(names);
  });

  test('each model that it lists can be asked for, streamed and counted', async () => {
    const { data } = await page('?limit=1000');
    for (const { id, display_name } of data) {
      const upstream = { fast: 'chat', 'my-claude': 'messages' }[display_name] ?? display_name.split('/')[0]!;
      bench.upstream.enqueue({ kind: 'stream', blocks: hello[upstream as 'chat'].blocks });
      const text = await (await ask(bench, 'messages', { model: id, stream: true })).text();
      expect(text).toContain('Hello');
      expect(bench.records.at(-1)).toMatchObject({ outcome: 'ok', model: display_name, upstreamModel: 'm' });
    }
    const { id } = data.find(({ display_name }) => display_name === 'messages/m')!;
    bench.upstream.enqueue({ kind: 'body', body: { input_tokens: 7 } });
    const counted = await fetch(`${bench.url}/v1/messages/count_tokens`, {
      method: 'POST',
      body: JSON.stringify({ model: id, messages: [{ role: 'user', content: 'hi' }] }),
    });
    expect(await counted.json()).toEqual({ input_tokens: 7 });
    expect(bench.upstream.requests.at(-1)!.json?.model).toBe('m');
    const one = await fetch(`${bench.url}/v1/models/${id}`, { headers: picker });
    expect(((await one.json()) as { display_name: string }).display_name).toBe('messages/m');
  });

  test('its other requests and other clients see the names as they are', async () => {
    for (const agent of ['claude-cli/2.1.329 (external, cli)', 'Anthropic/JS 1.12.0']) {
      const { data } = await page('', { ...picker, 'user-agent': agent });
      expect(data.map(({ id }) => id)).toEqual(names);
    }
  });
});

describe('pages of Anthropic’s list', () => {
  test('begin and end where they are asked to', async () => {
    const plain = { 'anthropic-version': '2023-06-01' };
    const ids = async (query: string) => {
      const { data, has_more } = await page(query, plain);
      return [data.map(({ id }) => id), has_more];
    };
    expect(await ids('?limit=2')).toEqual([names.slice(0, 2), true]);
    expect(await ids('?limit=3&after_id=my-claude')).toEqual([names.slice(2, 5), true]);
    expect(await ids('?limit=9&after_id=my-claude')).toEqual([names.slice(2), false]);
    expect(await ids('?limit=1&before_id=chat%2Fm')).toEqual([['my-claude'], true]);
    const wrong = await fetch(`${bench.url}/v1/models?after_id=nobody`, { headers: plain });
    expect(wrong.status).toBe(400);
  });
});

test('the SDKs of three vendors list all models', async () => {
  const collect = async (list: AsyncIterable<{ id?: string; name?: string }>): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const { id, name } of list) found.push(id ?? name?.replace(/^models\//, ''));
    return found;
  };
  const openAi = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: 'unused' });
  expect(await collect(openAi.models.list())).toEqual(names);
  const anthropic = new Anthropic({ baseURL: bench.url, apiKey: 'unused' });
  expect(await collect(anthropic.models.list({ limit: 2 }))).toEqual(names);
  const google = new GoogleGenAI({ apiKey: 'unused', httpOptions: { baseUrl: bench.url } });
  expect(await collect(await google.models.list({ config: { pageSize: 2 } }))).toEqual(names);
});
