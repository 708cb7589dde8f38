import { expect, test } from 'bun:test';
import { spellings } from '../../src/routing/model-names.ts';

test.each([
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
  ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5-20250929'],
  ['gpt-5-nano-2025-08-07', 'gpt-5-nano'],
  ['claude-3-7-sonnet-latest', 'claude-3-7-sonnet'],
  ['models/gemini-2.5-flash', 'gemini-2.5-flash'],
  ['publishers/google/models/gemini-2.5-flash', 'gemini-2.5-flash'],
  ['anthropic/claude-haiku-4.5', 'claude-haiku-4-5'],
  ['openai/gpt-5.1:free', 'gpt-5.1'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5-20250929'],
  ['anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
  ['Claude-Opus-4-6', 'claude-opus-4-6'],
])('%s is also looked for as %s', (name, id) => {
  expect(spellings(name).map((each) => each.id)).toContain(id);
});

test('the name itself comes first, and the date alone makes no other model of it', () => {
  expect(spellings('gpt-4o-2024-05-13').slice(0, 2)).toEqual([
    { id: 'gpt-4o-2024-05-13', same: true },
    { id: 'gpt-4o', same: true },
  ]);
});

test('a variant or a reseller may have terms of its own', () => {
  expect(spellings('openai/gpt-5:free').find(({ id }) => id === 'gpt-5')).toEqual({
    id: 'gpt-5',
    same: false,
  });
});

test('versions keep their dots', () => {
  const ids = spellings('gpt-5.1-codex').map(({ id }) => id);
  expect(ids[0]).toBe('gpt-5.1-codex');
  expect(ids).not.toContain('1-codex');
});
