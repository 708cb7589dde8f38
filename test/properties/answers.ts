import type { SurfaceName } from '../gateway/setup.ts';

/** What is wrong with an answer: it has to be a reply or a refusal, either in the protocol of the caller. */
export function answerFaults(surface: SurfaceName, response: Response, text: string): string[] {
  const { status } = response;
  const type = response.headers.get('content-type') ?? '';
  if (status >= 400 && status < 500) return refusalFaults(surface, status, type, text);
  if (status !== 200) return [`status ${status}: ${text.slice(0, 300)}`];
  if (type.startsWith('text/event-stream')) return streamFaults(surface, text);
  if (!type.startsWith('application/json')) return [`content type ${type}`];
  return wholeFaults(surface, text);
}

function refusalFaults(surface: SurfaceName, status: number, type: string, text: string): string[] {
  if (!type.startsWith('application/json')) return [`refused with content type ${type}`];
  const body = parsed(text);
  const error = (body?.['error'] ?? {}) as Record<string, unknown>;
  const holds: Record<SurfaceName, () => boolean> = {
    chat: () => typeof error['type'] === 'string' && 'param' in error && 'code' in error,
    responses: () => typeof error['type'] === 'string' && 'param' in error && 'code' in error,
    messages: () => body?.['type'] === 'error' && typeof error['type'] === 'string',
    gemini: () => error['code'] === status && typeof error['status'] === 'string',
  };
  const message = error['message'];
  if (typeof message !== 'string' || message === '' || !holds[surface]())
    return [`refused in no shape of ${surface}: ${text.slice(0, 300)}`];
  return [];
}

const terminal: Record<SurfaceName, RegExp> = {
  chat: /\ndata: \[DONE\]\n\n$/,
  responses: /"type":"response\.completed"/,
  messages: /"type":"message_stop"\}\n\n$/,
  gemini: /"finishReason":"STOP"/,
};

function streamFaults(surface: SurfaceName, text: string): string[] {
  if (!terminal[surface].test(text)) return [`a stream without its end: …${text.slice(-300)}`];
  return text.includes('world') ? [] : ['a stream without its text'];
}

function wholeFaults(surface: SurfaceName, text: string): string[] {
  const body = parsed(text);
  const member: Record<SurfaceName, string> = {
    chat: 'choices',
    responses: 'output',
    messages: 'content',
    gemini: 'candidates',
  };
  if (!Array.isArray(body?.[member[surface]]))
    return [`a reply without ${member[surface]}: ${text.slice(0, 300)}`];
  return text.includes('world') ? [] : ['a reply without its text'];
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
