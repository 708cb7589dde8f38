/** Histories of clients that broke off in mid turn: calls without a result, and results without a call. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { chat } from './makers/chat.ts';
import { gemini } from './makers/gemini.ts';
import { startMakers, type Body, type Makers } from './makers/maker.ts';
import { messages } from './makers/messages.ts';
import { responses } from './makers/responses.ts';
import { ask, startBench, surfaceNames, type Bench, type SurfaceName } from './setup.ts';

let makers: Makers;
let state: State;
let bench: Bench;
beforeAll(async () => {
  makers = startMakers(new Map(Object.entries({ chat: chat(true), responses, messages, gemini })));
  const vault = createVault(new Uint8Array(32).fill(7));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  bench = startBench({
    state,
    providers: surfaceNames.map((name) => {
      const url = `${makers.url}/${name}`;
      const type = name === 'messages' ? 'anthropic' : name === 'gemini' ? 'google' : 'openai';
      const base_url = type === 'openai' ? `${url}/v1` : url;
      const protocols = type === 'openai' ? { protocols: [`openai-${name}`] } : {};
      return { name, type, base_url, ...protocols, api_key: 'sk-x', models: ['m'] };
    }),
  });
});
afterAll(async () => {
  await bench.stop();
  await state.close();
  makers.stop();
});

/** One step of a conversation, as each client writes it. */
type Step = { user: string } | { calls: string[] } | { result: string };

const lists: Record<SurfaceName, (steps: readonly Step[]) => Body> = {
  chat: (steps) => ({
    messages: steps.map((step) => {
      if ('user' in step) return { role: 'user', content: step.user };
      if ('result' in step) return { role: 'tool', tool_call_id: step.result, content: 'sunny' };
      const tool_calls = step.calls.map((id) => ({
        id,
        type: 'function',
        function: { name: 'look', arguments: '{}' },
      }));
      return { role: 'assistant', content: null, tool_calls };
    }),
    tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
  }),
  responses: (steps) => ({
    input: steps.flatMap((step): Body[] => {
      if ('user' in step) return [{ role: 'user', content: step.user }];
      if ('result' in step) return [{ type: 'function_call_output', call_id: step.result, output: 'sunny' }];
      return step.calls.map((call_id) => ({ type: 'function_call', call_id, name: 'look', arguments: '{}' }));
    }),
    tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: false }],
  }),
  messages: (steps) => ({
    messages: steps.map((step) => {
      if ('user' in step) return { role: 'user', content: [{ type: 'text', text: step.user }] };
      if ('result' in step)
        return {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: step.result, content: 'sunny' }],
        };
      return {
        role: 'assistant',
        content: step.calls.map((id) => ({ type: 'tool_use', id, name: 'look', input: {} })),
      };
    }),
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
  }),
  gemini: (steps) => ({
    contents: steps.map((step) => {
      if ('user' in step) return { role: 'user', parts: [{ text: step.user }] };
      if ('result' in step)
        return {
          role: 'user',
          parts: [{ functionResponse: { id: step.result, name: 'look', response: { output: 'sunny' } } }],
        };
      return {
        role: 'model',
        parts: step.calls.map((id) => ({ functionCall: { id, name: 'look', args: {} } })),
      };
    }),
    tools: [{ functionDeclarations: [{ name: 'look' }] }],
  }),
};

const histories: readonly (readonly [what: string, orphan: string, steps: readonly Step[]])[] = [
  ['a call whose result never came', 'call_A', [{ user: 'one' }, { calls: ['call_A'] }, { user: 'two' }]],
  [
    'one of two calls whose result never came',
    'call_B',
    [{ user: 'one' }, { calls: ['call_A', 'call_B'] }, { result: 'call_A' }, { user: 'two' }],
  ],
  ['a call at the very end', 'call_A', [{ user: 'one' }, { calls: ['call_A'] }]],
  ['a result whose call is gone', 'call_A', [{ result: 'call_A' }, { user: 'two' }]],
  [
    'a result that comes twice',
    'call_A',
    [{ user: 'one' }, { calls: ['call_A'] }, { result: 'call_A' }, { result: 'call_A' }, { user: 'two' }],
  ],
  [
    'a result that comes after the next words',
    'call_A',
    [{ user: 'one' }, { calls: ['call_A'] }, { user: 'two' }, { result: 'call_A' }, { user: 'three' }],
  ],
  [
    'a loop that broke off, and went on with another call',
    'call_A',
    [{ user: 'one' }, { calls: ['call_A'] }, { calls: ['call_B'] }, { result: 'call_B' }, { user: 'two' }],
  ],
];

for (const surface of surfaceNames) {
  for (const upstream of surfaceNames.filter((name) => name !== surface)) {
    describe(`${surface} client, ${upstream} upstream`, () => {
      test.each(histories)('%s is repaired with a note', async (what, orphan, steps) => {
        const body = { model: `${upstream}/m`, ...lists[surface](steps), store: undefined };
        const answer = await ask(bench, surface, body);
        expect([answer.status, makers.refused.splice(0), await answer.text()]).toEqual([
          200,
          [],
          expect.any(String),
        ]);
        const repairs = bench.records.at(-1)!.notes.filter(({ action }) => action === 'repaired');
        // It is carried to its call, where that is wanted.
        if (what.includes('after the next words')) return;
        expect(repairs.map(({ why }) => why).join()).toContain(orphan);
        expect(answer.headers.get('dragoman-notes')).toContain('=repaired');
      });
    });
  }
}

describe('a stored turn whose calls never got an output', () => {
  const turn = async (upstream: SurfaceName, members: Record<string, unknown>) => {
    const answer = await ask(bench, 'responses', { model: `${upstream}/m`, ...members });
    expect([answer.status, makers.refused.splice(0)]).toEqual([200, []]);
    return { answer, body: (await answer.json()) as { id: string; output: Body[] } };
  };
  const callsIn = (output: readonly Body[]) =>
    output.filter(({ type }) => type === 'function_call').map(({ call_id }) => String(call_id));

  test.each(surfaceNames)('goes on with new words at an upstream that speaks %s', async (upstream) => {
    const first = await turn(upstream, { input: 'one' });
    const calls = callsIn(first.body.output);
    expect(calls.length).toBeGreaterThan(0);
    const second = await turn(upstream, { input: 'two', previous_response_id: first.body.id });
    const whys = bench.records
      .at(-1)!
      .notes.filter(({ action }) => action === 'repaired')
      .map(({ why }) => why);
    for (const id of calls) expect(whys.join()).toContain(id);
    expect(second.answer.headers.get('dragoman-notes')).toContain('previous_response_id=repaired');
    // And the one after it; what was open stays answered in the same way, and what is answered has its own output.
    const results = callsIn(second.body.output).map((call_id) => ({
      type: 'function_call_output',
      call_id,
      output: 'fog',
    }));
    await turn(upstream, { input: results, previous_response_id: second.body.id });
    const sent = JSON.stringify(makers.taken.at(-1)!.body);
    expect(sent.split('The tool gave no result.').length - 1).toBe(calls.length);
    expect(sent).toContain('fog');
  });

  test('is told nothing where its outputs come', async () => {
    const first = await turn('responses', { input: 'one' });
    const input = callsIn(first.body.output).map((call_id) => ({
      type: 'function_call_output',
      call_id,
      output: 'fog',
    }));
    const second = await turn('responses', { input, previous_response_id: first.body.id });
    expect(second.answer.headers.get('dragoman-notes')).toBeNull();
  });
});

test.each(surfaceNames)(
  'a %s client’s own upstream says itself what is missing, and names it',
  async (surface) => {
    const [, orphan, steps] = histories[0]!;
    const answer = await ask(bench, surface, { model: `${surface}/m`, ...lists[surface](steps) });
    expect(answer.status).toBe(400);
    const [why] = makers.refused.splice(0);
    expect(await answer.text()).toContain(
      surface === 'gemini' ? 'function' : surface === 'messages' ? 'tool_use' : orphan,
    );
    expect(why).toBeDefined();
  },
);
