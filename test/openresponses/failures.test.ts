import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { object, string } from '../conformance/canonical/read.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import type { UpstreamName } from './cases.ts';
import { exchange, textOf, type Json } from './exchange.ts';
import { refusalFaults, replyFaults } from './rules.ts';
import { startStage, upstreamNames, type Stage } from './setup.ts';
import { remembered } from './upstreams/responses.ts';

const described = corpusAvailable ? describe : describe.skip;

let stage: Stage;
beforeAll(() => {
  stage = startStage();
});
afterAll(() => stage.stop());

const user = (content: string): Json => ({ type: 'message', role: 'user', content });

/** Asks what is to be refused; the error object that came, once its shape is right. */
async function refused(request: Json, stream: boolean): Promise<{ status: number; error: Json }> {
  const answer = await exchange(stage.url, request, stream);
  expect(refusalFaults(answer)).toEqual([]);
  return { status: answer.status, error: object(answer.response['error']) };
}

for (const upstream of upstreamNames) {
  described(`Open Responses errors from a ${upstream} upstream (${corpusRoot})`, () => {
    const model = `${upstream}/m`;

    for (const stream of [false, true]) {
      const how = stream ? ', streamed' : '';

      test(`a model that is not there is a 404 that says so${how}`, async () => {
        const { status, error } = await refused({ model: `${upstream}/none`, input: 'hi' }, stream);
        expect({ status, code: error['code'] }).toEqual({ status: 404, code: 'model_not_found' });
      });

      test(`input of a wrong type is a 400 that names the field${how}`, async () => {
        const answer = await exchange(stage.url, { model, input: 17 }, stream);
        expect(answer.status).toBe(400);
        // In the native lane the refusal is the upstream's own, and its words are too.
        if (upstream !== 'responses') {
          expect(refusalFaults(answer)).toEqual([]);
          expect(object(answer.response['error'])).toMatchObject({
            type: 'invalid_request_error',
            param: 'input',
          });
        }
      });

      test(`a rate limit is a 429 with its code${how}`, async () => {
        const { status, error } = await refused({ model, input: [user('fail with 429')] }, stream);
        expect({ status, code: error['code'] }).toEqual({ status: 429, code: 'rate_limit_exceeded' });
      });

      test(`an upstream that is overloaded is a server error${how}`, async () => {
        const { status, error } = await refused({ model, input: [user('fail with 503')] }, stream);
        expect(status).toBeGreaterThanOrEqual(500);
        expect(error['type']).toBe('server_error');
      });

      test(`an unknown previous response is refused, never ignored${how}`, async () => {
        const request = { model, input: [user('What is my name?')], previous_response_id: 'resp_unknown' };
        const { status, error } = await refused(request, stream);
        expect({ status, param: error['param'] }).toEqual({ status: 400, param: 'previous_response_id' });
      });
    }

    test('an error in mid-stream is told, then the response fails', async () => {
      const answer = await exchange(stage.url, { model, input: [user('break with an error')] }, true);
      expect(endOf(answer.events)).toEqual(
        upstream === 'responses' ? ['error'] : ['error', 'response.failed'],
      );
      if (upstream !== 'responses') {
        expect(replyFaults(answer)).toEqual([]);
        expect(textOf(answer.response)).toBe('');
      }
    });

    test('a stream that breaks off fails instead of ending', async () => {
      const answer = await exchange(stage.url, { model, input: [user('break off')] }, true);
      expect(endOf(answer.events)).toEqual(['error', 'response.failed']);
      expect(object(answer.response['error'])['code']).toBe('server_error');
      if (upstream !== 'responses') expect(replyFaults(answer)).toEqual([]);
    });
  });
}

/** The events that end a stream badly. */
const endOf = (events: readonly Json[]): string[] =>
  events
    .map((event) => string(event['type']))
    .filter((type) => type === 'error' || type === 'response.failed');

described('Open Responses requests before any upstream', () => {
  test.each([
    ['a body that is not JSON', '{"model": '],
    ['a body without a model', '{"input": "hi"}'],
    ['a body that is a list', '[]'],
  ])('%s is a 400 in the shape of an error', async (_, body) => {
    const reply = await fetch(`${stage.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = await reply.text();
    const response = object(JSON.parse(text));
    const contentType = reply.headers.get('content-type') ?? '';
    const answer = {
      request: {},
      stream: false,
      status: reply.status,
      contentType,
      text,
      response,
      blocks: [],
      events: [],
    };
    expect(refusalFaults(answer)).toEqual([]);
    expect(reply.status).toBe(400);
  });
});

described('previous_response_id over HTTP, where the gateway keeps nothing', () => {
  test.each([false, true])('an upstream that remembers goes on from it (streamed: %p)', async (stream) => {
    const request = {
      model: 'responses/m',
      input: [user('What is my name?')],
      previous_response_id: remembered,
    };
    const answer = await exchange(stage.url, request, stream);
    expect(replyFaults(answer)).toEqual([]);
    expect(textOf(answer.response)).toBe('Your name is Alice.');
    expect(answer.response['previous_response_id']).toBe(remembered);
  });

  test.each(upstreamNames.filter((name): name is Exclude<UpstreamName, 'responses'> => name !== 'responses'))(
    'a %s upstream is never asked with half a conversation',
    async (name) => {
      const before = stage.upstreams[name].bodies.length;
      await exchange(
        stage.url,
        { model: `${name}/m`, input: [user('What is my name?')], previous_response_id: remembered },
        false,
      );
      expect(stage.upstreams[name].bodies.length).toBe(before);
    },
  );
});
