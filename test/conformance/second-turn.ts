import type { ProtocolId } from '../../src/turn/part.ts';
import type { Canonical, Payload } from './canonical.ts';
import { has, list, object, string } from './canonical/read.ts';
import type { Miss } from './check.ts';
import { joinedParts } from './fold/gemini.ts';

/**
 * R2 and C2 on the second turn: what the upstream gets back of its own first reply. Opaque values byte-equal and
 * before the calls they belong to, in Gemini on their own part; results under the upstream's own call ids.
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
  } else if (protocol === 'google-gemini') misses.push(...misplacedSignatures(first, request.json));
  else {
    const call = first.tools.find(({ id }) => id !== '');
    const sealed = first.order.findIndex((kind) => kind === 'reasoning' || kind === 'seal');
    const isFirst = sealed >= 0 && sealed < first.order.indexOf('tool');
    if (call && isFirst && first.opaque[0] && at(first.opaque[0]) > at(call.id)) {
      misses.push({ check: 'R2', detail: 'turn 2: the opaque value comes back after its call' });
    }
  }
  if (protocol === 'google-gemini') return [...misses, ...unmatchedResponses(first, request.json)];
  const expected = first.tools.map(({ id }) => id).filter((id) => id !== '');
  const answered = resultIds(protocol, request.json);
  if (expected.some((id) => !answered.includes(id))) {
    misses.push({ check: 'C2', detail: "turn 2: a result does not come back under the upstream's call id" });
  }
  return misses;
}

/** The model's parts of the history, whatever contents they are spread over. */
const modelParts = (body: Payload): Payload[] =>
  list(body['contents'])
    .filter(({ role }) => role === 'model')
    .flatMap(({ parts }) => list(parts));

/** A signature that came on a call must stand on that call, with its name and arguments. */
function misplacedSignatures(first: Canonical, body: Payload): Miss[] {
  const parts = modelParts(body);
  const moved = first.tools.filter(({ signature, name, args }) => {
    if (signature === undefined) return false;
    const part = joinedParts(parts).find(({ thoughtSignature }) => thoughtSignature === signature);
    const call = object(part?.['functionCall']);
    return call['name'] !== name || !Bun.deepEquals(object(call['args']), JSON.parse(args));
  });
  return moved.length === 0
    ? []
    : [{ check: 'R2', detail: `turn 2: the signature of ${moved[0]!.name} is not on its call` }];
}

/** Results in the order of the calls, under the upstream's ids where it gave some, and else under the calls' own. */
function unmatchedResponses(first: Canonical, body: Payload): Miss[] {
  const sent = list(body['contents']).flatMap(({ parts }) =>
    list(parts).flatMap((part) => (has(part['functionResponse']) ? [object(part['functionResponse'])] : [])),
  );
  const calls = joinedParts(modelParts(body)).flatMap((part) =>
    has(part['functionCall']) ? [object(part['functionCall'])] : [],
  );
  const names = sent.map(({ name }) => string(name)).join();
  if (names !== first.tools.map(({ name }) => name).join()) {
    return [{ check: 'C2', detail: `turn 2: the results are of ${names || 'no tool'}` }];
  }
  const lost = first.tools.some(({ id }, i) => id !== '' && string(calls[i]?.['id']) !== id);
  const foreign = sent.some(({ id }, i) => has(id) && string(calls[i]?.['id']) !== id);
  return lost || foreign
    ? [{ check: 'C2', detail: "turn 2: a result does not come back under the upstream's call id" }]
    : [];
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
    case 'google-gemini':
      return [];
    case 'anthropic-messages':
      return list(body['messages'])
        .flatMap((message) => list(message['content']))
        .filter((block) => block['type'] === 'tool_result')
        .map((block) => string(block['tool_use_id']));
  }
}
