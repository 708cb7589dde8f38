import { isObject, type Json, type JsonObject } from '../../turn/json.ts';

/** The resource name of a model; tuned models have theirs in full. */
export const resource = (model: string): string =>
  model.startsWith('tunedModels/') ? model : `models/${model}`;

/** Members that hold requests, which name their model again. */
const nesting: ReadonlySet<string> = new Set([
  'generateContentRequest',
  'generate_content_request',
  'requests',
]);

/**
 * Writes `model` where a body or a request inside it names the model that the client asked for, as a resource or
 * bare: the upstream compares it with its path. Returns the same object when there is nothing to write.
 */
export function renameModel(body: JsonObject, asked: string, model: string): JsonObject {
  let out = rename(body, asked, model);
  for (const key in body) {
    const value = body[key];
    if (value === undefined || !nesting.has(key)) continue;
    const renamed = Array.isArray(value) ? renameAll(value, asked, model) : renameIn(value, asked, model);
    if (renamed !== value) out = { ...out, [key]: renamed };
  }
  return out;
}

function renameAll(values: Json[], asked: string, model: string): Json[] {
  const renamed = values.map((value) => renameIn(value, asked, model));
  return renamed.some((value, i) => value !== values[i]) ? renamed : values;
}

const renameIn = (value: Json, asked: string, model: string): Json =>
  isObject(value) ? rename(value, asked, model) : value;

function rename(request: JsonObject, asked: string, model: string): JsonObject {
  const named = request.model;
  if (asked === model || (named !== asked && named !== `models/${asked}`)) return request;
  return { ...request, model: resource(model) };
}
