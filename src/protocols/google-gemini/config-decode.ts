import { refuse } from '../../turn/failure.ts';
import { asBoolean, asString, isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { Output, Reasoning, TurnRequest } from '../../turn/request.ts';
import { camel, camelObject, ownExtras } from './names.ts';
import { jsonSchemaOf } from './open-api-schema.ts';
import { spell } from './spelling.ts';

/** Members of `generationConfig` that are read below; the others are kept. */
const known: ReadonlySet<string> = new Set([
  'temperature',
  'topP',
  'topK',
  'seed',
  'frequencyPenalty',
  'presencePenalty',
  'responseLogprobs',
  'logprobs',
  'stopSequences',
  'candidateCount',
  'maxOutputTokens',
  'thinkingConfig',
  'responseModalities',
]);

/** Reads `generationConfig` into the request. */
export function decodeConfig(value: Json | undefined, request: TurnRequest): void {
  if (value === undefined || value === null) return;
  if (!isObject(value)) refuse("Invalid value at 'generation_config'", 'generationConfig');
  const config = camel(value);
  decodeSampling(config, request);
  const max = number(config, 'maxOutputTokens');
  if (max !== undefined) request.outputTokensMax = max;
  const reasoning = decodeReasoning(camelObject(config.thinkingConfig));
  if (reasoning !== undefined) request.reasoning = reasoning;
  const output = decodeOutput(config);
  if (output !== undefined) request.output = output;
}

function decodeSampling(config: JsonObject, { sampling }: TurnRequest): void {
  const members = [
    ['temperature', 'temperature'],
    ['topP', 'topP'],
    ['topK', 'topK'],
    ['seed', 'seed'],
    ['frequencyPenalty', 'frequencyPenalty'],
    ['presencePenalty', 'presencePenalty'],
    ['topLogprobs', 'logprobs'],
    ['choices', 'candidateCount'],
  ] as const;
  for (const [member, key] of members) {
    const value = number(config, key);
    if (value !== undefined) sampling[member] = value;
  }
  const logprobs = asBoolean(config.responseLogprobs);
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = config.stopSequences;
  if (stop === undefined) return;
  const list = Array.isArray(stop) ? stop : [stop];
  sampling.stop = list.map((text, i) =>
    typeof text === 'string' ? text : wrong(`stop_sequences[${i}]`, 'TYPE_STRING', text),
  );
}

const thinkingKeys: ReadonlySet<string> = new Set(['thinkingBudget', 'thinkingLevel', 'includeThoughts']);

function decodeReasoning(config: JsonObject | undefined): Reasoning | undefined {
  if (config === undefined) return undefined;
  const reasoning: Reasoning = {};
  const budget = number(config, 'thinkingBudget', 'thinking_config.thinking_budget');
  const level = asString(config.thinkingLevel);
  const show = asBoolean(config.includeThoughts);
  if (budget === 0) reasoning.mode = 'off';
  else if (budget === -1) reasoning.mode = 'adaptive';
  else if (budget !== undefined) {
    reasoning.mode = 'on';
    reasoning.budgetTokens = budget;
  }
  if (level !== undefined) {
    spell(reasoning, { thinkingLevel: level });
    if (!/unspecified/i.test(level)) reasoning.effort = level.toLowerCase();
  }
  if (show !== undefined) reasoning.show = show ? 'auto' : 'omitted';
  const extras = rest(config, thinkingKeys);
  if (extras !== undefined) reasoning.extras = ownExtras(extras);
  return reasoning;
}

/** Members that are the format together. */
const schemaKeys = ['responseJsonSchema', '_responseJsonSchema', 'responseSchema'] as const;

function decodeOutput(config: JsonObject): Output | undefined {
  const output: Output = {};
  const left: JsonObject = rest(config, known) ?? {};
  const mime = asString(config.responseMimeType);
  const key = schemaKeys.find((one) => isObject(config[one]));
  if (key !== undefined && (mime === undefined || mime === 'application/json')) {
    const schema = config[key] as JsonObject;
    output.format = { type: 'schema', schema: key === 'responseSchema' ? jsonSchemaOf(schema) : schema };
    spell(output.format, { [key]: schema, ...(mime === undefined && { responseMimeType: null }) });
    delete left[key];
    delete left.responseMimeType;
  } else if (mime === 'application/json' || mime === 'text/plain') {
    output.format = { type: mime === 'text/plain' ? 'text' : 'json' };
    delete left.responseMimeType;
  }
  const modalities = config.responseModalities;
  if (Array.isArray(modalities)) {
    output.modalities = modalities.map((word, i) =>
      typeof word === 'string' ? word.toLowerCase() : wrong(`response_modalities[${i}]`, 'TYPE_ENUM', word),
    );
  }
  if (Object.keys(left).length > 0) output.extras = ownExtras(left);
  return Object.keys(output).length > 0 ? output : undefined;
}

/** A number, which JSON made from protocol buffers may also write as a string. */
function number(config: JsonObject, key: string, path = snake(key)): number | undefined {
  const value = config[key];
  if (value === undefined) return undefined;
  if (typeof value === 'number') return value;
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  return Number.isFinite(read) ? read : wrong(path, 'TYPE_FLOAT', value);
}

const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function wrong(path: string, type: string, value: Json): never {
  const at = `generation_config.${path}`;
  return refuse(`Invalid value at '${at}' (${type}), ${JSON.stringify(value)}`, at);
}
