import type { SurfaceName } from '../gateway/setup.ts';
import { hello } from '../gateway/setup.ts';

/** What an upstream of each protocol answers that is asked for a whole reply. */
const wholes: Record<SurfaceName, unknown> = {
  chat: {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm-1',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello world', refusal: null },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  },
  responses: lastOf('responses', 'response'),
  messages: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm-1',
    content: [{ type: 'text', text: 'Hello world' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 2 },
  },
  gemini: {
    candidates: [
      { content: { parts: [{ text: 'Hello world' }], role: 'model' }, finishReason: 'STOP', index: 0 },
    ],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 },
    modelVersion: 'm-1',
    responseId: 'reply-1',
  },
};

function lastOf(surface: SurfaceName, member: string): unknown {
  const last = hello[surface].blocks.findLast(({ data }) => data?.includes(`"${member}"`))!;
  return (JSON.parse(last.data!) as Record<string, unknown>)[member];
}

/** Replaces the network: answers every turn with `Hello world` in the protocol of the route that is asked. */
export const helloFetch = (async (input: string | URL | Request, init?: RequestInit) => {
  const url = new URL(input instanceof Request ? input.url : input);
  const text = typeof init?.body === 'string' ? init.body : await new Response(init?.body).text();
  const surface = surfaceOf(url.pathname);
  if (!surface) return Response.json({ error: { message: 'no such route' } }, { status: 404 });
  const asked = JSON.parse(text) as Record<string, unknown>;
  const streams = surface === 'gemini' ? url.pathname.includes(':stream') : asked['stream'] === true;
  if (!streams) return Response.json(wholes[surface]);
  const body = hello[surface].blocks.map((block) => `${block.text}\n\n`).join('');
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}) as typeof fetch;

function surfaceOf(path: string): SurfaceName | undefined {
  if (path.endsWith('/chat/completions')) return 'chat';
  if (path.endsWith('/responses')) return 'responses';
  if (path.endsWith('/messages')) return 'messages';
  return /:(stream)?[gG]enerateContent$/.test(path) ? 'gemini' : undefined;
}
