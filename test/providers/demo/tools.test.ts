import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { demoModels } from '../../../src/providers/demo/replies.ts';
import type { ToolCallPart } from '../../../src/turn/part.ts';
import { replyFold } from '../../../src/turn/reply.ts';

const tool = (name: string) => ({
  type: 'function',
  name,
  parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
});

/** The calls that the demo model makes for what the user side holds. */
function callsFor(...texts: string[]): string[] {
  const content = texts.map((text) => ({ type: 'input_text', text }));
  const turn = openaiResponses.decodeRequest({
    model: 'tools',
    input: [{ role: 'user', content }],
    tools: [tool('Bash'), tool('Read')],
  });
  return demoModels['tools']!(turn, 'resp_1')
    .filter((event) => event.kind === 'part_start' && event.part.kind === 'tool_call')
    .map((event) => (event as { part: ToolCallPart }).part.name);
}

/** The arguments of the first call. */
function argumentsFor(...texts: string[]): unknown {
  const content = texts.map((text) => ({ type: 'input_text', text }));
  const turn = openaiResponses.decodeRequest({
    model: 'tools',
    input: [{ role: 'user', content }],
    tools: [tool('Bash')],
  });
  const input = demoModels['tools']!(turn, 'resp_1').flatMap((event) =>
    event.kind === 'part_delta' && event.delta.field === 'input' ? [event.delta.value] : [],
  );
  return JSON.parse(input.join(''));
}

describe('the demo model that calls tools', () => {
  test('calls the tool that is named, or the first', () => {
    expect(callsFor('Use Read, please.')).toEqual(['Read']);
    expect(callsFor('Read and Bash')).toEqual(['Bash', 'Read']);
    expect(callsFor('Do something.')).toEqual(['Bash']);
  });

  test('takes what stands between backticks for the arguments', () => {
    expect(argumentsFor('Use Bash with `ls -l`.')).toEqual({ command: 'ls -l' });
  });

  test('calls one that is offered in the conversation, also in a namespace', () => {
    const exec = { type: 'custom', name: 'exec', format: { type: 'text' } };
    const turn = openaiResponses.decodeRequest({
      model: 'tools',
      input: [
        { type: 'additional_tools', tools: [{ type: 'namespace', name: 'functions', tools: [exec] }] },
        { role: 'user', content: 'Use exec with `ls -l`.' },
      ],
    });
    const events = demoModels['tools']!(turn, 'resp_1');
    expect(events.filter((event) => event.kind === 'part_start').map(({ part }) => part)).toContainEqual(
      expect.objectContaining({ kind: 'tool_call', name: 'exec', namespace: 'functions', family: 'custom' }),
    );
    expect(JSON.stringify(events)).toContain('ls -l');
  });

  test('heeds what was typed, not a reminder that a client puts behind it', () => {
    expect(argumentsFor('Use Bash with `ls -l`.', 'Never run `json.py`.')).toEqual({ command: 'ls -l' });
  });
});

describe('the demo model that works in steps', () => {
  /** What it does in each turn of a task, when every call is answered with `done`. */
  function steps(prompt: string, more: object = {}): string[] {
    const input: object[] = [{ role: 'user', content: prompt }];
    const said: string[] = [];
    for (let turns = 0; turns < 20; turns++) {
      const turn = openaiResponses.decodeRequest({
        model: 'agent',
        input,
        tools: [tool('Bash')],
        ...more,
      } as never);
      const fold = replyFold();
      for (const event of demoModels['agent']!(turn, `resp_${turns}`)) fold.push(event);
      const parts = fold.reply().choices[0]!.parts;
      const calls = parts.filter((part) => part.kind === 'tool_call');
      said.push(calls.length > 0 ? calls.map(({ input }) => input).join(' ') : JSON.stringify(parts));
      if (calls.length === 0) return said;
      for (const { callId, name, input: args } of calls) {
        input.push({ type: 'function_call', call_id: callId, name, arguments: args });
      }
      for (const { callId } of calls) {
        input.push({ type: 'function_call_output', call_id: callId, output: `done ${callId}` });
      }
    }
    return said;
  }

  test('takes one thing at a time, two at once every fifth call, and tells the end', () => {
    const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const said = steps(`Use Bash with ${words.map((word) => `\`${word}\``).join(', ')}.`);
    const call = (word: string) => JSON.stringify({ command: word });
    expect(said.slice(0, -1)).toEqual([
      ...['a', 'b', 'c', 'd'].map(call),
      `${call('e')} ${call('f')}`,
      call('g'),
    ]);
    expect(said.at(-1)).toContain('Done after 7 calls. The tool answered: done call_');
  });

  test('never calls two at once where that is not wanted', () => {
    const prompt = `Use Bash with ${['a', 'b', 'c', 'd', 'e', 'f'].map((word) => `\`${word}\``).join(', ')}.`;
    expect(steps(prompt, { parallel_tool_calls: false })).toHaveLength(7);
  });

  test('says so when there is nothing to do', () => {
    expect(steps('Hello.')).toEqual([expect.stringContaining('There was nothing to do.')]);
  });
});
