import { describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../support/corpus.ts';
import { geminiWire } from './gemini-wire.ts';
import { openApiFields } from './openapi.ts';
import { sdkFields } from './sdk-types.ts';
import { sourcesOf } from './sources.ts';
import { type Shape, walk, type WalkedField } from './walk.ts';

const paths = (fields: readonly WalkedField[]): string[] =>
  fields.filter(({ leaf }) => leaf).map(({ path }) => path);

describe('a walk over a description', () => {
  type Kind =
    'text' | 'any' | { list: Kind[] } | { map: Kind[] } | { word: string } | { [name: string]: Kind[] };

  const shapeOf = (kind: Kind): Shape<Kind> => {
    const empty = { plain: false, constants: [], free: false, items: [], values: [], objects: [] };
    if (kind === 'text') return { ...empty, plain: true };
    if (kind === 'any') return { ...empty, free: true };
    if ('word' in kind) return { ...empty, constants: [kind.word as string] };
    if ('list' in kind) return { ...empty, items: kind.list as Kind[] };
    if ('map' in kind) return { ...empty, values: kind.map as Kind[] };
    return { ...empty, objects: [{ id: kind, members: new Map(Object.entries(kind)) }] };
  };
  const leaves = (kind: Kind): string[] => paths(walk(kind, shapeOf));

  test('names members by the way to them', () => {
    expect(leaves({ a: ['text'], b: [{ c: ['any'], d: ['text'] }] })).toEqual(['a', 'b.c', 'b.d']);
  });

  test('keeps the entries of a list apart by their type', () => {
    const text: Kind = { type: [{ word: 'text' }], text: ['text'] };
    const stop: Kind = { type: [{ word: 'stop' }] };
    expect(leaves({ parts: ['text', { list: [text, stop] }] })).toEqual([
      'parts',
      'parts[type=text]',
      'parts[type=text].text',
      'parts[type=stop]',
    ]);
  });

  test('keeps messages apart by their role', () => {
    const user: Kind = { role: [{ word: 'user' }], content: ['text'] };
    const tool: Kind = { role: [{ word: 'tool' }], id: ['text'] };
    expect(leaves({ messages: [{ list: [user, tool] }] })).toEqual([
      'messages[role=user]',
      'messages[role=user].content',
      'messages[role=tool]',
      'messages[role=tool].id',
    ]);
  });

  test('writes a union outside a list as one object with its tag', () => {
    const on: Kind = { type: [{ word: 'on' }], budget: ['text'] };
    const off: Kind = { type: [{ word: 'off' }] };
    expect(leaves({ thinking: [on, off] })).toEqual(['thinking.type', 'thinking.budget']);
    expect(leaves({ mark: [on] })).toEqual(['mark.budget']);
  });

  test('ends where a type is inside itself', () => {
    const filter: Record<string, Kind[]> = { value: ['text'] };
    filter['and'] = [{ list: [filter as Kind] }];
    expect(leaves({ filter: [filter as Kind] })).toEqual(['filter.value', 'filter.and[]']);
  });

  test("tells data under names of the client's own", () => {
    expect(leaves({ labels: [{ map: ['text'] }], servers: [{ map: [{ url: ['text'] }] }] })).toEqual([
      'labels',
      'servers.*.url',
    ]);
  });
});

describe("the SDKs' types", () => {
  test.each([
    ['openai-chat', 'messages[role=assistant].tool_calls[type=function].function.arguments'],
    ['openai-chat', 'messages[role=user].content[type=image_url].image_url.detail'],
    ['openai-responses', 'input[type=message].content[type=input_image].detail'],
    ['openai-responses', 'tools[type=web_search].user_location.city'],
    ['openai-responses', 'reasoning.effort'],
    ['anthropic-messages', 'thinking.budget_tokens'],
    ['anthropic-messages', 'tools[type=custom].cache_control.ttl'],
    [
      'anthropic-messages',
      'messages[role=user].content[type=tool_result].content[type=image].source.media_type',
    ],
    ['google-gemini', 'contents[].parts[].functionCall.args'],
    ['google-gemini', 'generationConfig.thinkingConfig.thinkingBudget'],
    ['google-gemini', 'tools[].functionDeclarations[].parametersJsonSchema'],
    ['google-gemini', 'safetySettings[].threshold'],
  ] as const)(
    'of %s name %s',
    (protocol, path) => {
      expect(paths(sourcesOf(protocol)[0]!.fields)).toContain(path);
    },
    60_000,
  );

  test('are read without what the SDK sends as headers', () => {
    const sdks = sourcesOf('anthropic-messages').filter(({ name }) => name.startsWith('@'));
    const all = sdks.flatMap(({ fields }) => paths(fields));
    expect(all.filter((path) => ['betas', 'user_profile_id', 'workspace_id'].includes(path))).toEqual([]);
    expect(paths(sdkFields('betaMessages'))).toContain('betas');
  });

  test('of Gemini are read as they go over the wire', () => {
    const { fields, refused, clientOnly } = geminiWire();
    expect(clientOnly).toEqual([
      'abortSignal',
      'automaticContinuation',
      'automaticFunctionCalling',
      'httpOptions',
    ]);
    console.log(`left out, as the Gemini SDK refuses them for this API: ${refused.join(', ')}`);
    expect(refused).toContain('routingConfig');
    const wire = paths(fields);
    expect(wire).not.toContain('generationConfig.routingConfig');
    expect(wire.filter((path) => path.startsWith('config'))).toEqual([]);
  });
});

describe.skipIf(!corpusAvailable)("the vendors' documents", () => {
  test('name what the SDK of Chat Completions names', () => {
    const described = paths(openApiFields('openai.openapi.json', 'CreateChatCompletionRequest'));
    const typed = new Set(paths(sdkFields('chat')));
    expect(described.filter((path) => !typed.has(path))).toEqual([]);
    expect(described.length).toBeGreaterThan(100);
  });

  test('of Gemini name most of what its SDK sends', () => {
    const described = new Set(paths(openApiFields('gemini.openapi.json', 'GenerateContentRequest')));
    const wire = paths(geminiWire().fields);
    expect(wire.filter((path) => described.has(path)).length).toBeGreaterThan(100);
  });
});
