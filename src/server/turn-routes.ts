import type { Protocol } from '../protocols/protocol.ts';
import type { ProtocolId } from '../turn/part.ts';

/** A route under which a turn is asked for. */
export interface TurnRoute {
  readonly surface: Protocol;
  /** For logs and metrics. */
  readonly template: string;
  /** The one provider that may serve it, where the path names one. */
  readonly only: string | undefined;
  /** The query string with its `?`, or an empty one. */
  readonly search: string;
}

/** What follows `/v1`. */
const paths: readonly (readonly [string, ProtocolId])[] = [
  ['/chat/completions', 'openai-chat'],
  ['/responses', 'openai-responses'],
  ['/messages', 'anthropic-messages'],
];

/** Matches `/v1/…` and `/{provider}/v1/…` of a URL; `undefined` for all other routes. */
export function turnRoutes(
  protocols: ReadonlyMap<ProtocolId, Protocol>,
): (url: string) => TurnRoute | undefined {
  const surfaces = new Map(paths.map(([path, id]) => [`/v1${path}`, protocols.get(id)!]));
  return (url) => {
    const start = url.indexOf('/', url.indexOf('//') + 2);
    const query = url.indexOf('?', start);
    const path = url.slice(start, query < 0 ? undefined : query);
    const search = query < 0 ? '' : url.slice(query);
    const surface = surfaces.get(path);
    if (surface !== undefined) return { surface, template: path, only: undefined, search };
    const end = path.indexOf('/', 1);
    const scoped = end < 0 ? undefined : surfaces.get(path.slice(end));
    if (scoped === undefined) return undefined;
    return { surface: scoped, template: `/{provider}${path.slice(end)}`, only: path.slice(1, end), search };
  };
}
