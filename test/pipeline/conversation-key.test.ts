import { expect, test } from 'bun:test';
import { conversationKey } from '../../src/pipeline/conversation-key.ts';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { sessionInMetadata } from '../../src/server/client-habits.ts';

const bytes = (body: unknown) => new TextEncoder().encode(JSON.stringify(body));
const user = (content: unknown) => ({ role: 'user', content });
const keyOf = (surface: Protocol, body: unknown, caller = 'me', sessionId?: string) =>
  conversationKey({ caller: { id: caller }, sessionId, sessionIn: sessionInMetadata, surface }, bytes(body));
const chatKey = (messages: unknown[], caller?: string) => keyOf(openaiChat, { model: 'm', messages }, caller);

test('the id that a client sends in a header is the conversation', () => {
  expect(keyOf(openaiChat, {}, 'me', 's1')).toBe('me\ns1');
});

test('so is the one in the body, whatever else has changed', () => {
  const key = (more: object) => keyOf(openaiResponses, { model: 'm', input: 'hi', ...more });
  expect(key({ prompt_cache_key: 'a' })).toBe(key({ prompt_cache_key: 'a', input: 'more' })!);
  expect(key({ prompt_cache_key: 'a' })).not.toBe(key({ prompt_cache_key: 'b' }));
  expect(key({ conversation: { id: 'c' } })).toBe(key({ conversation: 'c' })!);
});

test('Claude Code’s user id holds its session', () => {
  const key = (session: string) => {
    const metadata = { user_id: JSON.stringify({ device_id: 'd', session_id: session }) };
    return keyOf(anthropicMessages, { model: 'm', metadata, messages: [user('hi')] });
  };
  expect(key('a')).not.toBe(key('b'));
});

test('a user id without a session is a person, who has many conversations', () => {
  const key = (text: string) =>
    keyOf(anthropicMessages, { model: 'm', metadata: { user_id: 'me' }, messages: [user(text)] });
  expect(key('hi')).not.toBe(key('bye'));
});

test('without an id, turns that begin alike are one conversation', () => {
  const system = { role: 'system', content: 'be kind' };
  const first = chatKey([system, user('write a poem')]);
  expect(chatKey([system, user('write a poem'), { role: 'assistant', content: 'no' }, user('please')])).toBe(
    first!,
  );
  expect(chatKey([system, user('write a song')])).not.toBe(first);
  expect(chatKey([system, user('write a poem')], 'another')).not.toBe(first);
});

test('a cache mark that moves on is no new conversation', () => {
  const block = { type: 'text', text: 'a "brace } and \\ more' };
  const marked = { ...block, cache_control: { type: 'ephemeral' } };
  expect(chatKey([user([marked])])).toBe(chatKey([user([block]), { role: 'assistant', content: 'ok' }])!);
});

test('what the user says before the first answer tells conversations apart, all of it', () => {
  const context = user('<context>the same for all</context>');
  const answer = { role: 'assistant', content: 'ok' };
  const poem = chatKey([context, user('a poem')]);
  expect(chatKey([context, user('a poem'), answer, user('another')])).toBe(poem!);
  expect(chatKey([context, user('a song')])).not.toBe(poem);
  const long = user([
    { type: 'text', text: 'x'.repeat(100_000) },
    { type: 'text', text: 'a poem' },
  ]);
  const other = user([
    { type: 'text', text: 'x'.repeat(100_000) },
    { type: 'text', text: 'a song' },
  ]);
  expect(chatKey([long])).not.toBe(chatKey([other]));
});

test('items that are no messages end the opening', () => {
  const call = { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' };
  const first = keyOf(openaiResponses, { model: 'm', input: [user('hi')] });
  expect(keyOf(openaiResponses, { model: 'm', input: [user('hi'), call, user('more')] })).toBe(first!);
});

test('a very long first message is known by how it begins', () => {
  const long = 'x'.repeat(1_000_000);
  expect(chatKey([user(long)])).toBe(chatKey([user(long), { role: 'assistant', content: 'ok' }])!);
});

test('a bare string is its own first message, and no message tells nothing', () => {
  const key = (input: unknown) => keyOf(openaiResponses, { model: 'm', input });
  expect(key('hello')).toBeDefined();
  expect(key('hello')).not.toBe(key('bye'));
  expect(key('hello')).toBe(key([user('hello'), { role: 'assistant', content: 'ok' }, user('more')])!);
  expect(chatKey([])).toBeUndefined();
  expect(keyOf(openaiChat, { model: 'm' })).toBeUndefined();
});
