import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { blocksOfSse, payloadsOf, type SseBlock } from '../support/corpus.ts';
import type { Payload } from './canonical.ts';
import type { Surface } from './finish.ts';
import { askGemini } from './oracles/gemini.ts';
import { post } from './stage.ts';

/** One answer as the official SDK of the surface saw it, with the bytes it was made of. */
export interface Answer {
  readonly surface: Surface;
  readonly stream: boolean;
  readonly request: Payload;
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came, whatever became of it. */
  readonly raw: string;
  /** The body's events, none for a one-shot answer. */
  readonly blocks: readonly SseBlock[];
  readonly events: readonly Payload[];
  /** What the SDK accumulated or parsed. */
  readonly final: Payload | undefined;
  /** What the SDK threw. */
  readonly error: { readonly name: string; readonly message: string; readonly status?: number } | undefined;
}

/** SDK clients send this; the gateway of the tests asks for no key. */
const apiKey = 'test-key';

/** How long a whole answer may take. */
const answerMs = 120_000;

/**
 * Asks a surface at `url` through its official SDK. Never throws for what the other side does: that is in `error`.
 *
 * @example
 * const answer = await ask('anthropic-messages', gateway.url, { model, max_tokens: 99, messages }, true);
 */
export async function ask(
  surface: Surface,
  url: string,
  request: Payload,
  stream: boolean,
  options: { headers?: Record<string, string> } = {},
): Promise<Answer> {
  const capture = capturingFetch();
  let final: Payload | undefined;
  let error: Answer['error'];
  try {
    final = await complete(surface, url, request, stream, capture.fetch, options.headers);
  } catch (thrown) {
    const failure = thrown as Error & { status?: number };
    error = { name: failure.constructor.name, message: failure.message, status: failure.status };
  }
  const { status, headers, raw } = await capture.result();
  const blocks = isEventStream(headers) ? blocksOfSse(raw) : [];
  return { surface, stream, request, status, headers, raw, blocks, events: payloadsOf(blocks), final, error };
}

/** Asks over plain HTTP, without an SDK: `final` and `error` stay empty. */
export async function askPlainly(
  surface: Surface,
  url: string,
  request: Payload,
  model: string,
  { stream = true, sse = true }: { stream?: boolean; sse?: boolean } = {},
): Promise<Answer> {
  const response = await post(url, surface, request, { model, stream, sse });
  const raw = await response.text();
  const { status, headers } = response;
  const blocks = isEventStream(headers) ? blocksOfSse(raw) : [];
  const events = payloadsOf(blocks);
  return {
    surface,
    stream,
    request,
    status,
    headers,
    raw,
    blocks,
    events,
    final: undefined,
    error: undefined,
  };
}

const isEventStream = (headers: Headers): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') ?? false;

async function complete(
  surface: Surface,
  url: string,
  body: Payload,
  stream: boolean,
  fetch: typeof globalThis.fetch,
  defaultHeaders: Record<string, string> | undefined,
): Promise<Payload> {
  const common = {
    apiKey,
    maxRetries: 0,
    timeout: answerMs,
    fetch,
    defaultHeaders,
    logLevel: 'off' as const,
  };
  // The bodies are built from data, so their types are only known to the surface.
  const request = structuredClone(body) as never;
  let reply: unknown;
  if (surface === 'google-gemini') {
    return askGemini({ apiKey, baseUrl: url, fetch, headers: defaultHeaders }, request, stream);
  }
  if (surface === 'anthropic-messages') {
    const { messages } = new Anthropic({ ...common, baseURL: url });
    reply = stream ? await messages.stream(request).finalMessage() : await messages.create(request);
  } else {
    const client = new OpenAI({ ...common, baseURL: `${url}/v1` });
    if (surface === 'openai-chat') {
      const { completions } = client.chat;
      reply = stream
        ? await completions.stream(request).finalChatCompletion()
        : await completions.create(request);
    } else {
      reply = stream
        ? await client.responses.stream(request).finalResponse()
        : await client.responses.create(request);
    }
  }
  return reply as Payload;
}

/** A `fetch` that keeps a copy of the bytes that its caller reads. */
function capturingFetch(): {
  fetch: typeof globalThis.fetch;
  result(): Promise<{ status: number; headers: Headers; raw: string }>;
} {
  let status = 0;
  let headers = new Headers();
  let copied: Promise<string> = Promise.resolve('');
  const capturing = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    // The SDK aborts at the first thing it dislikes; the copy is to hold the whole answer all the same.
    const response = await fetch(input, { ...init, signal: AbortSignal.timeout(answerMs) });
    status = response.status;
    headers = response.headers;
    if (!response.body) return response;
    const [kept, given] = response.body.tee();
    copied = textOf(kept);
    return new Response(given, { status, headers });
  };
  return {
    fetch: Object.assign(capturing, { preconnect: fetch.preconnect }) as typeof globalThis.fetch,
    result: async () => ({ status, headers, raw: await copied }),
  };
}

/** All text up to the end of the body or its break. */
async function textOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  } catch {
    // A cut body ends here; the SDK reports the cut.
  }
  return text + decoder.decode();
}
