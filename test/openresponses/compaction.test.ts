import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createVault } from '../../src/accounts/vault.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import { list, object, string } from '../conformance/canonical/read.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import { exchange, itemsOf, textOf, type Json } from './exchange.ts';
import { refusalFaults, replyFaults } from './rules.ts';
import { schemaFaults } from './schema.ts';
import { startStage, upstreamNames, type Stage } from './setup.ts';
import { tokens } from './upstreams/model.ts';

// Compaction as the specification has it, on every kind of upstream, and on one that compacts by itself.
const described = corpusAvailable ? describe : describe.skip;

// The first turn compiles the schemas of both sides.
setDefaultTimeout(30_000);

let state: State;
let stage: Stage;
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(7));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  stage = startStage({ state });
});
afterAll(async () => {
  await stage.stop();
  await state.close();
});

const user = (content: string): Json => ({ type: 'message', role: 'user', content });
const trigger: Json = { type: 'compaction_trigger' };
const said: Json[] = [
  user('My name is Alice.'),
  { type: 'message', role: 'assistant', content: 'Hello Alice!' },
];

async function compact(body: Json): Promise<{ status: number; body: Json; text: string }> {
  const reply = await fetch(`${stage.url}/v1/responses/compact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, body: JSON.parse(text) as Json, text };
}

const spent = { input: tokens.input, output: tokens.output };

for (const upstream of [...upstreamNames, 'compacting']) {
  described(`compaction at a ${upstream} upstream (${corpusRoot})`, () => {
    const model = `${upstream}/m`;

    for (const stream of [false, true]) {
      const how = stream ? ', streamed' : '';

      test(`a trigger gives one compaction item, from which the conversation goes on${how}`, async () => {
        const request = { model, input: [...said, trigger], store: false };
        const first = await exchange(stage.url, request, stream);
        expect(replyFaults(first)).toEqual([]);
        expect(list(first.response['output']).map(({ type }) => type)).toEqual(['compaction']);
        expect(first.response).toMatchObject({ status: 'completed', store: false, tool_choice: 'auto' });
        expect(first.text).not.toContain('Alice');
        const { usage } = stage.bench.records.at(-1)!;
        expect(object(first.response['usage'])).toMatchObject({
          input_tokens: spent.input,
          output_tokens: spent.output,
        });
        expect(usage?.output).toBeNumber();
        const input = [...itemsOf(first.response, 'compaction'), user('What is my name?')];
        const second = await exchange(stage.url, { model, input, store: false }, stream);
        expect(replyFaults(second)).toEqual([]);
        expect(textOf(second.response)).toBe('Your name is Alice.');
      });

      test(`a stored conversation is replaced by its compaction${how}`, async () => {
        const first = await exchange(stage.url, { model, input: said }, stream);
        const short = await exchange(
          stage.url,
          { model, input: [trigger], previous_response_id: string(first.response['id']) },
          stream,
        );
        expect(replyFaults(short)).toEqual([]);
        // What passes untouched tells what its server was told.
        const told = upstream === 'compacting' ? null : first.response['id'];
        expect(short.response['previous_response_id']).toBe(told!);
        const next = await exchange(
          stage.url,
          { model, input: 'What is my name?', previous_response_id: string(short.response['id']) },
          stream,
        );
        expect(replyFaults(next)).toEqual([]);
        expect(textOf(next.response)).toBe('Your name is Alice.');
      });
    }

    test('the route for compactions answers the resource, whose output is the next input', async () => {
      const { status, body, text } = await compact({ model, input: [...said, user('Remember that.')] });
      expect([status, schemaFaults('CompactResource', body)]).toEqual([200, []]);
      expect(itemsOf(body, 'compaction')).toHaveLength(1);
      expect(text).not.toContain('drgc.drgc');
      expect(object(body['usage'])).toMatchObject({
        input_tokens: spent.input,
        output_tokens: spent.output,
      });
      const input = [...list(body['output']), user('What is my name?')];
      const next = await exchange(stage.url, { model, input }, false);
      expect(replyFaults(next)).toEqual([]);
      expect(textOf(next.response)).toBe('Your name is Alice.');
      const again = await compact({ model, input: list(body['output']) });
      expect(itemsOf(again.body, 'compaction')).toHaveLength(1);
      expect(again.text).not.toContain('What follows is a summary');
    });

    test('a wish for a compaction where nothing was said is refused or fulfilled, never hung up on', async () => {
      const reply = await exchange(stage.url, { model, input: [trigger] }, false);
      if (upstream === 'compacting') expect(replyFaults(reply)).toEqual([]);
      else expect(refusalFaults(reply)).toEqual([]);
    });

    if (upstream === 'compacting') return;

    for (const how of ['a summary that breaks off', 'a summary that fails', 'a summary without end']) {
      test(`${how} is an error and replaces nothing`, async () => {
        const begun = await exchange(stage.url, { model, input: [user(how)] }, false);
        const previous_response_id = string(begun.response['id']);
        const request = { model, input: [trigger], previous_response_id };
        const whole = await exchange(stage.url, request, false);
        expect(refusalFaults(whole)).toEqual([]);
        expect(whole.status).toBeGreaterThanOrEqual(500);
        expect(stage.bench.records.at(-1)!.outcome).not.toBe('ok');
        const streamed = await exchange(stage.url, request, true);
        expect(streamed.text).not.toContain('response.completed');
        expect(streamed.status >= 500 || streamed.response['status'] === 'failed').toBe(true);
        expect(stage.bench.records.at(-1)!.outcome).not.toBe('ok');
        expect((await compact({ model, input: [user(how), user('go on')] })).status).toBeGreaterThanOrEqual(
          500,
        );
        const next = await exchange(stage.url, { model, input: 'Say hello.', previous_response_id }, false);
        expect(textOf(next.response)).toBe('Hello there, friend!');
      });
    }
  });
}

described('the compaction of another server', () => {
  const foreign = {
    type: 'compaction',
    id: 'cmp_1',
    encrypted_content: `gAAAA${btoa('Summary. My name is Alice. Hello Alice!')}`,
  };
  const request = { input: [foreign, user('What is my name?')], store: false };

  test('goes back to it as it came', async () => {
    const reply = await exchange(stage.url, { model: 'compacting/m', ...request }, false);
    expect(textOf(reply.response)).toBe('Your name is Alice.');
    expect(list(stage.upstreams.responses.bodies.at(-1)!['input'])[0]).toEqual(foreign);
  });

  for (const upstream of ['messages', 'gemini', 'chat']) {
    test(`is refused by name where ${upstream} is spoken`, async () => {
      const reply = await exchange(stage.url, { model: `${upstream}/m`, ...request }, false);
      expect([reply.status, refusalFaults(reply)]).toEqual([400, []]);
      expect(reply.text).toContain('input[0]');
    });
  }
});
