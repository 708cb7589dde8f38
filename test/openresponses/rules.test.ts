import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { list, object, string } from '../conformance/canonical/read.ts';
import { blocksOfPayloads, corpusAvailable } from '../support/corpus.ts';
import { exchange, terminalTypes, type Exchange, type Json } from './exchange.ts';
import { replyFaults } from './rules.ts';
import { startStage, type Stage } from './setup.ts';

// The rules are worth what they catch: a good reply with one thing broken.
const described = corpusAvailable ? describe : describe.skip;

let stage: Stage;
let good: Exchange;
let whole: Exchange;
beforeAll(async () => {
  if (!corpusAvailable) return;
  stage = startStage();
  const request = {
    model: 'messages/m',
    input: 'What is the weather in Oslo?',
    reasoning: { effort: 'medium' },
    tools: [{ type: 'function', name: 'get_weather', parameters: { type: 'object' } }],
  };
  good = await exchange(stage.url, request, true);
  whole = await exchange(stage.url, request, false);
});
afterAll(() => stage?.stop());

type Edit = (events: Json[]) => Json[];

const without =
  (type: string): Edit =>
  (events) =>
    events.filter((event) => event['type'] !== type);

const change =
  (type: string, members: Json): Edit =>
  (events) =>
    events.map((event) => (event['type'] === type ? { ...event, ...members } : event));

const broken: readonly [string, Edit, RegExp][] = [
  ['a stream without its first event', without('response.created'), /begins with response\.in_progress/],
  ['a stream without its end', without('response.completed'), /0 terminal events/],
  ['a second end', (events) => [...events, events.at(-1)!], /2 terminal events/],
  ['an event after the end', (events) => [...events, events[1]!], /ends with response\.in_progress/],
  ['a type that does not exist', change('response.in_progress', { type: 'response.progress' }), /no event/],
  ['an item that is not announced', without('response.output_item.added'), /not added/],
  ['an item that is not done', without('response.output_item.done'), /never done/],
  ['a gap in the places', change('response.output_item.added', { output_index: 4 }), /next place is 0/],
  [
    'another item_id',
    change('response.function_call_arguments.delta', { item_id: 'fc_x' }),
    /item_id is fc_x/,
  ],
  ['lost arguments', without('response.function_call_arguments.delta'), /not what its deltas said/],
  ['a summary that is not opened', without('response.reasoning_summary_part.added'), /not open/],
  ['a summary that is not closed', without('response.reasoning_summary_part.done'), /summary 0 is said/],
  [
    'a delta without its text',
    change('response.reasoning_summary_text.delta', { delta: undefined }),
    /'delta'/,
  ],
  [
    'an event without its number',
    (events) => events.map((event) => ({ ...event, sequence_number: undefined })),
    /'sequence_number'/,
  ],
  [
    'a final output that lacks an item',
    (events) => [
      ...events.slice(0, -1),
      edited(events.at(-1)!, (response) => ({ output: list(response['output']).slice(1) })),
    ],
    /not the items as done/,
  ],
  [
    'another id at the end',
    (events) => [...events.slice(0, -1), edited(events.at(-1)!, () => ({ id: 'resp_other' }))],
    /has another id/,
  ],
];

const edited = (event: Json, edit: (response: Json) => Json): Json => {
  const response = object(event['response']);
  return { ...event, response: { ...response, ...edit(response) } };
};

/** The same exchange with other events, numbered anew where they have numbers, as JSON carries them. */
function withEvents(events: readonly Json[]): Exchange {
  const numbered = events.map((event, i): Json => {
    const number = event['sequence_number'] === undefined ? {} : { sequence_number: i };
    return JSON.parse(JSON.stringify({ ...event, ...number })) as Json;
  });
  const payloads = numbered.map((event) => JSON.stringify(event));
  const blocks = blocksOfPayloads(payloads, 'openai-responses');
  const last = numbered.findLast((event) => terminalTypes.has(string(event['type'])));
  return { ...good, events: numbered, blocks, response: object(last?.['response']), text: '' };
}

described('the rules for a streamed response', () => {
  test('find nothing in a good one', () => {
    expect(good.events.length).toBeGreaterThan(10);
    expect(replyFaults(withEvents(good.events))).toEqual([]);
  });

  test.each(broken)('find %s', (_, edit, fault) => {
    expect(replyFaults(withEvents(edit([...good.events]))).join('\n')).toMatch(fault);
  });

  test('find an event name that is not the type', () => {
    const blocks = good.blocks.map((block, i) => (i === 0 ? { ...block, event: 'message' } : block));
    expect(replyFaults({ ...good, blocks }).join('\n')).toMatch(/event: message carries/);
  });

  test('allow [DONE] at the end and nowhere else', () => {
    const done = { text: 'data: [DONE]', data: '[DONE]' };
    expect(replyFaults({ ...good, blocks: [...good.blocks, done] })).toEqual([]);
    expect(replyFaults({ ...good, blocks: [done, ...good.blocks] }).join('\n')).toMatch(/after \[DONE\]/);
  });

  test('find a stream that is sent as something else', () => {
    expect(replyFaults({ ...good, contentType: 'text/plain' }).join('\n')).toMatch(
      /content-type is text\/plain/,
    );
  });
});

const brokenWhole: readonly [string, Json, RegExp][] = [
  ['a status that does not exist', { status: 'done' }, /status is done/],
  ['an incomplete response without a reason', { status: 'incomplete' }, /incomplete with incomplete_details/],
  ['a failed response without an error', { status: 'failed' }, /failed with error/],
  ['a member that lacks', { parallel_tool_calls: undefined }, /parallel_tool_calls/],
  ['a member of a wrong type', { usage: { input_tokens: '11' } }, /usage/],
  ['output that is not a list', { output: null }, /output/],
];

described('the rules for a whole response', () => {
  test('find nothing in a good one', () => {
    expect(replyFaults(whole)).toEqual([]);
  });

  test.each(brokenWhole)('find %s', (_, members, fault) => {
    const response = JSON.parse(JSON.stringify({ ...whole.response, ...members })) as Json;
    expect(replyFaults({ ...whole, response }).join('\n')).toMatch(fault);
  });

  test('find an item that is cut in a completed response', () => {
    const output = list(whole.response['output']).map((item) => ({ ...item, status: 'incomplete' }));
    const faults = replyFaults({ ...whole, response: { ...whole.response, output } }).join('\n');
    expect(faults).toMatch(/item 0 is incomplete and not the last/);
    expect(faults).toMatch(/item 1 is incomplete in a completed response/);
  });
});
