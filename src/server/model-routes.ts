import type { Context, Hono } from 'hono';
import type { Caller } from '../access/gatekeeper.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import type { CatalogEntry } from '../routing/catalog.ts';
import type { TurnRecord } from '../telemetry/record.ts';
import { FailureError, invalidRequest } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import type { ProtocolId } from '../turn/part.ts';
import { listedName, modelMeant, readsClientCatalog } from './client-habits.ts';
import {
  anthropicModel,
  anthropicModels,
  geminiModel,
  geminiModels,
  openAiModel,
  openAiModels,
  publicId,
} from './models.ts';
import { recorded } from './recorded.ts';
import { catalogTag, clientCatalog } from './client-catalog.ts';
import { surfaceOf } from './surface.ts';

/** Routes that tell of models, in the shape that the asking client knows. */
export function modelRoutes(app: Hono, deps: PipelineDeps): void {
  app.get('/backend-api/:provider/models', (c) =>
    answerModels(deps, c, '/backend-api/{provider}/models', list),
  );
  for (const prefix of ['', '/:provider', '/:provider/:session']) {
    for (const version of ['v1', 'v1beta', 'v1alpha']) {
      const path = `${prefix}/${version}/models`;
      const template = path.replace(/:(\w+)/g, '{$1}');
      app.get(path, (c) => answerModels(deps, c, template, list));
      app.get(`${path}/:id{.+}`, (c) => answerModels(deps, c, `${template}/{model}`, one));
    }
  }
}

interface Shape {
  list(
    entries: readonly CatalogEntry[],
    scoped: boolean,
    query: (name: string) => string | undefined,
  ): JsonObject;
  one(entry: CatalogEntry, scoped: boolean): JsonObject;
}

const openAi: Shape = { list: openAiModels, one: openAiModel };
const anthropic: Shape = { list: anthropicModels, one: anthropicModel };
const shapes: Partial<Record<ProtocolId, Shape>> = {
  'anthropic-messages': anthropic,
  'google-gemini': { list: geminiModels, one: geminiModel },
};

interface Asking {
  readonly c: Context;
  readonly shape: Shape;
  readonly caller: Caller;
  readonly record: TurnRecord;
}

type Answer = (deps: PipelineDeps, asking: Asking) => Promise<Response>;

function answerModels(deps: PipelineDeps, c: Context, route: string, answer: Answer): Promise<Response> {
  const surface = surfaceOf(deps.protocols, c.req.path, c.req.raw.headers);
  return recorded(deps, c, { name: 'models', route, surface }, (caller, record) =>
    answer(deps, { c, shape: shapes[surface.id] ?? openAi, caller, record }),
  );
}

const list: Answer = async (deps, { c, shape, caller }) => {
  const only = knownProvider(deps, c);
  const { models, failed } = await deps.catalog.list(only);
  const shown = await allowed(deps, caller, models, only);
  // A provider that could not be asked is named, so that a short list does not look like the whole one.
  const missing = failed.filter((provider) => caller.key?.rules.providers?.includes(provider) ?? true);
  const headers: Record<string, string> =
    missing.length > 0 ? { 'dragoman-notes': `unreachable: ${missing.join(', ')}` } : {};
  if (
    c.req.path.startsWith('/backend-api/') ||
    readsClientCatalog(c.req.raw.headers, c.req.query('client_version'))
  ) {
    const body = clientCatalog(shown, only !== undefined);
    return c.json(body, 200, { ...headers, etag: catalogTag(body) });
  }
  const page = shape.list(shown, only !== undefined, (name) => c.req.query(name));
  return c.json(shape === anthropic ? asPicked(page, c.req.raw.headers) : page, 200, headers);
};

/** A page of models under the names by which this client lists them. */
function asPicked(page: JsonObject, headers: Headers): JsonObject {
  const named = (id: unknown) => (typeof id === 'string' ? listedName(id, headers) : null);
  const data = (page.data as JsonObject[]).map((model) => ({ ...model, id: named(model.id) }));
  return { ...page, data, first_id: named(page.first_id), last_id: named(page.last_id) };
}

const one: Answer = async (deps, { c, shape, caller, record }) => {
  const only = knownProvider(deps, c);
  const wanted = modelMeant(c.req.param('id')!);
  record.model = wanted;
  const { models } = await deps.catalog.list(only);
  const named = models.filter((each) => wanted === each.id || wanted === `${each.provider}/${each.id}`);
  const [entry] = await allowed(deps, caller, named, only);
  if (!entry) notFound(`the model ${JSON.stringify(wanted)} does not exist here`, 'model_not_found');
  return c.json(shape.one(entry, only !== undefined));
};

/** The entries that the caller's key lets it ask for by the name that they are listed under. */
async function allowed(
  { gatekeeper, catalog }: PipelineDeps,
  caller: Caller,
  entries: readonly CatalogEntry[],
  only: string | undefined,
): Promise<readonly CatalogEntry[]> {
  if (caller.key === undefined) return entries;
  const mayUse = async (entry: CatalogEntry): Promise<boolean> => {
    const name = publicId(entry, only !== undefined);
    if (entry.aliasOf === undefined) return gatekeeper.mayUse(caller, name, entry.provider);
    // An alias is to be had where any of its targets is.
    const result = await catalog.resolve(name);
    return (
      result.found && result.routes.some(({ provider }) => gatekeeper.mayUse(caller, name, provider.name))
    );
  };
  const may = await Promise.all(entries.map(mayUse));
  return entries.filter((_, i) => may[i]);
}

function knownProvider(deps: PipelineDeps, c: Context): string | undefined {
  const only = c.req.param('provider');
  if (only !== undefined && !deps.catalog.provider(only)) {
    notFound(`there is no provider ${JSON.stringify(only)} here`, 'not_found');
  }
  return only;
}

function notFound(message: string, code: string): never {
  throw new FailureError(invalidRequest(message, undefined, { status: 404, kind: 'not_found', code }));
}
