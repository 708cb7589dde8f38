import type { Payload } from '../canonical.ts';
import type { CheckId } from '../check.ts';
import type { Surface } from '../finish.ts';
import { drop, type Mutate, renumbered, replace, swap } from './edit.ts';

/** A fault to plant in the legal reply of each surface, and the check that is meant for it. */
export interface ReplyMutant {
  readonly fault: string;
  readonly check: CheckId;
  /** Other checks that see it too, because it cannot be planted without breaking their rules. */
  readonly also?: Partial<Readonly<Record<Surface, readonly CheckId[]>>>;
  readonly mutate: Readonly<Record<Surface, Mutate | undefined>>;
}

export const replyMutants: readonly ReplyMutant[] = [
  {
    fault: 'a text delta is dropped',
    check: 'T1',
    mutate: {
      'openai-chat': drop('"content":"Three courts, "'),
      'openai-responses': drop('"delta":"Three courts, "'),
      'anthropic-messages': drop('"text":"Three courts, "'),
      'google-gemini': drop('"text":"Three courts, "'),
    },
  },
  {
    fault: 'two text deltas are swapped',
    check: 'T1',
    mutate: {
      'openai-chat': swap('"content":"Three courts, "', '"content":"three tongues."'),
      'openai-responses': swap('"delta":"Three courts, "', '"delta":"three tongues."'),
      'anthropic-messages': swap('"text":"Three courts, "', '"text":"three tongues."'),
      'google-gemini': swap('"text":"Three courts, "', '"text":"three tongues."'),
    },
  },
  {
    fault: 'a signature is lost',
    check: 'R2',
    mutate: {
      'openai-chat': drop('c2VhbA=='),
      'openai-responses': replace('"encrypted_content":"c2VhbA=="', '"encrypted_content":""'),
      'anthropic-messages': drop('signature_delta'),
      'google-gemini': replace(',"thoughtSignature":"c2VhbA=="', ''),
    },
  },
  {
    fault: 'an index is renumbered',
    check: 'G4',
    also: { 'openai-chat': ['G2'] },
    mutate: {
      'openai-chat': replace('"tool_calls":[{"index":1', '"tool_calls":[{"index":2'),
      'openai-responses': replace('"output_index":3', '"output_index":4'),
      'anthropic-messages': replace('"index":3', '"index":4'),
      'google-gemini': replace('"index":0', '"index":1'),
    },
  },
  {
    fault: 'an item id changes on the way',
    check: 'G4',
    also: { 'openai-responses': ['G2'] },
    mutate: {
      'openai-chat': undefined,
      'openai-responses': (events) =>
        events.map((event) =>
          event['type'] === 'response.output_text.done' ? { ...event, item_id: 'msg_2' } : event,
        ),
      'anthropic-messages': undefined,
      'google-gemini': undefined,
    },
  },
  {
    fault: 'the finish is wrong',
    check: 'F1',
    mutate: {
      'openai-chat': replace('"finish_reason":"tool_calls"', '"finish_reason":"stop"'),
      'openai-responses': replace(
        '"status":"completed","background":false,"error":null,"incomplete_details":null',
        '"status":"incomplete","background":false,"error":null,"incomplete_details":{"reason":"max_output_tokens"}',
      ),
      'anthropic-messages': replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"'),
      'google-gemini': replace('"finishReason":"STOP"', '"finishReason":"MAX_TOKENS"'),
    },
  },
  {
    fault: 'usage is one token too high',
    check: 'U1',
    mutate: {
      'openai-chat': replace(
        '"completion_tokens":12,"total_tokens":32',
        '"completion_tokens":13,"total_tokens":33',
      ),
      'openai-responses': replace('"output_tokens":12', '"output_tokens":13'),
      'anthropic-messages': replace('"output_tokens":12', '"output_tokens":13'),
      'google-gemini': replace('"candidatesTokenCount":8', '"candidatesTokenCount":9'),
    },
  },
  {
    fault: 'cached tokens are counted twice',
    check: 'U1',
    mutate: {
      'openai-chat': replace('"prompt_tokens":20', '"prompt_tokens":25'),
      'openai-responses': replace('"input_tokens":20', '"input_tokens":25'),
      'anthropic-messages': replace('"input_tokens":15', '"input_tokens":20'),
      'google-gemini': replace('"promptTokenCount":20', '"promptTokenCount":25'),
    },
  },
  {
    fault: 'text goes into the reasoning',
    check: 'R1',
    also: { 'openai-chat': ['T1'], 'google-gemini': ['T1'] },
    mutate: {
      'openai-chat': replace('"content":"Three courts, "', '"reasoning_content":"Three courts, "'),
      'openai-responses': replace('Look it up.', 'Look it up.Three courts, '),
      'anthropic-messages': replace('"thinking":"Look it up."', '"thinking":"Look it up.Three courts, "'),
      'google-gemini': replace('"text":"Three courts, "', '"text":"Three courts, ","thought":true'),
    },
  },
  {
    fault: 'text and a call change places',
    check: 'T2',
    mutate: {
      'openai-chat': undefined,
      'openai-responses': undefined,
      'anthropic-messages': (events) => {
        const block = (index: number): Payload[] => events.filter((event) => event['index'] === index);
        const renumbered = (index: number, as: number): Payload[] =>
          block(index).map((event) => ({ ...event, index: as }));
        const [first, last] = [events.slice(0, 1), events.slice(-2)];
        return [...first, ...block(0), ...renumbered(2, 1), ...renumbered(1, 2), ...block(3), ...last];
      },
      'google-gemini': swap('"text":"three tongues."', '"name":"look_up"'),
    },
  },
  {
    fault: 'a call has another name',
    check: 'C1',
    mutate: {
      'openai-chat': replace('"name":"look_up"', '"name":"lookup"'),
      'openai-responses': replace('"name":"look_up"', '"name":"lookup"'),
      'anthropic-messages': replace('"name":"look_up"', '"name":"lookup"'),
      'google-gemini': replace('"name":"look_up"', '"name":"lookup"'),
    },
  },
  {
    fault: 'arguments gain a space',
    check: 'C1',
    mutate: {
      'openai-chat': replace('{\\"word\\":', '{\\"word\\": '),
      'openai-responses': replace('{\\"word\\":', '{\\"word\\": '),
      'anthropic-messages': replace('{\\"word\\":', '{\\"word\\": '),
      'google-gemini': undefined,
    },
  },
  {
    fault: 'two calls share an id',
    check: 'C2',
    also: { 'openai-responses': ['G2'] },
    mutate: {
      'openai-chat': replace('"call_2"', '"call_1"'),
      'openai-responses': replace('"call_2"', '"call_1"'),
      'anthropic-messages': replace('"call_2"', '"call_1"'),
      'google-gemini': replace('"call_2"', '"call_1"'),
    },
  },
  {
    fault: 'a call without arguments gets some',
    check: 'C3',
    mutate: {
      'openai-chat': replace('"arguments":"{}"', '"arguments":"{\\"a\\":1}"'),
      'openai-responses': replace('"arguments":"{}"', '"arguments":"{\\"a\\":1}"'),
      'anthropic-messages': replace('"name":"now","input":{}', '"name":"now","input":{"a":1}'),
      'google-gemini': replace('"name":"now","args":{}', '"name":"now","args":{"a":1}'),
    },
  },
  {
    fault: 'a citation is lost',
    check: 'N1',
    mutate: {
      'openai-chat': drop('url_citation'),
      'openai-responses': replace(
        '"annotations":[{"type":"url_citation","url":"https://example.org/a","title":"A","start_index":0,"end_index":5}]',
        '"annotations":[]',
      ),
      'anthropic-messages': drop('citations_delta'),
      'google-gemini': replace('"groundingChunks":[{"web":{"uri":"https://example.org/a","title":"A"}}]', ''),
    },
  },
  {
    fault: 'the order of events is broken',
    check: 'G1',
    also: { 'openai-responses': ['G2'] },
    mutate: {
      'openai-chat': swap('"role":"assistant"', '"reasoning_content"'),
      'openai-responses': swap('response.content_part.added', '"delta":"Three courts, "'),
      'anthropic-messages': swap('"text":"three tongues."', '"id":"call_1"'),
      'google-gemini': swap('"finishReason"', '"name":"now"'),
    },
  },
  {
    fault: 'a required field is missing',
    check: 'G3',
    also: { 'openai-chat': ['G1'], 'openai-responses': ['G2'] },
    mutate: {
      'openai-chat': (events) =>
        events.map(({ created: _created, ...chunk }, i) =>
          i === 1 ? chunk : { ...chunk, created: _created },
        ),
      'openai-responses': replace('"annotation_index":0,', ''),
      'anthropic-messages': replace('"stop_sequence":null}', '"stop_sequence":7}'),
      'google-gemini': replace('"totalTokenCount":28', '"totalTokenCount":"28"'),
    },
  },
  {
    fault: 'the SDK cannot read it',
    check: 'G2',
    also: { 'openai-chat': ['G1'], 'openai-responses': ['G1'], 'anthropic-messages': ['G1'] },
    mutate: {
      'openai-chat': drop('"role":"assistant"'),
      'openai-responses': drop('response.output_item.added'),
      'anthropic-messages': drop('message_stop'),
      'google-gemini': replace('"parts":[{"text":""}],', ''),
    },
  },
  {
    fault: 'reasoning has other words',
    check: 'R1',
    mutate: {
      'openai-chat': replace('Look it up.', 'Look it over.'),
      'openai-responses': replace('Look it up.', 'Look it over.'),
      'anthropic-messages': replace('Look it up.', 'Look it over.'),
      'google-gemini': replace('Look it up.', 'Look it over.'),
    },
  },
  {
    fault: 'a thought is shown as text',
    check: 'R1',
    also: { 'google-gemini': ['T1'] },
    mutate: {
      'openai-chat': undefined,
      'openai-responses': undefined,
      'anthropic-messages': undefined,
      'google-gemini': replace(',"thought":true', ''),
    },
  },
  {
    fault: 'arguments have another value',
    check: 'C1',
    mutate: {
      'openai-chat': replace('dragoman', 'dragon'),
      'openai-responses': replace('dragoman', 'dragon'),
      'anthropic-messages': replace('dragoman', 'dragon'),
      'google-gemini': replace('dragoman', 'dragon'),
    },
  },
  {
    fault: 'the finish is missing',
    check: 'F1',
    also: { 'google-gemini': ['G1', 'G2'] },
    mutate: {
      'openai-chat': undefined,
      'openai-responses': undefined,
      'anthropic-messages': undefined,
      'google-gemini': replace(',"finishReason":"STOP"', ''),
    },
  },
  {
    fault: 'a source is made up',
    check: 'N2',
    mutate: {
      'openai-chat': doubled(/\{"type":"url_citation".*?\}\}/),
      'openai-responses': replace(
        '"annotations":[{',
        '"annotations":[{"type":"url_citation","url":"https://example.org/b","title":"B","start_index":0,"end_index":5},{',
      ),
      'anthropic-messages': doubledEvent('citations_delta'),
      'google-gemini': doubled(/\{"web":.*?\}\}/),
    },
  },
];

/** What the pattern finds is followed by a copy of itself that points at another page. */
function doubled(pattern: RegExp): Mutate {
  return (events) => {
    const text = JSON.stringify(events);
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined) throw new Error('the mutant changes nothing');
    return replace(found, `${found},${found.replace('example.org/a', 'example.org/b')}`)(events);
  };
}

/** The event with this text is followed by a copy of itself that points at another page. */
function doubledEvent(text: string): Mutate {
  return (events) =>
    renumbered(
      events.flatMap((event) => {
        const json = JSON.stringify(event);
        return json.includes(text)
          ? [event, JSON.parse(json.replace('example.org/a', 'example.org/b')) as Payload]
          : [event];
      }),
    );
}
