import { blocksOfPayloads, type SseBlock } from '../support/corpus.ts';
import type { ReplayRequest, Script } from '../support/replay.ts';
import type { Payload } from './canonical.ts';
import type { Surface } from './finish.ts';
import { askedOf, framed, protocolOf } from './stage.ts';

/** What a short reply says: a text, or one call. */
export type Saying =
  { readonly text: string } | { readonly call: { readonly name: string; readonly args: Payload } };

/** A short reply in whichever protocol and form was asked for. */
export function shortReply(request: ReplayRequest, saying: Saying = { text: 'Done.' }): Script {
  const protocol = protocolOf(request);
  return askedOf(request).stream
    ? framed({ kind: 'stream', blocks: shortStream(protocol, saying) }, request)
    : { kind: 'body', body: shortResult(protocol, saying) };
}

const model = 'short';
const created = 1_700_000_000;

/** One short reply, whole. */
export function shortResult(protocol: Surface, saying: Saying): Payload {
  const call = 'call' in saying ? saying.call : undefined;
  const text = 'text' in saying ? saying.text : '';
  switch (protocol) {
    case 'openai-chat':
      return {
        id: 'chatcmpl-short',
        object: 'chat.completion',
        created,
        model,
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: call ? null : text,
              refusal: null,
              ...(call && { tool_calls: [{ id: 'call_short', type: 'function', function: written(call) }] }),
            },
            logprobs: null,
            finish_reason: call ? 'tool_calls' : 'stop',
          },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      };
    case 'openai-responses':
      return response('completed', [outputItem(saying, 'completed')]);
    case 'anthropic-messages':
      return {
        ...message,
        content: [
          call
            ? { type: 'tool_use', id: 'toolu_short', name: call.name, input: call.args }
            : { type: 'text', text },
        ],
        stop_reason: call ? 'tool_use' : 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      };
    case 'google-gemini':
      return {
        candidates: [
          {
            content: { parts: [call ? { functionCall: call } : { text }], role: 'model' },
            finishReason: 'STOP',
            index: 0,
          },
        ],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
        modelVersion: model,
        responseId: 'short',
      };
  }
}

const message = { id: 'msg_short', type: 'message', role: 'assistant', model };

const written = ({ name, args }: { name: string; args: Payload }): Payload => ({
  name,
  arguments: JSON.stringify(args),
});

const outputItem = (saying: Saying, status: string): Payload =>
  'call' in saying
    ? { id: 'fc_short', type: 'function_call', status, call_id: 'call_short', ...written(saying.call) }
    : {
        id: 'msg_short',
        type: 'message',
        status,
        role: 'assistant',
        content: [{ type: 'output_text', text: saying.text, annotations: [], logprobs: [] }],
      };

const response = (status: string, output: Payload[]): Payload => ({
  id: 'resp_short',
  object: 'response',
  created_at: created,
  status,
  model,
  error: null,
  incomplete_details: null,
  output,
  usage: status === 'completed' ? { input_tokens: 1, output_tokens: 1, total_tokens: 2 } : null,
});

/** The same as a stream. */
export function shortStream(protocol: Surface, saying: Saying): SseBlock[] {
  return blocksOfPayloads(
    shortEvents(protocol, saying).map((event) => JSON.stringify(event)),
    protocol,
  );
}

function shortEvents(protocol: Surface, saying: Saying): Payload[] {
  switch (protocol) {
    case 'openai-chat': {
      const chunk = (delta: Payload, finish_reason: string | null): Payload => ({
        id: 'chatcmpl-short',
        object: 'chat.completion.chunk',
        created,
        model,
        choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      });
      const said =
        'call' in saying
          ? { tool_calls: [{ index: 0, id: 'call_short', type: 'function', function: written(saying.call) }] }
          : { content: saying.text };
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      return [
        chunk({ role: 'assistant', content: '' }, null),
        chunk(said, null),
        chunk({}, 'call' in saying ? 'tool_calls' : 'stop'),
        { ...chunk({}, null), choices: [], usage },
      ];
    }
    case 'openai-responses': {
      const item = outputItem(saying, 'completed');
      const empty = 'call' in saying ? { ...item, arguments: '' } : { ...item, content: [] };
      const part = (text: string): Payload => ({ type: 'output_text', text, annotations: [], logprobs: [] });
      const place = { item_id: item['id'], output_index: 0 };
      const inner =
        'call' in saying
          ? [
              {
                type: 'response.function_call_arguments.done',
                ...place,
                arguments: JSON.stringify(saying.call.args),
              },
            ]
          : [
              { type: 'response.content_part.added', ...place, content_index: 0, part: part('') },
              {
                type: 'response.output_text.delta',
                ...place,
                content_index: 0,
                delta: saying.text,
                logprobs: [],
              },
              {
                type: 'response.output_text.done',
                ...place,
                content_index: 0,
                text: saying.text,
                logprobs: [],
              },
              { type: 'response.content_part.done', ...place, content_index: 0, part: part(saying.text) },
            ];
      return [
        { type: 'response.created', response: response('in_progress', []) },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { ...empty, status: 'in_progress' },
        },
        ...inner,
        { type: 'response.output_item.done', output_index: 0, item },
        { type: 'response.completed', response: response('completed', [item]) },
      ].map((event, sequence_number) => ({ ...event, sequence_number }));
    }
    case 'anthropic-messages': {
      const delta =
        'call' in saying
          ? { type: 'input_json_delta', partial_json: JSON.stringify(saying.call.args) }
          : { type: 'text_delta', text: saying.text };
      const block =
        'call' in saying
          ? { type: 'tool_use', id: 'toolu_short', name: saying.call.name, input: {} }
          : { type: 'text', text: '' };
      return [
        {
          type: 'message_start',
          message: {
            ...message,
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 1, output_tokens: 1 },
          },
        },
        { type: 'content_block_start', index: 0, content_block: block },
        { type: 'content_block_delta', index: 0, delta },
        { type: 'content_block_stop', index: 0 },
        {
          type: 'message_delta',
          delta: { stop_reason: 'call' in saying ? 'tool_use' : 'end_turn', stop_sequence: null },
          usage: { output_tokens: 1 },
        },
        { type: 'message_stop' },
      ];
    }
    case 'google-gemini':
      return [shortResult('google-gemini', saying)];
  }
}
