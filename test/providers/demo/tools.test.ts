import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { demoModels } from '../../../src/providers/demo/replies.ts';
import type { ToolCallPart } from '../../../src/turn/part.ts';

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

  test('heeds what was typed, not a reminder that a client puts behind it', () => {
    expect(argumentsFor('Use Bash with `ls -l`.', 'Never run `json.py`.')).toEqual({ command: 'ls -l' });
  });
});
