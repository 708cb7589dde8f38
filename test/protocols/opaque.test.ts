import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { googleGemini } from '../../src/protocols/google-gemini/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import { replyLabels } from '../../src/protocols/opaque-stream.ts';
import { originLabel, readOriginLabel } from '../../src/protocols/opaque.ts';
import type { JsonObject } from '../../src/turn/json.ts';

const sealedText = fc.stringMatching(/^v1\.[0-9a-f]{8}\.[\w-]{20,120}$/);

describe('a label', () => {
  test('is read back before any value, in both forms', () => {
    fc.assert(
      fc.property(sealedText, fc.base64String(), fc.boolean(), (sealed, value, isBase64) => {
        const label = originLabel(sealed, { isBase64 });
        expect(readOriginLabel(label + value)).toEqual({ sealed, length: label.length });
        expect(label.length).toBeLessThan(2 * sealed.length + 20);
      }),
    );
  });

  test('as base64 stays what it is when a client decodes and encodes the whole', () => {
    fc.assert(
      fc.property(sealedText, fc.uint8Array(), (sealed, value) => {
        const whole = originLabel(sealed, { isBase64: true }) + Buffer.from(value).toString('base64');
        expect(Buffer.from(whole, 'base64').toString('base64')).toBe(whole);
        expect(Buffer.from(whole, 'base64').toString('base64url')).toStartWith(
          originLabel(sealed, { isBase64: true }),
        );
      }),
    );
  });

  test('that is broken is none', () => {
    for (const value of ['', 'drgo1:', 'drgo1:abc', 'ZHJnbzE6', 'ZHJnbzE6AAAA', 'ZHJnbzE6MDk5abc', 'EqQB'])
      expect(readOriginLabel(value)).toBeUndefined();
  });
});

const sse = (events: readonly unknown[]): string =>
  events
    .map((event) => `event: x\ndata: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('');

describe('a stream', () => {
  const signature = 'c2ln';
  const thinking = (index: number) => [
    { type: 'content_block_start', index, content_block: { type: 'thinking', thinking: '', signature: '' } },
    {
      type: 'content_block_delta',
      index,
      delta: { type: 'thinking_delta', thinking: 'the word "signature":"no" é' },
    },
    { type: 'content_block_delta', index, delta: { type: 'signature_delta', signature } },
    { type: 'content_block_delta', index, delta: { type: 'signature_delta', signature } },
    { type: 'content_block_stop', index },
  ];
  const tool = { type: 'tool_use', id: 't', name: 'f', input: { signature: 'no', data: 'no' } };
  const text = sse([
    ...thinking(0),
    { type: 'content_block_start', index: 1, content_block: { type: 'redacted_thinking', data: 'cmVk' } },
    ...thinking(2),
    { type: 'content_block_start', index: 3, content_block: tool },
  ]);
  const label = originLabel('v1.aa.bb', {});

  test('gets one label a value, wherever it is cut, also where a value comes in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), fc.boolean(), (cuts, crlf) => {
        const labels = replyLabels(anthropicMessages.opaque, 'v1.aa.bb');
        const bytes = Buffer.from(crlf ? text.replaceAll('\n', '\r\n') : text);
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const out = at.slice(1).map((to, i) => Buffer.from(labels.push(bytes.subarray(at[i], to))));
        const whole = Buffer.concat([...out, labels.end()]).toString();
        expect(whole.replaceAll(label, '')).toBe(bytes.toString());
        expect(whole.split(label)).toHaveLength(4);
        expect(whole).toContain(`"data":"${label}cmVk"`);
      }),
    );
  });

  test('is held back by no more than the event that is not whole, and ends with what was held', () => {
    const labels = replyLabels(openaiChat.opaque, 'v1.aa.bb');
    const first = sse([{ choices: [{ index: 0, delta: { content: 'hi' } }] }]);
    expect(Buffer.from(labels.push(Buffer.from(`${first}data: {"cho`))).toString()).toBe(first);
    expect(Buffer.from(labels.end()).toString()).toBe('data: {"cho');
  });

  test('that is no JSON passes', () => {
    const labels = replyLabels(openaiResponses.opaque, 'v1.aa.bb');
    const odd = 'data: {"encrypted_content\n\ndata: "encrypted_content": "x"\n\n: "encrypted_content"\n\n';
    expect(Buffer.from(labels.push(Buffer.from(odd))).toString()).toBe(odd);
  });
});

describe('left out of a request', () => {
  const isForeign = (value: string | undefined): boolean => value === 'theirs';

  test('Messages: thinking of others, and the budget of a loop that began with it', () => {
    const thought = (signature: string) => ({ type: 'thinking', thinking: 'hm', signature });
    const call = { type: 'tool_use', id: 't', name: 'f', input: { signature: 'theirs' } };
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'x' }] };
    const edits = [{ type: 'clear_thinking_20251015', keep: 'all' }, { type: 'clear_tool_uses_20250919' }];
    const body: JsonObject = {
      thinking: { type: 'enabled', budget_tokens: 1024 },
      context_management: { edits },
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: [thought('theirs'), { type: 'redacted_thinking', data: 'theirs' }] },
        { role: 'user', content: 'two' },
        { role: 'assistant', content: [thought('theirs'), call] },
        result,
      ],
    };
    const { turns, members, notes } = anthropicMessages.opaque.without(body, isForeign, 'm');
    expect(turns).toEqual([
      body.messages![0 as never],
      undefined,
      body.messages![2 as never],
      { role: 'assistant', content: [call] },
      result,
    ] as never);
    expect(members).toEqual({ thinking: { type: 'disabled' }, context_management: { edits: [edits[1]!] } });
    expect(notes.map(({ path }) => path)).toEqual([
      'messages[1].content[0].signature',
      'thinking.budget_tokens',
    ]);
    // A turn that is over needs no thinking.
    const over = { ...body, messages: (body.messages as JsonObject[]).slice(0, 3) };
    expect(anthropicMessages.opaque.without(over, isForeign, 'm').members).toBeUndefined();
    const adaptive = { ...body, thinking: { type: 'adaptive' } };
    expect(anthropicMessages.opaque.without(adaptive, isForeign, 'm').members).toBeUndefined();
  });

  test('Responses: reasoning of others, and the ids by which the API would ask for it', () => {
    const reasoning = (encrypted_content: string) => ({
      type: 'reasoning',
      id: 'rs',
      summary: [],
      encrypted_content,
    });
    const call = { type: 'function_call', id: 'fc', call_id: 'c', name: 'f', arguments: '{}' };
    const { id: _, ...nameless } = call;
    const user = { role: 'user', content: 'x', id: 'msg' };
    const input = [
      reasoning('theirs'),
      call,
      user,
      call,
      reasoning('ours'),
      call,
      { type: 'compaction', encrypted_content: 'theirs' },
    ];
    const { turns, notes } = openaiResponses.opaque.without({ input }, isForeign, 'm');
    expect(turns).toEqual([undefined, nameless, user, call, input[4]!, call, undefined]);
    expect(notes.map(({ path, weight }) => `${path} ${weight}`)).toEqual([
      'input[0].encrypted_content note',
      'input[6] refuse',
    ]);
  });

  test('Chat: entries of others, and members that hold nothing then', () => {
    const kept = { type: 'reasoning.text', text: 'hm', signature: 'ours' };
    const gone = { type: 'reasoning.encrypted', data: 'theirs' };
    const messages = [
      { role: 'assistant', content: 'a', reasoning_details: [kept, gone], reasoning_opaque: 'theirs' },
      { role: 'assistant', content: 'b', reasoning_details: [gone], reasoning_opaque: 'ours' },
      { role: 'user', content: 'c' },
    ];
    const { turns } = openaiChat.opaque.without({ messages }, isForeign, 'm');
    expect(turns).toEqual([
      { role: 'assistant', content: 'a', reasoning_details: [kept] },
      { role: 'assistant', content: 'b', reasoning_opaque: 'ours' },
      messages[2]!,
    ]);
  });

  test('Gemini: signatures of others, for which the documented word stands on calls', () => {
    const call = { functionCall: { name: 'f', args: {} } };
    const parts = [
      { text: 'hm', thought: true, thoughtSignature: 'theirs' },
      { text: 'so', thought_signature: 'theirs' },
      { ...call, thoughtSignature: 'theirs' },
      call,
      { text: '', thoughtSignature: 'theirs' },
    ];
    const contents = [
      { role: 'model', parts },
      { role: 'model', parts: [{ text: '', thoughtSignature: 'theirs' }] },
    ];
    const word = { ...call, thoughtSignature: 'skip_thought_signature_validator' };
    const { without } = googleGemini.opaque;
    expect(without({ contents }, isForeign, 'gemini-3-pro').turns).toEqual([
      { role: 'model', parts: [{ text: 'so' }, word, call] },
      undefined,
    ]);
    expect(without({ contents }, isForeign, 'gemini-2.5-pro').turns[0]).toEqual({
      role: 'model',
      parts: [{ text: 'so' }, call, call],
    });
  });
});
