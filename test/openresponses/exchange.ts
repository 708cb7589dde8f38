import { blocksOfSse, type SseBlock } from '../support/corpus.ts';
import { list, object, string } from '../conformance/canonical/read.ts';

export type Json = Record<string, unknown>;

/** What came back from `POST /v1/responses`. */
export interface Exchange {
  readonly request: Json;
  readonly stream: boolean;
  readonly status: number;
  readonly contentType: string;
  /** The body as it stood on the wire. */
  readonly text: string;
  /** The JSON body, or the response that the stream's terminal event holds; empty when there is neither. */
  readonly response: Json;
  readonly blocks: readonly SseBlock[];
  /** The JSON of each event, in order. */
  readonly events: readonly Json[];
}

export const terminalTypes: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
]);

/** Asks for a response, as the specification says a client does. A stream that is cut reads as what had come. */
export async function exchange(url: string, request: Json, stream: boolean): Promise<Exchange> {
  const reply = await fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer unused' },
    body: JSON.stringify({ ...request, ...(stream && { stream }) }),
    signal: AbortSignal.timeout(60_000),
  });
  const contentType = reply.headers.get('content-type') ?? '';
  const text = await reply.text();
  const streamed = contentType.startsWith('text/event-stream');
  const blocks = streamed ? blocksOfSse(text).filter(({ data }) => data !== undefined) : [];
  const events = blocks.filter(({ data }) => data !== '[DONE]').map(({ data }) => object(parsed(data!)));
  const last = events.findLast((event) => terminalTypes.has(string(event['type'])));
  const response = streamed ? object(last?.['response']) : object(parsed(text));
  return { request, stream, status: reply.status, contentType, text, response, blocks, events };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Items of one type in the final output. */
export const itemsOf = (response: Json, type: string): Json[] =>
  list(response['output']).filter((item) => item['type'] === type);

/** The text of all messages in the final output. */
export const textOf = (response: Json): string =>
  itemsOf(response, 'message')
    .flatMap((item) => list(item['content']))
    .map((part) => string(part['text']))
    .join('');
