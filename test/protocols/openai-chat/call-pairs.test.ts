import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import { modern, plain } from './support.ts';

const use = (...ids: string[]): JsonObject => ({
  role: 'assistant',
  content: ids.map((id) => ({ type: 'tool_use', id, name: 'look', input: {} })),
});
const result = (id: string, content: JsonObject['content']): JsonObject => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});
const user = (...content: JsonObject[]): JsonObject => ({ role: 'user', content });

/** What a Messages client's conversation becomes. */
function sent(messages: JsonObject[], target = modern) {
  const request = anthropicMessages.decodeRequest({ model: 'm', max_tokens: 9, messages });
  const { body, notes } = openaiChat.encodeRequest(request, target);
  return { messages: body.messages as JsonObject[], notes };
}
const told = (messages: JsonObject[]): unknown[] =>
  messages.map(({ role, tool_call_id, content }) => [role, tool_call_id ?? content ?? null]);

describe('calls and results of another protocol', () => {
  test('results follow their calls at once, whatever stood between', () => {
    const { messages } = sent([
      use('a', 'b'),
      { role: 'system', content: 'mind the time' },
      user(result('b', 'two')),
      user({ type: 'text', text: 'go on' }),
      user(result('a', 'one')),
    ]);
    expect(told(messages)).toEqual([
      ['assistant', null],
      ['tool', 'b'],
      ['tool', 'a'],
      ['system', 'mind the time'],
      ['user', 'go on'],
    ]);
  });

  test('a call without a result gets one that says so, at the end too', () => {
    const { messages, notes } = sent([use('a'), user({ type: 'text', text: 'never mind' }), use('b')]);
    expect(messages.filter(({ role }) => role === 'tool').map(({ tool_call_id }) => tool_call_id)).toEqual([
      'a',
      'b',
    ]);
    expect(messages[1]).toEqual({ role: 'tool', tool_call_id: 'a', content: 'The tool gave no result.' });
    expect(notes.filter(({ action }) => action === 'repaired')).toHaveLength(2);
  });

  test('a result without its call is told by the user', () => {
    const { messages } = sent([user(result('x', 'found'), { type: 'text', text: 'so?' })]);
    expect(told(messages)).toEqual([
      ['user', 'Result of the tool call x:\nfound'],
      ['user', 'so?'],
    ]);
  });

  test('a tool that a search has found is told by its name', () => {
    const { messages, notes } = sent([
      use('a'),
      user(result('a', [{ type: 'tool_reference', tool_name: 'WebFetch' }])),
    ]);
    expect(messages[1]!.content).toBe('WebFetch');
    expect(notes.some(({ weight }) => weight === 'refuse')).toBe(false);
  });
});

describe('content that strict servers refuse', () => {
  test('a reply of nothing but reasoning has an empty text', () => {
    const thinking = { type: 'thinking', thinking: 'hm', signature: '' };
    const { messages } = sent(
      [{ role: 'assistant', content: [thinking] }, user({ type: 'text', text: 'hi' })],
      {
        ...plain,
        abilities: { reasoningContent: true },
      },
    );
    expect(messages[0]).toEqual({ role: 'assistant', content: '', reasoning_content: 'hm' });
  });

  test('a file of text goes up as text, a PDF with a name', () => {
    const file = (media_type: string) => ({
      type: 'document',
      source: { type: 'base64', media_type, data: btoa('words') },
    });
    const { messages } = sent([user(file('text/csv'), file('application/pdf'))]);
    expect(messages[0]!.content).toEqual([
      { type: 'text', text: 'words' },
      {
        type: 'file',
        file: { file_data: `data:application/pdf;base64,${btoa('words')}`, filename: 'document.pdf' },
      },
    ]);
  });
});
