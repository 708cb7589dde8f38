import { describe, expect, test } from 'bun:test';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { callRoutes } from '../../src/server/call-routes.ts';
import type { ProtocolId } from '../../src/turn/part.ts';

const ids: ProtocolId[] = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini'];
const match = callRoutes(new Map(ids.map((id) => [id, { id } as Protocol])));
const at = (path: string) => match(`http://127.0.0.1:4242${path}`);

describe('a route that asks something of a model', () => {
  test.each([
    ['/v1/chat/completions', 'openai-chat', 'turn'],
    ['/v1/responses', 'openai-responses', 'turn'],
    ['/v1/responses/input_tokens', 'openai-responses', 'count'],
    ['/v1/messages', 'anthropic-messages', 'turn'],
    ['/v1/messages/count_tokens', 'anthropic-messages', 'count'],
    ['/v1/embeddings', 'openai-chat', 'embed'],
  ])('%s', (path, surface, operation) => {
    expect(at(path)).toMatchObject({ surface: { id: surface }, operation, template: path, search: '' });
    expect(at(path)).toMatchObject({ only: undefined, asked: undefined });
    expect(at(`/duo${path}?beta=true`)).toMatchObject({
      surface: { id: surface },
      operation,
      template: `/{provider}${path}`,
      only: 'duo',
      search: '?beta=true',
    });
  });

  test('below a provider may name the conversation', () => {
    expect(at('/up/my%20talk/v1/messages?beta=true')).toMatchObject({
      surface: { id: 'anthropic-messages' },
      template: '/{provider}/{session}/v1/messages',
      only: 'up',
      session: 'my talk',
      search: '?beta=true',
    });
    expect(at('/up/v1/messages')!.session).toBeUndefined();
    expect(at(`/up/${'x'.repeat(300)}/v1/messages`)).toBeUndefined();
  });

  test('below /backend-api is that of the provider which is named there', () => {
    expect(at('/backend-api/up/responses')).toMatchObject({
      surface: { id: 'openai-responses' },
      operation: 'turn',
      template: '/backend-api/{provider}/responses',
      only: 'up',
    });
    expect(at('/backend-api/up/else')).toBeUndefined();
  });

  test.each([
    ['generateContent', 'turn', false],
    ['streamGenerateContent', 'turn', true],
    ['countTokens', 'count', false],
    ['embedContent', 'embed', false],
    ['batchEmbedContents', 'embed_batch', false],
  ])('Gemini’s %s under each version', (method, operation, stream) => {
    for (const version of ['v1', 'v1beta', 'v1alpha']) {
      expect(at(`/${version}/models/m:${method}`)).toMatchObject({
        surface: { id: 'google-gemini' },
        operation,
        only: undefined,
        template: `/${version}/models/{model}:${method}`,
        asked: { model: 'm', stream },
      });
      expect(at(`/up/${version}/models/m:${method}?key=k&x=1`)).toMatchObject({
        only: 'up',
        search: '?x=1',
        template: `/{provider}/${version}/models/{model}:${method}`,
      });
    }
  });

  test.each([
    ['claude/claude-haiku-4-5', 'claude/claude-haiku-4-5'],
    ['claude%2Fclaude-haiku-4-5', 'claude/claude-haiku-4-5'],
    ['local/llama3:8b', 'local/llama3:8b'],
    ['a/b/c%20d', 'a/b/c d'],
    ['100%', '100%'],
  ])('a model that is written %s', (written, model) => {
    expect(at(`/v1beta/models/${written}:generateContent`)?.asked?.model).toBe(model);
  });

  test('a tuned model keeps the name of its resource', () => {
    expect(at('/v1beta/tunedModels/t-1:generateContent')?.asked?.model).toBe('tunedModels/t-1');
  });

  test('a prefixed model may come without the word models', () => {
    expect(at('/v1beta/chat/tools:streamGenerateContent')?.asked?.model).toBe('chat/tools');
    expect(at('/v1beta/chat/tools:frobnicate')).toBeUndefined();
  });

  test('a stream is an array unless it is asked for as server-sent events', () => {
    const asArray = (query: string) => at(`/v1beta/models/m:streamGenerateContent${query}`)?.asked?.asArray;
    expect(asArray('')).toBe(true);
    expect(asArray('?alt=json&key=k')).toBe(true);
    expect(asArray('?alt=sse')).toBe(false);
    expect(asArray('?key=k&alt=sse')).toBe(false);
    expect(asArray('?%24alt=sse')).toBe(false);
    expect(at('/v1beta/models/m:generateContent')?.asked?.asArray).toBe(false);
  });

  test.each([
    '/',
    '/v1',
    '/v1/models',
    '/v1/models/ft:gpt-1:org::id',
    '/v1beta/models',
    '/v1beta/models/m',
    '/v1beta/models/m:predict',
    '/v1beta/models/:generateContent',
    '/v2/models/m:generateContent',
    '/a/b/v1beta/models/m:generateContent',
    '/v1/messages/batches',
  ])('%s is none', (path) => {
    expect(at(path)).toBeUndefined();
  });
});
