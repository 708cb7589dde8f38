import type { AskedByPath } from '../pipeline/exchange.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Operation } from '../providers/provider.ts';
import type { ProtocolId } from '../turn/part.ts';

/** A route under which something is asked of a model. */
export interface CallRoute {
  readonly surface: Protocol;
  readonly operation: Operation;
  /** For logs and metrics. */
  readonly template: string;
  /** The one provider that may serve it, where the path names one. */
  readonly only: string | undefined;
  /** The conversation's id, where the path names one. */
  readonly session?: string;
  /** The query string with its `?`, or an empty one. */
  readonly search: string;
  /** What the path says of the call, on Gemini. */
  readonly asked: AskedByPath | undefined;
}

/** What follows `/v1`. Embeddings have no protocol of their own: their errors are those of Chat. */
export const callPaths: readonly (readonly [string, ProtocolId, Operation])[] = [
  ['/chat/completions', 'openai-chat', 'turn'],
  ['/responses', 'openai-responses', 'turn'],
  ['/messages', 'anthropic-messages', 'turn'],
  ['/responses/input_tokens', 'openai-responses', 'count'],
  ['/responses/compact', 'openai-responses', 'compact'],
  ['/messages/count_tokens', 'anthropic-messages', 'count'],
  ['/embeddings', 'openai-chat', 'embed'],
];

type Fixed = ReadonlyMap<string, Pick<CallRoute, 'surface' | 'operation'>>;

/** `/backend-api/{provider}/…`: where clients look that take the gateway for a vendor's own backend. */
function backendRoute(fixed: Fixed, path: string, search: string): CallRoute | undefined {
  const match = /^\/backend-api\/([^/]+)(\/.+)$/.exec(path);
  const found = match === null ? undefined : fixed.get(`/v1${match[2]}`);
  if (match === null || found === undefined) return undefined;
  const template = `/backend-api/{provider}${match[2]}`;
  return { ...found, template, only: match[1], search, asked: undefined };
}

/** `/{provider}/{session}/v1/…`: for clients that can name their conversation nowhere else. */
function sessionRoute(fixed: Fixed, path: string, search: string): CallRoute | undefined {
  const match = /^\/([^/]+)\/([^/]{1,256})(\/v1\/.+)$/.exec(path);
  const found = match === null ? undefined : fixed.get(match[3]!);
  if (match === null || found === undefined) return undefined;
  const template = `/{provider}/{session}${match[3]}`;
  return { ...found, template, only: match[1], session: decoded(match[2]!), search, asked: undefined };
}

/** Matches `/v1/…`, `/v1beta/models/…` and both behind `/{provider}` of a URL; `undefined` for all other routes. */
export function callRoutes(
  protocols: ReadonlyMap<ProtocolId, Protocol>,
): (url: string) => CallRoute | undefined {
  const fixed = new Map(
    callPaths.map(([path, id, operation]) => [`/v1${path}`, { surface: protocols.get(id)!, operation }]),
  );
  const gemini = protocols.get('google-gemini')!;
  return (url) => {
    const start = pathStart(url);
    const query = url.indexOf('?', start);
    const path = url.slice(start, query < 0 ? undefined : query);
    const search = query < 0 ? '' : withoutKeys(url.slice(query));
    let found = fixed.get(path);
    if (found !== undefined) {
      return { ...found, template: path, only: undefined, search, asked: undefined };
    }
    const end = path.indexOf('/', 1);
    found = end < 0 ? undefined : fixed.get(path.slice(end));
    if (found === undefined)
      return (
        backendRoute(fixed, path, search) ??
        sessionRoute(fixed, path, search) ??
        geminiRoute(gemini, path, search)
      );
    const template = `/{provider}${path.slice(end)}`;
    return { ...found, template, only: path.slice(1, end), search, asked: undefined };
  };
}

const keyNames = /^(?:key|(?:x-)?api[-_]?key|(?:access[-_]?|auth[-_]?)?token|auth(?:orization)?)(?:=|$)/i;

/** A query without what may be a key: none is taken from a URL, and a gateway's own is no upstream's affair. */
function withoutKeys(search: string): string {
  const parts = search.slice(1).split('&');
  const kept = parts.filter((part) => !keyNames.test(decoded(part)));
  if (kept.length === parts.length) return search;
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** Where the path begins. Without a `Host`, or with one that makes no sense, a server's URL is the path alone. */
const pathStart = (url: string): number =>
  url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('//') + 2);

/** The path of a server's URL, whatever its `Host`. */
export const pathOf = (url: string): string => url.slice(pathStart(url)).split('?', 1)[0]!;

/**
 * A model's name may hold slashes and colons, so that the method is what follows the last colon. Some clients leave
 * `models/` out before a name that has a slash.
 */
const geminiPath = /^(?:\/([^/]+))?\/(v1beta|v1alpha|v1)\/(?:models\/)?((?!models\/).+):([A-Za-z]+)$/;

/** What follows the last colon of a path. */
export const geminiMethods: ReadonlyMap<string, Operation> = new Map([
  ['generateContent', 'turn'],
  ['streamGenerateContent', 'turn'],
  ['countTokens', 'count'],
  ['embedContent', 'embed'],
  ['batchEmbedContents', 'embed_batch'],
]);

function geminiRoute(surface: Protocol, path: string, search: string): CallRoute | undefined {
  const match = geminiPath.exec(path);
  if (match === null) return undefined;
  const [, only, version, model, method] = match as unknown as [string, string?, ...string[]];
  const operation = geminiMethods.get(method!);
  if (operation === undefined) return undefined;
  const stream = method === 'streamGenerateContent';
  const asArray = stream && !/[?&](?:\$|%24)?alt=sse(?:&|$)/i.test(search);
  return {
    surface,
    operation,
    template: `${only === undefined ? '' : '/{provider}'}/${version}/models/{model}:${method}`,
    only,
    search,
    asked: { model: decoded(model!), stream, asArray },
  };
}

/** The name without its percent escapes; as it stands where they make no sense. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
