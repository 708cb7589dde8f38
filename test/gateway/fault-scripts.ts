/** How an upstream of each protocol fails: what it answers then. */
import { blocksOfPayloads, type SseBlock } from '../support/corpus.ts';
import type { Delivery, Script } from '../support/replay.ts';
import { hello, type SurfaceName } from './setup.ts';

/** The words of a refusal. */
export interface Words {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string;
  /** Gemini's `details`. */
  readonly details?: readonly unknown[];
}

const geminiNames: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
const anthropicTypes: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
};

/** An error body as the protocol has it. */
export function errorBody(upstream: SurfaceName, status: number, words: Words = {}): Record<string, unknown> {
  const { message = 'because', type, code, details } = words;
  if (upstream === 'gemini')
    return { error: { code: status, message, status: geminiNames[status], details } };
  if (upstream === 'messages') {
    return {
      type: 'error',
      error: { type: type ?? anthropicTypes[status] ?? 'api_error', message },
      request_id: 'req_up',
    };
  }
  return { error: { message, type: type ?? null, param: null, code: code ?? null } };
}

/** An error answer, with other words where a vendor has its own. */
export const refusal =
  (
    status: number,
    words: Words & Partial<Record<SurfaceName, Words & { status?: number }>> = {},
    headers: Record<string, string> = {},
  ) =>
  (upstream: SurfaceName): Script => {
    const own = words[upstream];
    const its = own?.status ?? status;
    return {
      kind: 'body',
      status: its,
      body: errorBody(upstream, its, own ?? words),
      headers: { date: new Date().toUTCString(), ...headers },
    };
  };

export const page = (status: number) => (): Script => ({
  kind: 'body',
  status,
  contentType: 'text/html; charset=UTF-8',
  body: '<!DOCTYPE html><html><title>Just a moment...</title>Attention Required! | Cloudflare</html>',
});

/** The whole reply as a stream, delivered in some way. */
export const streamed =
  (deliver: (upstream: SurfaceName) => Delivery) =>
  (upstream: SurfaceName): Script => ({
    kind: 'stream',
    blocks: hello[upstream].blocks,
    delivery: { split: 'event', ...deliver(upstream) },
  });

export const never = new Promise<void>(() => {});
/** One event says that a reply begins; Gemini begins with text. */
export const afterHead = (): number => 1;
export const headOnly =
  (script: (upstream: SurfaceName) => Script) =>
  (upstream: SurfaceName): Script | undefined =>
    upstream === 'gemini' ? undefined : script(upstream);

/** An error as an event of a stream. */
function errorEvent(upstream: SurfaceName, status: number, words: Words): SseBlock[] {
  const body = errorBody(upstream, status, words);
  const ids = {
    chat: 'openai-chat',
    responses: 'openai-responses',
    messages: 'anthropic-messages',
    gemini: 'google-gemini',
  } as const;
  const event =
    upstream === 'responses'
      ? {
          type: 'response.failed',
          sequence_number: 99,
          response: {
            id: 'resp_1',
            object: 'response',
            status: 'failed',
            output: [],
            error: { code: words.code ?? 'server_error', message: words.message ?? 'because' },
          },
        }
      : body;
  return blocksOfPayloads([JSON.stringify(event)], ids[upstream]);
}

/** A stream with status 200 that turns into an error after its first `events` events. */
export const erring =
  (status: number, words: Words, events: (upstream: SurfaceName) => number) =>
  (upstream: SurfaceName): Script => ({
    kind: 'stream',
    blocks: [...hello[upstream].blocks.slice(0, events(upstream)), ...errorEvent(upstream, status, words)],
    delivery: { split: 'event' },
  });

export const overload: Words = {
  message: 'Overloaded',
  type: 'overloaded_error',
  code: 'server_is_overloaded',
};
export const limit: Words = { message: 'Slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' };
