import type { ProtocolId } from '../../src/turn/part.ts';
import type { Canonical, Payload } from './canonical.ts';
import { list, string } from './canonical/read.ts';
import type { Miss } from './checks.ts';

/** The text reply to every second turn, in the upstream's protocol. */
export function secondReply(protocol: ProtocolId): Payload {
  const model = 'second';
  switch (protocol) {
    case 'openai-chat':
      return {
        id: 'chatcmpl-second',
        object: 'chat.completion',
        created: 1_700_000_000,
        model,
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Done.', refusal: null },
            logprobs: null,
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      };
    case 'openai-responses':
      return {
        id: 'resp_second',
        object: 'response',
        created_at: 1_700_000_000,
        status: 'completed',
        model,
        error: null,
        incomplete_details: null,
        output: [
          {
            id: 'msg_second',
            type: 'message',
            status: 'completed',
            role: 'assistant',
            content: [{ type: 'output_text', text: 'Done.', annotations: [], logprobs: [] }],
          },
        ],
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      };
    default:
      return {
        id: 'msg_second',
        type: 'message',
        role: 'assistant',
        model,
        content: [{ type: 'text', text: 'Done.' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      };
  }
}

/**
 * R2 and C2 on the second turn: what the upstream gets back of its own first reply. Opaque values byte-equal and
 * before the calls they belong to; results under the upstream's own call ids.
 */
export function secondTurnMisses(
  protocol: ProtocolId,
  first: Canonical,
  request: { readonly text: string; readonly json: Payload | undefined } | undefined,
  status: number,
  body: string,
): Miss[] {
  if (status !== 200 || !request?.json) {
    return [{ check: 'C2', detail: `turn 2: status ${status}: ${body.slice(0, 120)}` }];
  }
  const misses: Miss[] = [];
  const at = (value: string): number => request.text.indexOf(JSON.stringify(value).slice(1, -1));
  const lost = first.opaque.filter((value) => at(value) < 0);
  if (lost.length > 0) {
    misses.push({
      check: 'R2',
      detail: `turn 2: ${lost.length} of ${first.opaque.length} opaque values do not come back`,
    });
  } else {
    const call = first.tools.find(({ id }) => id !== '');
    const isFirst = first.order.indexOf('reasoning') < first.order.indexOf('tool');
    if (call && isFirst && first.opaque[0] && at(first.opaque[0]) > at(call.id)) {
      misses.push({ check: 'R2', detail: 'turn 2: the opaque value comes back after its call' });
    }
  }
  const expected = first.tools.map(({ id }) => id).filter((id) => id !== '');
  const answered = resultIds(protocol, request.json);
  if (expected.some((id) => !answered.includes(id))) {
    misses.push({ check: 'C2', detail: "turn 2: a result does not come back under the upstream's call id" });
  }
  return misses;
}

function resultIds(protocol: ProtocolId, body: Payload): string[] {
  switch (protocol) {
    case 'openai-chat':
      return list(body['messages'])
        .filter((message) => message['role'] === 'tool')
        .map((message) => string(message['tool_call_id']));
    case 'openai-responses':
      return list(body['input'])
        .filter((item) => string(item['type']).endsWith('_call_output'))
        .map((item) => string(item['call_id']));
    default:
      return list(body['messages'])
        .flatMap((message) => list(message['content']))
        .filter((block) => block['type'] === 'tool_result')
        .map((block) => string(block['tool_use_id']));
  }
}
