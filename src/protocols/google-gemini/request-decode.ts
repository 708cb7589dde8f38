import { refuse } from '../../turn/failure.ts';
import { asBoolean, asObject, asString, rest, type JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { decodeConfig } from './config-decode.ts';
import { decodeContents, decodeInstructions } from './content-decode.ts';
import { camel, camelObject, protocolId } from './names.ts';
import { decodeToolChoice, decodeTools } from './tools.ts';

/** Members that are read below; everything else is kept in `extras`. */
const known: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'labels',
  'serviceTier',
  'store',
]);

/**
 * Reads the body of `POST …:generateContent`. The model, and whether the reply is to be streamed, stand in the path
 * there; here they are the members `model` and `stream`.
 * @throws FailureError status 400 for what no upstream could make sense of, in the API's own words
 */
export function decodeRequest(given: JsonObject): TurnRequest {
  const body = camel(given);
  const model = asString(body.model);
  if (!model) refuse('* GenerateContentRequest.model: unexpected model name format', 'model');
  const request: TurnRequest = {
    protocol: protocolId,
    model,
    instructions: decodeInstructions(body.systemInstruction),
    turns: decodeContents(body.contents),
    tools: decodeTools(body.tools),
    sampling: {},
    delivery: { stream: body.stream === true },
    meta: {},
    extras: {},
  };
  decodeConfig(body.generationConfig, request);
  const extras: JsonObject = rest(body, known) ?? {};
  const toolConfig = camelObject(body.toolConfig);
  if (toolConfig !== undefined) {
    const { functionCallingConfig, ...more } = toolConfig;
    const choice = decodeToolChoice(functionCallingConfig);
    if (choice !== undefined) request.toolChoice = choice;
    if (Object.keys(more).length > 0) extras.toolConfig = more;
  }
  const tier = asString(body.serviceTier);
  const labels = asObject(body.labels);
  const store = asBoolean(body.store);
  if (tier !== undefined) request.meta.tier = tier;
  if (labels !== undefined) request.meta.labels = labels;
  if (store !== undefined) request.state = { store };
  if (Object.keys(extras).length > 0) request.extras = { [protocolId]: extras };
  return request;
}
