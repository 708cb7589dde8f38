import type { Stop, TurnEvent } from '../../turn/event.ts';
import type { Part, Tool, ToolResultPart } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { sampleArguments } from './arguments.ts';

/** How a demo model answers. Deterministic: the same request gives the same events. */
export type DemoModel = (request: TurnRequest, replyId: string) => TurnEvent[];

export const demoModels: Readonly<Record<string, DemoModel>> = {
  /** Says what it was told. */
  echo: (request, id) => reply(request, id, [{ text: lastUserText(request) || 'Hello from Dragoman.' }]),

  /** Calls the client's own tools, then tells what they answered. */
  tools(request, id) {
    const results = lastResults(request);
    if (results.length > 0) {
      const lines = results.map((result) => `The tool answered: ${resultText(result)}`);
      return reply(request, id, [{ text: lines.join('\n') }]);
    }
    const chosen = chosenTools(request);
    if (chosen.length === 0) {
      return reply(request, id, [{ text: 'No tools were offered, so there is nothing to call.' }]);
    }
    const words = quoted(toolText(request));
    return reply(request, id, [
      { text: `Calling ${chosen.map(({ tool }) => tool.name).join(' and ')}.` },
      ...chosen.map((choice) => ({ call: choice, words })),
    ]);
  },

  /**
   * Works in steps as an agent does: thinks, calls the tool that the user names with the next of what stands between
   * backticks, two at once every fifth step, and says at the end what came of it.
   */
  agent(request, id) {
    const { text, results } = task(request);
    const words = quoted(text);
    const chosen = chosenTools(request, text)[0];
    const left = words.slice(results.length);
    if (chosen === undefined || left.length === 0) {
      const last = results.at(-1);
      const told = last === undefined ? 'There was nothing to do.' : `The tool answered: ${resultText(last)}`;
      return reply(request, id, [{ text: `Done after ${results.length} calls. ${told}` }]);
    }
    const together = results.length % 5 === 4 && request.parallelTools !== false ? 2 : 1;
    return reply(request, id, [
      { reasoning: `${results.length} of ${words.length} calls are done. The next is due.` },
      ...left.slice(0, together).map((word, i) => ({
        call: chosen,
        words: [word, `Call ${results.length + i + 1} of ${words.length}`],
      })),
    ]);
  },

  /** Thinks first, with a seal that comes back with the history. */
  reason(request, id) {
    const question = lastUserText(request);
    return reply(request, id, [
      { reasoning: `The user wrote ${question.length} characters. A short answer will do.` },
      {
        text: question === '' ? 'There was nothing to think about.' : `I have thought about it: ${question}`,
      },
    ]);
  },
};

interface ChosenTool {
  readonly tool: Tool;
  readonly namespace?: string;
}

type Step = { text: string } | { reasoning: string } | { call: ChosenTool; words: readonly string[] };

function reply(request: TurnRequest, id: string, steps: readonly Step[]): TurnEvent[] {
  const events: TurnEvent[] = [{ kind: 'start', id, model: `demo/${request.model}` }];
  let outputWords = 0;
  let reasoningWords = 0;
  let called = false;
  steps.forEach((step, index) => {
    if ('text' in step) {
      events.push({ kind: 'part_start', choice: 0, index, part: { kind: 'text', text: '' } });
      for (const value of pieces(step.text)) {
        events.push({ kind: 'part_delta', choice: 0, index, delta: { field: 'text', value } });
        outputWords++;
      }
    } else if ('reasoning' in step) {
      events.push({ kind: 'part_start', choice: 0, index, part: { kind: 'reasoning' } });
      for (const value of pieces(step.reasoning)) {
        events.push({ kind: 'part_delta', choice: 0, index, delta: { field: 'summary', section: 0, value } });
        reasoningWords++;
      }
      const seal = { protocol: 'openai-responses', value: `demo-seal-${hash(step.reasoning)}` } as const;
      events.push({ kind: 'part_delta', choice: 0, index, delta: { field: 'seal', value: seal } });
    } else {
      called = true;
      const part = callPart(step.call, step.words, `call_${hash(`${id}/${index}`)}`);
      events.push({ kind: 'part_start', choice: 0, index, part: { ...part, input: '' } });
      for (const value of part.input.match(/.{1,12}/gs) ?? []) {
        events.push({ kind: 'part_delta', choice: 0, index, delta: { field: 'input', value } });
        outputWords++;
      }
    }
    events.push({ kind: 'part_end', choice: 0, index });
  });
  const stop: Stop = { reason: called ? 'tool_use' : 'end' };
  events.push(
    { kind: 'usage', usage: { fresh: promptWords(request), output: outputWords, reasoning: reasoningWords } },
    { kind: 'stop', choice: 0, stop },
  );
  return events;
}

function callPart({ tool, namespace }: ChosenTool, words: readonly string[], callId: string) {
  const custom = tool.family === 'custom';
  return {
    kind: 'tool_call' as const,
    callId,
    family: tool.family,
    name: tool.name,
    namespace,
    input: custom
      ? (words[0] ?? 'hello from dragoman')
      : JSON.stringify(sampleArguments(tool.schema ?? {}, words)),
    inputAs: custom ? ('text' as const) : ('json' as const),
    by: 'client' as const,
  };
}

/** The tools that the choice forces or the user names; the first one on offer when nobody does. */
function chosenTools(request: TurnRequest, text = toolText(request)): ChosenTool[] {
  const choice = request.toolChoice;
  if (choice?.mode === 'none') return [];
  const offered = offeredTools(request);
  if (choice?.mode === 'one') return offered.filter(({ tool }) => tool.name === choice.name).slice(0, 1);
  const named = offered.filter(({ tool }) => mentions(text, tool.name));
  const wanted = named.length > 0 ? named : offered.slice(0, 1);
  return request.parallelTools === false ? wanted.slice(0, 1) : wanted;
}

/** What the request offers, and what joins in the course of its conversation. */
const offeredTools = ({ tools, turns }: TurnRequest): ChosenTool[] =>
  [
    ...tools,
    ...turns.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === 'tool_change' && part.add) || [])),
  ].flatMap((tool): ChosenTool[] =>
    tool.family === 'namespace'
      ? (tool.tools ?? []).map((inner) => ({ tool: inner, namespace: tool.name }))
      : tool.family === 'function' || tool.family === 'custom'
        ? [{ tool }]
        : [],
  );

/** The last text of the user that names a tool: clients put reminders of their own behind what was typed. */
function toolText(request: TurnRequest): string {
  const offered = offeredTools(request);
  const last = request.turns.findLast(({ role, parts }) => role === 'user' && parts.some(isText));
  const naming = last?.parts
    .filter(isText)
    .findLast(({ text }) => offered.some(({ tool }) => mentions(text, tool.name)));
  return naming?.text ?? lastUserText(request);
}

/** The last text of the user that names a tool and gives it something to do, and the results since. */
function task(request: TurnRequest): { text: string; results: ToolResultPart[] } {
  const offered = offeredTools(request);
  const isTask = (part: Part): boolean =>
    isText(part) && part.text.includes('`') && offered.some(({ tool }) => mentions(part.text, tool.name));
  const at = request.turns.findLastIndex(({ role, parts }) => role === 'user' && parts.some(isTask));
  if (at < 0) return { text: '', results: [] };
  const text = request.turns[at]!.parts.filter(isText).findLast(isTask)!.text;
  const since = request.turns.slice(at + 1).flatMap(({ parts }) => parts);
  return { text, results: since.filter((part) => part.kind === 'tool_result') };
}

const isText = (part: Part): part is Extract<Part, { kind: 'text' }> => part.kind === 'text';

const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w-])${name.replace(/[^\w]/g, '\\$&')}(?![\\w-])`).test(text);

/** What stands between backticks: the values for the arguments, in order. */
const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

/** The last text that the user wrote in the last user turn that has any. */
function lastUserText(request: TurnRequest): string {
  for (const turn of request.turns.toReversed()) {
    if (turn.role !== 'user') continue;
    const text = turn.parts.findLast((part) => part.kind === 'text');
    if (text) return text.text;
  }
  return '';
}

/** The results after the model's last turn, in the order of the calls. */
function lastResults(request: TurnRequest): ToolResultPart[] {
  const results: ToolResultPart[] = [];
  for (const turn of request.turns.toReversed()) {
    if (turn.role === 'assistant') break;
    results.unshift(...turn.parts.filter((part) => part.kind === 'tool_result'));
  }
  return results;
}

function resultText(result: ToolResultPart): string {
  const { output } = result;
  const text =
    output.as === 'text'
      ? output.text
      : output.as === 'json'
        ? JSON.stringify(output.value)
        : output.parts.map(partText).join('');
  return text.slice(0, 2_000);
}

const partText = (part: Part): string => (part.kind === 'text' ? part.text : `[${part.kind}]`);

/** Words with the space that follows them. */
const pieces = (text: string): string[] => text.match(/\S+\s*|\s+/g) ?? [];

function promptWords(request: TurnRequest): number {
  let words = 0;
  const count = (parts: readonly Part[]) => {
    for (const part of parts) if (part.kind === 'text') words += pieces(part.text).length;
  };
  count(request.instructions);
  for (const turn of request.turns) count(turn.parts);
  return words;
}

/** Eight hex digits that depend on the text alone (FNV-1a). */
export function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
