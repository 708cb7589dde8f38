import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part, ReasoningPart } from '../../../src/turn/part.ts';
import type { Turn, TurnRequest } from '../../../src/turn/request.ts';
import { foreignRequest, target } from './support.ts';

const write = (more: Partial<TurnRequest>) => anthropicMessages.encodeRequest(foreignRequest(more), target);
const messagesOf = (turns: Turn[], more: Partial<TurnRequest> = {}): JsonObject[] =>
  write({ turns, ...more }).body.messages as JsonObject[];

const says = (role: Turn['role'], text: string): Turn => ({ role, parts: [{ kind: 'text', text }] });
const call = (callId: string): Part => ({
  kind: 'tool_call',
  callId,
  family: 'function',
  name: 'look',
  input: '{}',
  inputAs: 'json',
  by: 'client',
});
const result = (callId: string, text: string): Part => ({
  kind: 'tool_result',
  callId,
  family: 'function',
  output: { as: 'text', text },
  outcome: 'ok',
  by: 'client',
});
const thought: ReasoningPart = {
  kind: 'reasoning',
  text: 'hm',
  seal: { protocol: 'anthropic-messages', issuer: 'here', value: 's' },
};

describe('a conversation that the API would refuse', () => {
  test('gets a result for a call at its end', () => {
    const messages = messagesOf([says('user', 'hi'), { role: 'assistant', parts: [call('a')] }]);
    expect(messages.at(-1)).toEqual({
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'a', content: 'The tool gave no result.', is_error: true },
      ],
    });
  });

  test('tells calls apart that were counted anew in every reply', () => {
    const messages = messagesOf([
      says('user', 'hi'),
      { role: 'assistant', parts: [call('0'), call('0')] },
      { role: 'user', parts: [result('0', 'one'), result('0', 'two')] },
      { role: 'assistant', parts: [call('0')] },
      { role: 'user', parts: [result('0', 'three')] },
    ]);
    const ids = messages.flatMap(({ content }) =>
      (Array.isArray(content) ? (content as JsonObject[]) : []).map((block) => block.id ?? block.tool_use_id),
    );
    expect(ids).toEqual(['0', '0-2', '0', '0-2', '0-3', '0-3']);
  });

  test('keeps the picture in a result that answers no call, as a picture', () => {
    const picture: Part = {
      kind: 'media',
      as: 'image',
      mime: 'image/jpg',
      source: { by: 'bytes', data: 'AAAA' },
    };
    const lost: Part = { ...result('x', ''), output: { as: 'parts', parts: [picture] } } as Part;
    const [message] = messagesOf([{ role: 'user', parts: [lost] }]);
    expect(message?.content).toEqual([
      { type: 'text', text: 'Result of the tool call x:' },
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' } },
    ]);
  });

  test('does not end a reply with reasoning', () => {
    const messages = messagesOf([
      says('user', 'hi'),
      { role: 'assistant', parts: [thought] },
      says('user', 'go on'),
      { role: 'assistant', parts: [thought, { kind: 'text', text: 'so' }, thought] },
      says('user', 'and?'),
    ]);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'user', 'assistant', 'user']);
    expect((messages[2]!.content as JsonObject[]).map(({ type }) => type)).toEqual(['thinking', 'text']);
  });

  test('thinks in a turn that goes on only where it began with thinking', () => {
    const loop = (parts: Part[], ...after: Turn[]): Turn[] => [
      says('user', 'hi'),
      { role: 'assistant', parts },
      { role: 'user', parts: [result('a', 'x')] },
      ...after,
    ];
    const thinks = (turns: Turn[]) =>
      write({ turns, reasoning: { effort: 'low' } }).body.thinking !== undefined;
    expect(thinks(loop([thought, call('a')]))).toBe(true);
    expect(thinks(loop([call('a')]))).toBe(false);
    expect(thinks(loop([call('a')], says('developer', 'mind the time')))).toBe(false);
    expect(thinks(loop([call('a')], says('assistant', 'done'), says('user', 'thanks')))).toBe(true);
    expect(thinks([says('user', 'hi'), says('assistant', 'I')])).toBe(false);
  });
});

describe('what is asked of the API', () => {
  test('a tool can only be chosen among those that are offered', () => {
    const search = (type: string): TurnRequest['tools'] => [
      { family: 'web_search', name: type, wire: { protocol: 'openai-responses', value: { type } } },
    ];
    const chosen = (family: 'web_search' | 'mcp', tools = search('web_search_preview')) =>
      write({ tools, toolChoice: { mode: 'one', name: 'web_search_preview', family } });
    expect(chosen('web_search').body.tool_choice).toEqual({ type: 'tool', name: 'web_search' });
    const lost = chosen('mcp');
    expect(lost.body.tool_choice).toBeUndefined();
    expect(lost.notes).toContainEqual(expect.objectContaining({ path: 'tool_choice', weight: 'degrade' }));
  });

  test('a tool that is offered twice goes up once', () => {
    const tool = { family: 'function', name: 'look', schema: { type: 'object', properties: {} } } as const;
    const { body, notes } = write({ tools: [tool, tool] });
    expect(body.tools).toHaveLength(1);
    expect(notes).toContainEqual(expect.objectContaining({ path: 'tools.look', action: 'repaired' }));
  });

  test('the objects of an output format hold no further members', () => {
    const schema = {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'object', properties: {} } } },
    };
    const { body, notes } = write({
      output: { format: { type: 'schema', name: 'n', schema, strict: false } },
    });
    expect(body.output_config).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          additionalProperties: false,
          properties: {
            list: { type: 'array', items: { type: 'object', properties: {}, additionalProperties: false } },
          },
        },
      },
    });
    const paths = notes.map(({ path }) => path).filter((path) => path.startsWith('text.format'));
    expect(paths).toEqual(['text.format.schema', 'text.format.name', 'text.format.strict']);
  });

  test('a mark has a time that the API knows', () => {
    const part: Part = { kind: 'text', text: 'hi', cache: { ttl: '24h' } };
    const [message] = messagesOf([{ role: 'user', parts: [part] }]);
    expect((message!.content as JsonObject[])[0]!.cache_control).toEqual({ type: 'ephemeral' });
  });
});
