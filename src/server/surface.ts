import type { Protocol } from '../protocols/protocol.ts';
import type { ProtocolId } from '../turn/part.ts';

/** The protocol in which a request is answered that asks nothing of a model: by its path, else by its headers. */
export function surfaceOf(
  protocols: ReadonlyMap<ProtocolId, Protocol>,
  path: string,
  headers: Headers,
): Protocol {
  if (geminiPath.test(path)) return protocols.get('google-gemini')!;
  if (messagesPath.test(path) || headers.has('anthropic-version'))
    return protocols.get('anthropic-messages')!;
  return protocols.get(isGemini(headers) ? 'google-gemini' : 'openai-chat')!;
}

const geminiPath = /^(?:\/[^/]+)?\/(?:v1(?:alpha|beta)(?:\/|$)|v1\/models\/.+:[a-z]+(?:Contents?|Tokens)$)/i;
const messagesPath = /\/v1\/messages(?:\/|$)/;

/** Google's clients send their key and their name in headers of their own, under `/v1` too. */
const isGemini = (headers: Headers): boolean =>
  headers.has('x-goog-api-client') || headers.has('x-goog-api-key');
