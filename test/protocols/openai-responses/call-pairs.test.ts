import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part } from '../../../src/turn/part.ts';
import type { Turn, TurnRequest } from '../../../src/turn/request.ts';
import { requestOf, target } from './support.ts';

const write = (more: Partial<TurnRequest>) =>
  openaiResponses.encodeRequest(requestOf({ protocol: 'anthropic-messages', ...more }), target);
const inputOf = (...turns: Turn[]): JsonObject[] => write({ turns }).body.input as JsonObject[];

const call = (callId: string): Part => ({
  kind: 'tool_call',
  callId,
  family: 'function',
  name: 'look',
  input: '{}',
  inputAs: 'json',
  by: 'client',
});
const result = (callId: string): Part => ({
  kind: 'tool_result',
  callId,
  family: 'function',
  output: { as: 'text', text: 'found' },
  outcome: 'ok',
  by: 'client',
});
const text = (words: string): Part => ({ kind: 'text', text: words });

describe('calls and outputs of another protocol', () => {
  test('a call without an output gets one that says so, before the next message', () => {
    const input = inputOf(
      { role: 'assistant', parts: [call('a')] },
      { role: 'user', parts: [text('never mind')] },
    );
    expect(input.map(({ type }) => type)).toEqual(['function_call', 'function_call_output', 'message']);
    expect(input[1]).toEqual({
      type: 'function_call_output',
      call_id: 'a',
      output: 'The tool gave no result.',
    });
  });

  test('an output without its call is told by the user', () => {
    const [message] = inputOf({ role: 'user', parts: [result('x')] });
    expect(message).toEqual({
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'Output of the tool call x:' },
        { type: 'input_text', text: 'found' },
      ],
    });
  });

  test('a call id fits into 64 characters, the same for call and output', () => {
    const long = `call_${'x'.repeat(200)}`;
    const input = inputOf(
      { role: 'assistant', parts: [call(long)] },
      { role: 'user', parts: [result(long)] },
    );
    expect((input[0]!.call_id as string).length).toBe(64);
    expect(input[1]!.call_id).toBe(input[0]!.call_id!);
  });
});

describe('what another protocol says otherwise', () => {
  test('a refusal in the history is plain text', () => {
    const input = inputOf({ role: 'assistant', parts: [{ kind: 'refusal', text: 'No.' }] });
    expect(input).toEqual([{ type: 'message', role: 'assistant', content: 'No.' }]);
  });

  test('a document made of parts goes up as those parts', () => {
    const document: Part = {
      kind: 'media',
      as: 'document',
      title: 'Facts',
      citable: true,
      source: { by: 'parts', parts: [text('one'), text('two')] },
    };
    const { body, notes } = write({ turns: [{ role: 'user', parts: [document] }] });
    const [message] = body.input as JsonObject[];
    expect((message!.content as JsonObject[]).map((part) => part.text)).toEqual(['Facts', 'one', 'two']);
    expect(notes.map(({ path }) => path)).toEqual([
      'messages[0].content[0].citations',
      'messages[0].content[0].source.content',
    ]);
  });

  test('a tool is chosen as what it is here, and only if it is offered', () => {
    const tools: TurnRequest['tools'] = [
      {
        family: 'web_search',
        name: 'web_search',
        wire: { protocol: 'anthropic-messages', value: { type: 'web_search_20250305', name: 'web_search' } },
      },
    ];
    const chosen = (name: string) => write({ tools, toolChoice: { mode: 'one', name } });
    expect(chosen('web_search').body.tool_choice).toEqual({ type: 'web_search' });
    expect(chosen('look').body.tool_choice).toBeUndefined();
    expect(chosen('look').notes.map(({ path }) => path)).toEqual(['tool_choice']);
  });

  test('a tool that is offered twice goes up once', () => {
    const tool = { family: 'function', name: 'look', schema: { type: 'object', properties: {} } } as const;
    const { body, notes } = write({ tools: [tool, tool] });
    expect(body.tools).toHaveLength(1);
    expect(notes.map(({ path, action }) => `${action} ${path}`)).toEqual(['repaired tools.look']);
  });
});
