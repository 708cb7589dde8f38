import type { Json, JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { MediaPart, Part, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import type { Turn, TurnRequest } from '../../turn/request.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { encodeForeignRequest } from './foreign-request.ts';
import { callArgs, SignedParts } from './model-turn.ts';
import { protocolId } from './names.ts';
import { spelling } from './spelling.ts';
import { encodeOwnTools, encodeToolChoice } from './tools.ts';

/**
 * Writes a request for an upstream of this protocol, without `model` and `stream`, which stand in the path. One that
 * came in this protocol goes back as it was, but for the reasoning that another upstream sealed; any other is
 * brought into the shape that the API asks for, with a note for each thing that is changed or left out.
 */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  return request.protocol === protocolId
    ? encodeOwnRequest(request, target)
    : encodeForeignRequest(request, target);
}

function encodeOwnRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const notes: Note[] = [];
  const { toolConfig, ...extras } = request.extras[protocolId] ?? {};
  const body: JsonObject = {};
  if (request.instructions.length > 0) {
    body.systemInstruction = {
      parts: request.instructions.map(ownPart).filter((part) => part !== undefined),
    };
  }
  body.contents = request.turns.map((turn, i) => content(turn, target, `contents[${i}]`, notes));
  const tools = encodeOwnTools(request.tools);
  if (tools.length > 0) body.tools = tools;
  const choice = request.toolChoice && encodeToolChoice(request.toolChoice, (name) => name);
  if (choice !== undefined || toolConfig !== undefined) {
    body.toolConfig = {
      ...(choice && { functionCallingConfig: choice }),
      ...(toolConfig as JsonObject | undefined),
    };
  }
  const config = generationConfig(request);
  if (Object.keys(config).length > 0) body.generationConfig = config;
  if (request.meta.labels !== undefined) body.labels = request.meta.labels;
  if (request.meta.tier !== undefined) body.serviceTier = request.meta.tier;
  if (request.state?.store !== undefined) body.store = request.state.store;
  return { body: Object.assign(body, extras), notes };
}

function content(turn: Turn, target: EncodeTarget, path: string, notes: Note[]): JsonObject {
  const out: JsonObject = { role: turn.role === 'assistant' ? 'model' : 'user' };
  const signed = new SignedParts();
  turn.parts.forEach((part, i) => {
    if (part.kind !== 'reasoning') {
      const written = ownPart(part);
      if (written !== undefined) signed.push(written);
    } else if (!signed.thought(part, target.issuer)) {
      const why = 'sealed reasoning goes back only to the provider that made it';
      notes.push({ path: `${path}.parts[${i}]`, action: 'dropped', why, weight: 'note' });
    }
  });
  signed.flush();
  if (signed.parts.length > 0) out.parts = signed.parts;
  return Object.assign(out, turn.extras?.[protocolId]);
}

function ownPart(part: Part): JsonObject | undefined {
  const extras = part.extras?.[protocolId];
  switch (part.kind) {
    case 'text':
      return { text: part.text, ...extras };
    case 'media':
      return mediaPart(part, extras);
    case 'tool_call':
      return part.by === 'server' ? part.wire?.value : dataPart('functionCall', call(part), extras);
    case 'tool_result':
      return part.by === 'server' ? part.wire?.value : dataPart('functionResponse', response(part), extras);
    case 'native':
      return part.value;
    default:
      return undefined;
  }
}

/** Extras that belong inside a part's data were kept under its name. */
function dataPart(name: string, data: JsonObject, extras: JsonObject | undefined): JsonObject {
  const { [name]: inside, ...beside } = extras ?? {};
  return { [name]: { ...data, ...(inside as JsonObject | undefined) }, ...beside };
}

function mediaPart(
  { source, mime, title }: MediaPart,
  extras: JsonObject | undefined,
): JsonObject | undefined {
  const data: JsonObject = {};
  if (mime !== undefined) data.mimeType = mime;
  if (title !== undefined) data.displayName = title;
  if (source.by === 'bytes') return dataPart('inlineData', { ...data, data: source.data }, extras);
  const uri = source.by === 'url' ? source.url : source.by === 'file' ? source.id : undefined;
  return uri === undefined ? undefined : dataPart('fileData', { ...data, fileUri: uri }, extras);
}

function call(part: ToolCallPart): JsonObject {
  const spelt = spelling(part);
  const out: JsonObject = { name: part.name };
  if (spelt === undefined) out.id = part.callId;
  else if (spelt.id !== null) out.id = spelt.id;
  if (spelt?.hasArgs !== false) out.args = callArgs(part).args;
  return out;
}

function response(part: ToolResultPart): JsonObject {
  const spelt = spelling(part);
  const out: JsonObject = { name: part.name ?? '' };
  if (spelt === undefined) out.id = part.callId;
  else if (spelt.id !== null) out.id = spelt.id;
  out.response = spelt?.response ?? plainResponse(part);
  if (spelt?.parts !== undefined) out.parts = spelt.parts;
  return out;
}

function plainResponse({ output, outcome }: ToolResultPart): JsonObject {
  const value: Json =
    output.as === 'text'
      ? output.text
      : output.as === 'json'
        ? output.value
        : output.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
  return { [outcome === 'error' ? 'error' : 'output']: value };
}

function generationConfig({ sampling, outputTokensMax, output, reasoning }: TurnRequest): JsonObject {
  const config: JsonObject = {};
  const set = (key: string, value: Json | undefined): void => {
    if (value !== undefined) config[key] = value;
  };
  set('temperature', sampling.temperature);
  set('topP', sampling.topP);
  set('topK', sampling.topK);
  set('seed', sampling.seed);
  set('frequencyPenalty', sampling.frequencyPenalty);
  set('presencePenalty', sampling.presencePenalty);
  set('responseLogprobs', sampling.logprobs);
  set('logprobs', sampling.topLogprobs);
  set('stopSequences', sampling.stop);
  set('candidateCount', sampling.choices);
  set('maxOutputTokens', outputTokensMax);
  set(
    'responseModalities',
    output?.modalities?.map((word) => word.toUpperCase()),
  );
  const format = output?.format;
  if (format !== undefined) {
    const { responseMimeType, ...schema } = spelling(format) ?? {};
    if (responseMimeType !== null)
      config.responseMimeType = format.type === 'text' ? 'text/plain' : 'application/json';
    if (Object.keys(schema).length > 0) Object.assign(config, schema);
    else set('responseJsonSchema', format.schema);
  }
  if (reasoning !== undefined) config.thinkingConfig = ownThinking(reasoning);
  return Object.assign(config, output?.extras?.[protocolId]);
}

function ownThinking(reasoning: NonNullable<TurnRequest['reasoning']>): JsonObject {
  const out: JsonObject = {};
  const { mode, budgetTokens, effort, show } = reasoning;
  const level = spelling(reasoning)?.thinkingLevel ?? effort?.toUpperCase();
  if (budgetTokens !== undefined) out.thinkingBudget = budgetTokens;
  else if (mode === 'off') out.thinkingBudget = 0;
  else if (mode === 'adaptive') out.thinkingBudget = -1;
  if (level !== undefined) out.thinkingLevel = level;
  if (show !== undefined) out.includeThoughts = show !== 'omitted';
  return Object.assign(out, reasoning.extras?.[protocolId]);
}
