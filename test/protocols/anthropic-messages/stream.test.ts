import { describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import { anthropicMessages } from '../../../src/protocols/anthropic-messages/index.ts';
import { packSeal, unpackSeal } from '../../../src/protocols/seal.ts';
import type { TurnEvent } from '../../../src/turn/event.ts';
import type { JsonObject } from '../../../src/turn/json.ts';
import type { Part } from '../../../src/turn/part.ts';
import { corpusAvailable, streamFixtures } from '../../support/corpus.ts';
import {
  context,
  decodeStream,
  encodeStream,
  eventsOf,
  fold,
  framesOf,
  framesOfEvents,
  source,
} from './support.ts';

const messageStart = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'c',
    content: [],
    usage: { input_tokens: 3, output_tokens: 1 },
  },
};
const textBlock = (index: number, text: string) => [
  { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index, delta: { type: 'text_delta', text } },
  { type: 'content_block_stop', index },
];
const messageEnd = (stop_reason = 'end_turn') => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
];
const decodeEvents = (...events: unknown[]) => decodeStream(framesOfEvents(events.flat()));
const partsOf = (events: TurnEvent[]): Part[] => fold(events).choices[0]?.parts ?? [];
const fixture = (name: string) =>
  framesOf(
    streamFixtures('anthropic-messages')
      .find((one) => one.name === `anthropic-messages/${name}`)!
      .blocks.map((block) => `${block.text}\n\n`)
      .join(''),
  );

/** What is wrong with the order of events, by the grammar that strict clients hold a stream to. */
function faults(events: JsonObject[]): string[] {
  const out: string[] = [];
  let open: unknown;
  let next = 0;
  let state = 'before';
  for (const event of events) {
    const type = event.type as string;
    if (type === 'ping') continue;
    if (type === 'message_start') {
      if (state !== 'before') out.push('message_start twice');
      state = 'blocks';
    } else if (state !== 'blocks' && !(state === 'delta' && type === 'message_stop')) {
      out.push(`${type} when ${state}`);
    } else if (type === 'content_block_start') {
      if (open !== undefined) out.push('nested block');
      if (event.index !== next++) out.push(`index ${String(event.index)}`);
      open = event.index;
    } else if (type === 'content_block_delta' || type === 'content_block_stop') {
      if (event.index !== open) out.push(`${type} for a block that is not open`);
      if (type === 'content_block_stop') open = undefined;
    } else if (type === 'message_delta') {
      if (open !== undefined) out.push('message_delta inside a block');
      state = 'delta';
    } else if (type === 'message_stop') {
      state = 'over';
    }
  }
  if (state !== 'over') out.push(`ends ${state}`);
  return out;
}

describe('reading a stream', () => {
  test('text, usage and stop come in order, and the last figure of each count wins', () => {
    const events = decodeEvents(messageStart, textBlock(0, 'Hello'), { type: 'ping' }, [
      {
        type: 'message_delta',
        delta: { stop_reason: 'stop_sequence', stop_sequence: 'END' },
        usage: { input_tokens: 5, output_tokens: 9 },
      },
      { type: 'message_stop' },
    ]);
    expect(events.map((event) => event.kind)).toEqual([
      'start',
      'usage',
      'part_start',
      'part_delta',
      'part_end',
      'keepalive',
      'usage',
      'stop',
    ]);
    const reply = fold(events);
    expect(reply.choices[0]?.stop).toEqual({
      reason: 'stop_sequence',
      raw: 'stop_sequence',
      sequence: 'END',
    });
    expect(reply.usage).toMatchObject({ fresh: 5, output: 9 });
  });

  test('cache and reasoning tokens are each counted once', () => {
    const reply = fold(
      decodeEvents(messageStart, [
        {
          type: 'message_delta',
          delta: { stop_reason: 'end_turn' },
          usage: {
            input_tokens: 10,
            cache_read_input_tokens: 100,
            cache_creation_input_tokens: 50,
            cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 },
            output_tokens: 40,
            output_tokens_details: { thinking_tokens: 25 },
            server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
          },
        },
        { type: 'message_stop' },
      ]),
    );
    expect(reply.usage).toMatchObject({
      fresh: 10,
      cacheRead: 100,
      cacheWrite: 20,
      cacheWriteHour: 30,
      output: 15,
      reasoning: 25,
      webSearches: 2,
    });
  });

  test('a stream that ends before message_stop is cut, even when it gave a reason to stop', () => {
    const events = decodeEvents(messageStart, textBlock(0, 'x'), messageEnd()[0]);
    expect(events.at(-1)).toMatchObject({ kind: 'error', failure: { kind: 'cut', retryable: true } });
    expect(events.some((event) => event.kind === 'stop')).toBe(false);
  });

  test('[DONE] after a reason to stop ends a message that never says message_stop, and nothing follows it', () => {
    const decoder = anthropicMessages.streamDecoder(source);
    const out: TurnEvent[] = [];
    for (const frame of framesOfEvents([messageStart, ...textBlock(0, 'x'), messageEnd()[0]]))
      decoder.decode(frame, out);
    decoder.decode({ event: 'data', data: '[DONE]' }, out);
    expect(decoder.done).toBe(true);
    decoder.decode({ event: undefined, data: '{"type":"message_stop"}' }, out);
    decoder.end(out);
    expect(out.filter((event) => event.kind === 'stop' || event.kind === 'error')).toHaveLength(1);
  });

  test('an error event ends the turn with what the upstream said', () => {
    const events = decodeEvents(
      messageStart,
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      messageEnd(),
    );
    expect(events.at(-1)).toMatchObject({
      kind: 'error',
      failure: { kind: 'overloaded', status: 529, message: 'Overloaded', retryable: true },
    });
    expect(events.filter((event) => event.kind === 'error')).toHaveLength(1);
  });

  test('an event that is not JSON fails the turn', () => {
    const out: TurnEvent[] = [];
    anthropicMessages
      .streamDecoder(source)
      .decode({ event: 'content_block_delta', data: '{"type":"con' }, out);
    expect(out).toMatchObject([{ kind: 'error', failure: { kind: 'upstream', status: 502 } }]);
  });

  test('a call without arguments has {} as arguments, also when they come whole with the start', () => {
    const call = (index: number, input: JsonObject, ...deltas: string[]) => [
      {
        type: 'content_block_start',
        index,
        content_block: { type: 'tool_use', id: `t${index}`, name: 'f', input },
      },
      ...deltas.map((partial_json) => ({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json },
      })),
      { type: 'content_block_stop', index },
    ];
    const parts = partsOf(
      decodeEvents(
        messageStart,
        call(0, {}),
        call(1, {}, ''),
        call(2, { a: 1 }),
        call(3, {}, '{"b":', ' 2}'),
        messageEnd('tool_use'),
      ),
    );
    expect(parts.map((part) => part.kind === 'tool_call' && part.input)).toEqual([
      '{}',
      '{}',
      '{"a":1}',
      '{"b": 2}',
    ]);
  });

  test('a tool whose block is never closed keeps the arguments that came', () => {
    const parts = partsOf(
      decodeEvents(
        messageStart,
        [
          {
            type: 'content_block_start',
            index: 0,
            content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
          },
          {
            type: 'content_block_delta',
            index: 0,
            delta: { type: 'input_json_delta', partial_json: '{"a": "b' },
          },
        ],
        messageEnd('max_tokens'),
      ),
    );
    expect(parts).toMatchObject([{ kind: 'tool_call', input: '{"a": "b' }]);
  });

  test('deltas without a block start open a part of their kind', () => {
    const parts = partsOf(
      decodeEvents(
        messageStart,
        [
          { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
          { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Hi' } },
        ],
        messageEnd(),
      ),
    );
    expect(parts).toMatchObject([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: 'Hi' },
    ]);
  });

  test('end_turn with a client call is told as a wish for the tool', () => {
    const events = decodeEvents(
      messageStart,
      [
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
        },
        { type: 'content_block_stop', index: 0 },
      ],
      messageEnd('end_turn'),
    );
    expect(events.at(-1)).toMatchObject({ kind: 'stop', stop: { reason: 'tool_use', raw: 'end_turn' } });
  });

  test('tools that went up under another name come back as the client knows them', () => {
    const names = new Map([['ns__patch', { name: 'patch', namespace: 'ns', custom: true }]]);
    const events = decodeStream(
      framesOfEvents([
        messageStart,
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'tool_use', id: 't', name: 'ns__patch', input: {} },
        },
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'input_json_delta', partial_json: '{"input":"a\\' },
        },
        { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: 'nb"}' } },
        { type: 'content_block_stop', index: 0 },
        ...messageEnd('tool_use'),
      ]),
      { issuer: 'here', names },
    );
    expect(partsOf(events)).toMatchObject([
      { kind: 'tool_call', family: 'custom', name: 'patch', namespace: 'ns', inputAs: 'text', input: 'a\nb' },
    ]);
  });

  test('an event and a block that nobody knows are kept whole', () => {
    const block = { type: 'hologram', rays: [1, 2] };
    const events = decodeEvents(
      messageStart,
      { type: 'weather', sky: 'blue' },
      [
        { type: 'content_block_start', index: 0, content_block: block },
        { type: 'content_block_delta', index: 0, delta: { type: 'ray_delta', ray: 3 } },
        { type: 'content_block_stop', index: 0 },
      ],
      messageEnd('bored'),
    );
    expect(partsOf(events)).toEqual([
      { kind: 'native', protocol: 'anthropic-messages', type: 'hologram', value: block },
    ]);
    const written = eventsOf(encodeStream(events));
    expect(written).toContainEqual({ type: 'weather', sky: 'blue' });
    expect(written).toContainEqual({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'ray_delta', ray: 3 },
    });
    expect(written.find((event) => event.type === 'message_delta')?.delta).toMatchObject({
      stop_reason: 'bored',
    });
  });

  test.skipIf(!corpusAvailable)('a message_start sent twice changes nothing', () => {
    const reply = fold(decodeStream(fixture('duplicate-message-start')));
    expect(reply.choices[0]?.parts).toMatchObject([{ kind: 'text', text: 'Hello, World!' }]);
    expect(reply.usage).toMatchObject({ fresh: 17, output: 227 });
  });

  test.skipIf(!corpusAvailable)('a retry spliced into the stream loses nothing and doubles no call', () => {
    const parts = partsOf(decodeStream(fixture('spliced-message-start')));
    expect(parts).toMatchObject([
      { kind: 'reasoning', text: 'I will call the tool.', seal: { value: 'sig-first' } },
      { kind: 'tool_call', name: 'test-tool', input: '{"value":"Sparkle Day"}' },
      { kind: 'reasoning', text: 'Let me call the tool.', seal: { value: 'sig-second' } },
    ]);
  });

  test('a spliced retry that says something else becomes a part of its own', () => {
    const parts = partsOf(
      decodeEvents(
        messageStart,
        textBlock(0, 'Hello wor').slice(0, 2),
        messageStart,
        textBlock(0, 'Help!'),
        messageEnd(),
      ),
    );
    expect(parts).toMatchObject([
      { kind: 'text', text: 'Hello wor' },
      { kind: 'text', text: 'Help!' },
    ]);
  });
});

const start: TurnEvent = { kind: 'start', id: 'resp_1', model: 'gpt' };
const stop = (reason: 'end' | 'tool_use' = 'end'): TurnEvent => ({
  kind: 'stop',
  choice: 0,
  stop: { reason },
});
const begin = (index: number, part: Part): TurnEvent => ({ kind: 'part_start', choice: 0, index, part });
const text = (index: number, value: string): TurnEvent => ({
  kind: 'part_delta',
  choice: 0,
  index,
  delta: { field: 'text', value },
});
const input = (index: number, value: string): TurnEvent => ({
  kind: 'part_delta',
  choice: 0,
  index,
  delta: { field: 'input', value },
});
const end = (index: number, part?: Part): TurnEvent => ({ kind: 'part_end', choice: 0, index, part });
const call = (callId: string): Part => ({
  kind: 'tool_call',
  callId,
  family: 'function',
  name: 'f',
  input: '',
  inputAs: 'json',
  by: 'client',
});

describe('writing a stream', () => {
  test('ids are the surface’s own, and usage is whole at the end', () => {
    const events = eventsOf(
      encodeStream([
        start,
        begin(0, { kind: 'text', text: '' }),
        text(0, 'Hi'),
        end(0),
        { kind: 'usage', usage: { fresh: 7, cacheRead: 3, cacheWrite: 0, output: 5, reasoning: 2 } },
        stop(),
      ]),
    );
    expect(faults(events)).toEqual([]);
    expect(events[0]).toMatchObject({
      message: { id: 'msg_resp_1', model: 'gpt', usage: { input_tokens: 0, output_tokens: 0 } },
    });
    expect(events.at(-2)).toMatchObject({
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: {
        input_tokens: 7,
        cache_read_input_tokens: 3,
        cache_creation_input_tokens: 0,
        output_tokens: 7,
        output_tokens_details: { thinking_tokens: 2 },
      },
    });
  });

  test('calls that arrive interleaved leave one after the other, the first at once', () => {
    const encoder = anthropicMessages.streamEncoder(context);
    let out = '';
    for (const event of [start, begin(0, call('a')), input(0, '{"x":')]) out += encoder.encode(event);
    expect(out).toContain('{\\"x\\":');
    for (const event of [
      begin(1, call('b')),
      input(1, '{"y":2}'),
      input(0, '1}'),
      input(1, ''),
      end(1),
      end(0),
      stop('tool_use'),
    ]) {
      out += encoder.encode(event);
    }
    const events = eventsOf(out);
    expect(faults(events)).toEqual([]);
    expect(partsOf(decodeStream(framesOf(out)))).toMatchObject([
      { callId: 'a', input: '{"x":1}' },
      { callId: 'b', input: '{"y":2}' },
    ]);
  });

  test('any interleaving of parts keeps the grammar and every part’s content', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    for (let round = 0; round < 300; round++) {
      const count = 1 + random(4);
      const streams: TurnEvent[][] = [];
      for (let index = 0; index < count; index++) {
        const steps: TurnEvent[] = [];
        const kind = random(3);
        if (kind === 0)
          steps.push(begin(index, { kind: 'text', text: '' }), text(index, `t${index}`), text(index, '!'));
        else if (kind === 1)
          steps.push(begin(index, { kind: 'reasoning' }), text(index, `r${index}`), text(index, '?'));
        else steps.push(begin(index, call(`c${index}`)), input(index, '{"a":'), input(index, `${index}}`));
        if (random(4) > 0) steps.push(end(index));
        streams.push(steps);
      }
      const events: TurnEvent[] = [start];
      // Parts begin in the order of their index; what follows may come in any order.
      let begun = 0;
      while (streams.some((steps) => steps.length > 0)) {
        const at = random(Math.min(begun + 1, count));
        const step = streams[at]!.shift();
        if (step === undefined) continue;
        if (at === begun) begun++;
        events.push(step);
      }
      events.push(stop());
      const out = encodeStream(events);
      expect(faults(eventsOf(out))).toEqual([]);
      const kinds = (parts: Part[]) =>
        parts.map((part) =>
          part.kind === 'tool_call'
            ? part.input
            : part.kind === 'text' || part.kind === 'reasoning'
              ? part.text
              : '',
        );
      expect(kinds(partsOf(decodeStream(framesOf(out))))).toEqual(kinds(partsOf(events)));
    }
  });

  test('text that follows a part on the wire is not held back by a call that is complete', () => {
    const encoder = anthropicMessages.streamEncoder(context);
    for (const event of [start, begin(0, call('a')), input(0, '{}')]) encoder.encode(event);
    expect(encoder.encode(begin(1, { kind: 'text', text: '' })) + encoder.encode(text(1, 'now'))).toContain(
      'now',
    );
  });

  test('what a part holds beyond its deltas is written before its end', () => {
    const out = encodeStream([
      start,
      begin(0, { kind: 'text', text: '' }),
      text(0, 'Hel'),
      end(0, { kind: 'text', text: 'Hello' }),
      begin(1, call('a')),
      end(1, { ...call('a'), input: '{"q":1}' } as Part),
      stop('tool_use'),
    ]);
    expect(partsOf(decodeStream(framesOf(out)))).toMatchObject([{ text: 'Hello' }, { input: '{"q":1}' }]);
  });

  test('summaries of another protocol become thinking, and their seal finds its way back', () => {
    const seal = { protocol: 'openai-responses', issuer: 'far', value: 'gAAAA' } as const;
    const out = encodeStream([
      start,
      begin(0, { kind: 'reasoning', id: 'rs_1', summary: [] }),
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'summary', section: 0, value: 'one' } },
      { kind: 'part_delta', choice: 0, index: 0, delta: { field: 'summary', section: 1, value: 'two' } },
      end(0, { kind: 'reasoning', id: 'rs_1', summary: ['one', 'two'], seal }),
      begin(1, { kind: 'reasoning', id: 'rs_2', summary: [] }),
      end(1, { kind: 'reasoning', id: 'rs_2', summary: [], seal }),
      begin(2, { kind: 'reasoning', summary: [] }),
      end(2),
      stop(),
    ]);
    const events = eventsOf(out);
    expect(faults(events)).toEqual([]);
    const blocks = events
      .filter((event) => event.type === 'content_block_start')
      .map((event) => event.content_block);
    expect(blocks).toEqual([
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'redacted_thinking', data: packSeal(seal, 'rs_2') },
    ]);
    expect(events).toContainEqual({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'signature_delta', signature: packSeal(seal, 'rs_1') },
    });
    expect(unpackSeal(packSeal(seal, 'rs_1'), 'anthropic-messages')).toEqual({ seal, id: 'rs_1' });
    const back = anthropicMessages.decodeRequest({
      model: 'm',
      messages: [
        {
          role: 'assistant',
          content: [{ type: 'thinking', thinking: 'one\n\ntwo', signature: packSeal(seal, 'rs_1') }],
        },
      ],
    });
    expect(back.turns[0]?.parts).toEqual([{ kind: 'reasoning', id: 'rs_1', summary: ['one\n\ntwo'], seal }]);
  });

  test('a refusal is text, and the reply stops for it', () => {
    const events = eventsOf(
      encodeStream([start, begin(0, { kind: 'refusal', text: '' }), text(0, 'No.'), end(0), stop()]),
    );
    expect(events).toContainEqual({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: 'No.' },
    });
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'refusal' } });
  });

  test('a search that another upstream ran is told with its pages', () => {
    const wire = { protocol: 'openai-responses', value: { type: 'web_search_call' } } as const;
    const ask: Part = {
      kind: 'tool_call',
      callId: 'ws_1',
      family: 'web_search',
      name: 'web_search',
      input: '{"query":"q"}',
      inputAs: 'json',
      by: 'server',
      wire,
    };
    const found: Part = {
      kind: 'tool_result',
      callId: 'ws_1',
      family: 'web_search',
      outcome: 'ok',
      by: 'server',
      wire,
      output: { as: 'json', value: { sources: [{ type: 'url', url: 'https://a.example' }] } },
    };
    const out = encodeStream([start, begin(0, ask), end(0, ask), begin(1, found), end(1), stop()]);
    const blocks = eventsOf(out)
      .filter((event) => event.type === 'content_block_start')
      .map((event) => event.content_block);
    expect(blocks).toEqual([
      {
        type: 'server_tool_use',
        id: 'srvtoolu_ws_1',
        name: 'web_search',
        input: {},
        caller: { type: 'direct' },
      },
      {
        type: 'web_search_tool_result',
        tool_use_id: 'srvtoolu_ws_1',
        caller: { type: 'direct' },
        content: [
          {
            type: 'web_search_result',
            title: 'https://a.example',
            url: 'https://a.example',
            encrypted_content: '',
            page_age: null,
          },
        ],
      },
    ]);
    expect(out).toContain('"partial_json":"{\\"query\\":\\"q\\"}"');
  });

  test('what has no block is noted, never written as text', () => {
    const encoder = anthropicMessages.streamEncoder(context);
    const image: Part = { kind: 'media', as: 'image', source: { by: 'bytes', data: 'AAAA' } };
    let out = '';
    for (const event of [start, begin(0, image), end(0), stop()]) out += encoder.encode(event);
    expect(faults(eventsOf(out))).toEqual([]);
    expect(out).not.toContain('AAAA');
    expect(encoder.notes).toMatchObject([{ path: 'content[0]', action: 'dropped', weight: 'degrade' }]);
  });

  test('a keepalive is a ping, and an error ends the stream without a stop', () => {
    const encoder = anthropicMessages.streamEncoder(context);
    expect(encoder.encode({ kind: 'keepalive' })).toBe('event: ping\ndata: {"type":"ping"}\n\n');
    encoder.encode(start);
    encoder.encode(begin(0, { kind: 'text', text: '' }));
    const out = encoder.encode({
      kind: 'error',
      failure: { kind: 'cut', scope: 'provider', status: 502, message: 'cut', retryable: true },
    });
    expect(framesOf(out)).toEqual([
      {
        event: 'error',
        data: '{"type":"error","error":{"type":"api_error","message":"cut"},"request_id":"req1"}',
      },
    ]);
    expect(encoder.encode(stop()) + encoder.end()).toBe('');
  });

  test('every event carries its event line', () => {
    const out = encodeStream([start, begin(0, { kind: 'text', text: '' }), text(0, 'x'), end(0), stop()]);
    for (const frame of framesOf(out))
      expect(frame.event).toBe((JSON.parse(frame.data) as { type: string }).type);
  });

  test.skipIf(!corpusAvailable)('the official SDK reads every recorded stream as we write it', async () => {
    for (const { name, blocks } of streamFixtures('anthropic-messages')) {
      const events = decodeStream(framesOf(blocks.map((block) => `${block.text}\n\n`).join('')));
      const body = encodeStream(events);
      expect({ name, faults: faults(eventsOf(body)) }).toEqual({ name, faults: [] });
      const client = new Anthropic({
        apiKey: 'k',
        maxRetries: 0,
        fetch: async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
      });
      const reply = fold(events);
      if (reply.choices[0]?.stop?.reason === 'length') continue;
      const message = await client.beta.messages
        .stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] })
        .finalMessage();
      const { body: result } = anthropicMessages.encodeResult(reply, context);
      expect({ name, content: JSON.parse(JSON.stringify(message.content)) as unknown }).toEqual({
        name,
        content: result.content,
      });
      expect({ name, stop: message.stop_reason }).toEqual({
        name,
        stop: result.stop_reason as typeof message.stop_reason,
      });
    }
  });
});
