/** Every route that the gateway answers, from the code that matches them. */
import type { ServerDeps } from '../../src/server/app.ts';
import { plainRoutes } from '../../src/server/app.ts';
import { callPaths, geminiMethods } from '../../src/server/call-routes.ts';

export interface GatewayRoute {
  readonly method: string;
  /** As it stands under its first root. */
  readonly path: string;
  /** Roots under which it is there as well. */
  readonly also: readonly string[];
}

/** What routes are for, by method and path. */
export const meanings: Readonly<Record<string, string>> = {
  'POST /v1/chat/completions': 'a turn, in OpenAI Chat Completions',
  'POST /v1/responses': 'a turn, in OpenAI Responses',
  'GET /v1/responses': 'the same over a [WebSocket](operations.md#websocket), with an upgrade',
  'POST /v1/messages': 'a turn, in Anthropic Messages',
  'POST /v1/responses/input_tokens': 'how many tokens the turn would have',
  'POST /v1/responses/compact': 'a conversation, [compacted](operations.md#conversations)',
  'POST /v1/messages/count_tokens': 'how many tokens the turn would have',
  'POST /v1/embeddings': 'embeddings, at providers of the type `openai`',
  'POST /v1beta/models/{model}:generateContent': 'a turn, in Gemini, whole',
  'POST /v1beta/models/{model}:streamGenerateContent':
    'the same streamed: as server-sent events with `?alt=sse`, else as a JSON array',
  'POST /v1beta/models/{model}:countTokens': 'how many tokens the turn would have',
  'POST /v1beta/models/{model}:embedContent': 'an embedding, at providers of the type `google`',
  'POST /v1beta/models/{model}:batchEmbedContents': 'several of them',
  'GET /v1/models': 'the models on offer, in the shape of the client that asks',
  'GET /v1/models/{model}': 'one of them',
  'GET /v1/responses/{id}': 'a stored response',
  'DELETE /v1/responses/{id}': 'forgets it',
  'GET /v1/responses/{id}/input_items': 'what it was asked with',
  'POST /v1/conversations': 'begins a conversation',
  'GET /v1/conversations/{id}': 'a conversation',
  'POST /v1/conversations/{id}': 'changes its metadata',
  'DELETE /v1/conversations/{id}': 'forgets it',
  'GET /v1/conversations/{id}/items': 'its items',
  'POST /v1/conversations/{id}/items': 'adds items',
  'GET /v1/conversations/{id}/items/{item}': 'one of them',
  'DELETE /v1/conversations/{id}/items/{item}': 'takes it out',
  'GET /': 'name and version',
  'GET /healthz': 'whether it runs, see [operations](operations.md#health)',
  'GET /readyz': 'whether it takes requests',
  'GET /metrics': '[metrics](operations.md#metrics) for Prometheus',
};

/** Administration has a table of its own in docs/operations.md. */
export function gatewayRoutes(): GatewayRoute[] {
  const found = new Map<string, { method: string; root: string; tail: string; also: string[] }>();
  for (const { method, path } of flatRoutes()) {
    const { root, tail } = split(path);
    const known = found.get(`${method} ${tail}`);
    if (known === undefined) found.set(`${method} ${tail}`, { method, root, tail, also: [] });
    else known.also.push(root);
  }
  return [...found.values()].map(({ method, root, tail, also }) => ({ method, path: root + tail, also }));
}

const callRoots = ['/v1', '/{provider}/v1', '/{provider}/{session}/v1', '/backend-api/{provider}'];
const versions = ['/v1beta', '/v1', '/v1alpha'];

/** Each with every root that it has. */
export function flatRoutes(): { readonly method: string; readonly path: string }[] {
  const calls = callPaths.flatMap(([tail, protocol, operation]) =>
    callRoots.flatMap((root) => [
      { method: 'POST', path: root + tail },
      ...(operation === 'turn' && protocol === 'openai-responses'
        ? [{ method: 'GET', path: root + tail }]
        : []),
    ]),
  );
  const gemini = [...geminiMethods.keys()].flatMap((name) =>
    ['', '/{provider}'].flatMap((before) =>
      versions.map((version) => ({ method: 'POST', path: `${before}${version}/models/{model}:${name}` })),
    ),
  );
  // Routes are only described here: none is asked, so that nothing of what they need is there.
  const others = plainRoutes({} as ServerDeps)
    .filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/admin'))
    .map(({ method, path }) => ({
      method,
      path: path.replace(/\/models\/:id\{.+\}$/, '/models/{model}').replace(/:(\w+)/g, '{$1}'),
    }))
    .sort(
      ({ path: a }, { path: b }) =>
        Number(a.startsWith('/backend-api')) - Number(b.startsWith('/backend-api')),
    );
  return [...calls, ...gemini, ...others];
}

function split(path: string): { root: string; tail: string } {
  const root =
    /^(?:\/backend-api\/\{provider\}|(?:\/\{provider\}(?:\/\{session\})?)?\/v1(?:beta|alpha)?)(?=\/)/.exec(
      path,
    )?.[0] ?? '';
  return { root, tail: path.slice(root.length) };
}
