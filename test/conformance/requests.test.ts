import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { asArray, type Json, type JsonObject } from '../../src/turn/json.ts';
import { hello, startBench, type Bench, type SurfaceName } from '../gateway/setup.ts';
import { corpusAvailable, corpusRoot } from '../support/corpus.ts';
import type { ReplayRequest, Script } from '../support/replay.ts';
import { has, object, string } from './canonical/read.ts';
import { type Surface, surfaces } from './finish.ts';
import {
  fuzzRequests,
  recordedRequests,
  type RecordedRequest,
  toolBody,
  toolRequests,
} from './recorded-requests.ts';
import { unknownMembers } from './request-members.ts';
import { requestSchemaFaults, resultSchemaFaults } from './schema.ts';
import { secondReply } from './second-turn.ts';

/** What the published descriptions do not know and is sent all the same, to the upstream or to the client. */
const accepted: readonly { readonly fault: RegExp; readonly of?: RegExp; readonly why: string }[] = [
  {
    fault: /^messages\[\d+\]\.reasoning_content$/,
    why: 'Servers that are not OpenAI read reasoning back in this member; nobody else is sent it.',
  },
  {
    fault: /\/max_tokens must be >= 0$|\/top_logprobs must be [<>]= /,
    of: /^fuzz-requests/,
    why: 'A number out of range is the client’s mistake, and the upstream’s to refuse in its own words.',
  },
  {
    fault: /^Open Responses: ResponseResource\/reasoning\/effort /,
    why: 'Open Responses does not list `minimal`, which the vendor’s own description has.',
  },
  {
    fault: /^Open Responses: ResponseResource\/text\/format\/schema must be null$/,
    why: 'Open Responses describes the schema of a format as null alone.',
  },
];

/** What a client's request may be refused for: it asks for what only the vendor's own servers hold. */
const refused: readonly RegExp[] = [
  /previous_response_id cannot be carried/,
  /compaction/,
  /thread: this gateway does not keep threads/,
];

const nameOf: Readonly<Record<Surface, SurfaceName>> = {
  'openai-chat': 'chat',
  'openai-responses': 'responses',
  'anthropic-messages': 'messages',
};
const routeOf: Readonly<Record<Surface, string>> = {
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  'anthropic-messages': '/v1/messages',
};

const recorded = corpusAvailable ? describe : describe.skip;

recorded(`recorded requests through the gateway (${corpusRoot})`, () => {
  let bench: Bench;
  beforeAll(() => {
    bench = startBench();
    bench.upstream.handle(reply);
  });
  afterAll(() => bench.stop());

  /** Asks for one model on one surface; what came back, and what reached the upstream. */
  async function ask(surface: Surface, upstream: Surface, body: JsonObject) {
    const before = bench.upstream.requests.length;
    const response = await fetch(bench.url + routeOf[surface], {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, model: `${nameOf[upstream]}/m` }),
      signal: AbortSignal.timeout(5_000),
    });
    const text = await response.text();
    return { status: response.status, text, sent: bench.upstream.requests.slice(before) };
  }

  async function faultsOf({ name, surface, body }: RecordedRequest): Promise<string[]> {
    const faults: string[] = [];
    for (const upstream of surfaces) {
      const answer = await ask(surface, upstream, body);
      const found =
        answer.status < 300
          ? [
              ...sentFaults(surface, upstream, body, answer.sent),
              // In the native lane the reply is the upstream's own.
              ...(surface === upstream ? [] : replyFaults(surface, body, answer.text)),
            ]
          : refusalFaults(name, surface, answer);
      faults.push(
        ...found
          .filter((fault) => !accepted.some((one) => one.fault.test(fault) && (one.of?.test(name) ?? true)))
          .map((fault) => `${name} (${surface}) → ${upstream}: ${fault}`),
      );
    }
    return faults;
  }

  async function allFaults(requests: readonly RecordedRequest[]): Promise<string[]> {
    expect(requests.length).toBeGreaterThan(0);
    const faults: string[] = [];
    for (const request of requests) faults.push(...(await faultsOf(request)));
    return faults;
  }

  for (const surface of surfaces) {
    test(`what clients of ${surface} send reaches every upstream in a form that it takes`, async () => {
      expect(await allFaults(recordedRequests().filter((request) => request.surface === surface))).toEqual(
        [],
      );
    }, 15_000);
  }

  test('every recorded tool schema can be offered to every upstream', async () => {
    expect(await allFaults(toolRequests())).toEqual([]);
  });

  test('odd requests are answered or refused, and the next one is served', async () => {
    expect(await allFaults(fuzzRequests())).toEqual([]);
    for (const upstream of surfaces) {
      const { status } = await ask('openai-chat', upstream, toolBody('openai-chat', []));
      expect(status).toBe(200);
    }
  });
});

recorded('the descriptions that sent requests are held against', () => {
  const messages = [{ role: 'user', content: 'hi', cache_control: {} }];

  test('tell a member of another protocol', () => {
    expect(unknownMembers('openai-chat', { model: 'm', messages, top_k: 3 })).toEqual([
      'messages[0].cache_control',
      'top_k',
    ]);
    expect(unknownMembers('openai-responses', { model: 'm', input: messages, stop: [] })).toEqual([
      'input[0].cache_control',
      'stop',
    ]);
    expect(unknownMembers('anthropic-messages', { model: 'm', messages, seed: 1 })).toEqual([
      'messages[0].cache_control',
      'seed',
    ]);
  });

  test('tell a value of another kind', () => {
    expect(requestSchemaFaults('openai-chat', { model: 'm', messages: [] })).not.toEqual([]);
    expect(requestSchemaFaults('openai-responses', { model: 'm', input: [{ type: 'what' }] })).not.toEqual(
      [],
    );
    expect(requestSchemaFaults('anthropic-messages', { model: 'm', messages: [] })).not.toEqual([]);
  });
});

const protocols: Readonly<Record<Surface, Protocol>> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  'anthropic-messages': anthropicMessages,
};

recorded('recorded conversations', () => {
  const abilities = { modernChat: true, reasoningContent: true };

  /** The conversation as it goes up, an entry a message or item. */
  function sentList(surface: Surface, upstream: Surface, body: JsonObject): string[] {
    const request = protocols[surface].decodeRequest(structuredClone(body));
    const sent = protocols[upstream].encodeRequest(request, { model: 'm', issuer: 'up', abilities }).body;
    return asArray(sent.messages ?? sent.input).map((entry) => JSON.stringify(entry));
  }

  for (const surface of surfaces) {
    test(`of ${surface} begin, in their next turn, as they were sent before`, () => {
      const broken: string[] = [];
      let compared = 0;
      for (const { name, body, surface: own } of recordedRequests()) {
        if (own !== surface) continue;
        const key = surface === 'openai-responses' ? 'input' : 'messages';
        const list = asArray(body[key]);
        for (const upstream of surfaces) {
          let before: string[] = [];
          for (const end of turnEnds(list)) {
            if (body.thread) continue;
            const now = sentList(surface, upstream, { ...body, [key]: list.slice(0, end) });
            const at = before.findIndex((entry, i) => entry !== now[i]);
            if (at >= 0) broken.push(`${name} → ${upstream}: entry ${at} of the turn at ${end}: ${now[at]}`);
            if (before.length > 0) compared += 1;
            before = now;
          }
        }
      }
      expect(broken).toEqual([]);
      expect(compared).toBeGreaterThan(10);
    });
  }
});

/** Where a client asks: after its own words and results, before what the model said to them. */
function turnEnds(list: readonly Json[]): number[] {
  const isModel = list.map((entry) => {
    const { role, type } = object(entry);
    if (has(role)) return role === 'assistant';
    return !/_output$|^additional_tools$|^configuration_update$/.test(string(type));
  });
  return list.flatMap((_, i) => (!isModel[i] && (i + 1 === list.length || isModel[i + 1]) ? [i + 1] : []));
}

/** `Hello world` or `Done.`, in the protocol of the path and streamed if that was asked for. */
function reply({ path, json }: ReplayRequest): Script {
  const upstream = surfaces.find((surface) => path.endsWith(routeOf[surface]))!;
  return json?.['stream'] === true
    ? { kind: 'stream', blocks: hello[nameOf[upstream]].blocks }
    : { kind: 'body', body: secondReply(upstream) };
}

/** What is wrong with the body that reached the upstream. */
function sentFaults(
  surface: Surface,
  upstream: Surface,
  asked: JsonObject,
  sent: readonly ReplayRequest[],
): string[] {
  const body = sent[0]?.json;
  if (sent.length !== 1 || !body) return [`the upstream had ${sent.length} requests`];
  if (surface === upstream) {
    // The client's own bytes, but for the model's name and the count of tokens that a stream is to end with.
    const kept = { ...body, model: asked.model, stream_options: asked['stream_options'] };
    return Bun.deepEquals(kept, { ...asked, stream_options: asked['stream_options'] })
      ? []
      : ['the request of the same protocol was changed'];
  }
  return [...requestSchemaFaults(upstream, body), ...unknownMembers(upstream, body)];
}

/** What is wrong with a reply as one to this very request: Responses repeats members of it. */
function replyFaults(surface: Surface, asked: JsonObject, text: string): string[] {
  if (asked.stream !== true) return resultSchemaFaults(surface, object(JSON.parse(text)));
  const end = {
    'openai-chat': '[DONE]',
    'openai-responses': 'completed',
    'anthropic-messages': 'message_stop',
  };
  return text.includes(end[surface]) ? [] : ['the stream does not end'];
}

/** What is wrong with a refusal: its status, its shape, or that the upstream was asked all the same. */
function refusalFaults(
  name: string,
  surface: Surface,
  { status, text, sent }: { status: number; text: string; sent: readonly ReplayRequest[] },
): string[] {
  const faults: string[] = [];
  if (status >= 500) faults.push(`status ${status}: ${text.slice(0, 200)}`);
  if (sent.length > 0) faults.push('it was refused and sent');
  const isOdd = name.startsWith('fuzz-requests');
  if (!isOdd && !refused.some((words) => words.test(text))) faults.push(`refused: ${text.slice(0, 200)}`);
  const body = object(JSON.parse(text));
  const error = object(body['error']);
  if (string(error['message']) === '' || !has(error['type'])) faults.push(`no error: ${text.slice(0, 200)}`);
  if (surface === 'anthropic-messages' && body['type'] !== 'error') faults.push('the type is not error');
  return faults;
}
