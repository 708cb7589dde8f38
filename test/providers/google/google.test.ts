import { describe, expect, test } from 'bun:test';
import { configuredAccount } from '../../../src/accounts/account.ts';
import { google } from '../../../src/providers/google/index.ts';
import type { Call } from '../../../src/providers/provider.ts';
import { FailureError } from '../../../src/turn/failure.ts';

const answers: unknown[] = [];
const asked: { url: string; headers: Record<string, string> }[] = [];
const fetcher = (async (url: string, init: RequestInit) => {
  asked.push({ url, headers: init.headers as Record<string, string> });
  return Response.json(answers.shift());
}) as unknown as typeof fetch;

const account = configuredAccount('g', { name: 'default', token: 'AIza-secret' });

const make = (more: Record<string, unknown> = {}) =>
  google.create(
    google.configSchema.parse({ name: 'g', type: 'google', api_key: 'AIza-secret', ...more }) as never,
    { fetch: fetcher, userAgent: 'dragoman/test' },
  );

const call = (more: Partial<Call> = {}): Call => ({
  protocol: 'google-gemini',
  operation: 'turn',
  model: 'gemini-1',
  stream: false,
  body: '{}',
  inbound: new Headers(),
  search: '',
  native: true,
  ...more,
});

describe('the address of a call', () => {
  const root = 'https://generativelanguage.googleapis.com/v1beta';
  const urlOf = (more: Partial<Call>) => make().prepare(call(more), account).url;

  test('names the model and what is asked of it', () => {
    expect(urlOf({})).toBe(`${root}/models/gemini-1:generateContent`);
    expect(urlOf({ stream: true })).toBe(`${root}/models/gemini-1:streamGenerateContent?alt=sse`);
    expect(urlOf({ operation: 'count' })).toBe(`${root}/models/gemini-1:countTokens`);
    expect(urlOf({ operation: 'embed' })).toBe(`${root}/models/gemini-1:embedContent`);
    expect(urlOf({ operation: 'embed_batch' })).toBe(`${root}/models/gemini-1:batchEmbedContents`);
    expect(urlOf({ model: 'tunedModels/t' })).toBe(`${root}/tunedModels/t:generateContent`);
    expect(urlOf({ model: 'a b?c/d' })).toBe(`${root}/models/a%20b%3Fc/d:generateContent`);
  });

  test('has the version and root of the configuration', () => {
    const provider = make({ base_url: 'http://127.0.0.1:1/proxy/', api_version: 'v1' });
    expect(provider.prepare(call(), account).url).toBe(
      'http://127.0.0.1:1/proxy/v1/models/gemini-1:generateContent',
    );
  });

  test.each(['..', '../files', 'a/../../b', './a', 'a//b', ''])('is refused to the model %j', (model) => {
    expect(() => urlOf({ model })).toThrow(FailureError);
  });

  test('keeps the client’s own query without key, framing and system parameters', () => {
    const search = '?key=client-key&alt=json&prettyPrint=false&$fields=a&%24httpMethod=x&access_token=t&x=1';
    expect(urlOf({ search })).toBe(`${root}/models/gemini-1:generateContent?prettyPrint=false&x=1`);
    expect(urlOf({ search, stream: true })).toEndWith(':streamGenerateContent?alt=sse&prettyPrint=false&x=1');
    expect(urlOf({ search, native: false })).toEndWith(':generateContent');
  });
});

test('a call bears the configured key and nothing of who the client is', () => {
  const inbound = new Headers({
    'x-goog-api-key': 'client-key',
    'x-goog-api-client': 'google-genai-sdk/3.1.0',
    'x-goog-user-project': 'project',
    authorization: 'Bearer client',
    'x-server-timeout': '30',
  });
  const { headers } = make({ headers: { 'x-own': '1' } }).prepare(call({ inbound, stream: true }), account);
  expect(headers).toEqual({
    'content-type': 'application/json',
    'user-agent': 'dragoman/test',
    'accept-encoding': 'identity',
    accept: 'text/event-stream',
    'x-goog-api-key': 'AIza-secret',
    'x-server-timeout': '30',
    'x-own': '1',
  });
});

test('models are discovered page by page', async () => {
  answers.push(
    {
      models: [
        {
          name: 'models/gemini-1',
          displayName: 'Gemini One',
          inputTokenLimit: 1_048_576,
          outputTokenLimit: 65_536,
          supportedGenerationMethods: ['generateContent', 'countTokens'],
        },
        { displayName: 'nameless' },
      ],
      nextPageToken: 'p/2',
    },
    { models: [{ name: 'models/embed-1', supportedGenerationMethods: ['embedContent'] }] },
  );
  const models = await make().discover(AbortSignal.timeout(30_000), account);
  expect(models).toMatchObject([
    { id: 'gemini-1', name: 'Gemini One', inputTokensMax: 1_048_576, outputTokensMax: 65_536 },
    { id: 'embed-1', embeds: true },
  ]);
  expect(asked.map(({ url }) => new URL(url).search)).toEqual([
    '?pageSize=1000',
    '?pageSize=1000&pageToken=p%2F2',
  ]);
  expect(asked[0]!.headers['x-goog-api-key']).toBe('AIza-secret');
});
