import { entryOf, type JsonObject } from '../../turn/json.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { schemaInWords } from '../words.ts';
import { conversation } from './conversation.ts';
import { encodeForeignTools } from './foreign-tools.ts';
import { geminiSchema } from './gemini-schema.ts';
import { protocolId } from './names.ts';
import { thinkingConfig } from './thinking.ts';
import { geminiTools } from './tool-names.ts';

const stopCountMax = 5;
const topLogprobsMax = 20;
const temperatureMax = 2;
const int32Max = 2_147_483_647;

/** Writes a request that came in another protocol. */
export function encodeForeignRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const ledger = createLedger(request.protocol, protocolId);
  const wire = geminiTools(request);
  const { systemInstruction, contents } = conversation({ request, target, ledger, wireName: wire.wireName });
  const body: JsonObject = {};
  const format = request.output?.format;
  if (format?.schema !== undefined && target.abilities.outputSchema === false) {
    systemInstruction.push({ text: schemaInWords(format) });
  }
  if (systemInstruction.length > 0) body.systemInstruction = { parts: systemInstruction };
  body.contents = contents;
  Object.assign(body, encodeForeignTools(request, wire.tools, wire.wireName, ledger));
  for (const name of wire.repeated) {
    ledger.repair(`tools.${name}`, `the tool ${name} is offered more than once and sent once`);
  }
  const config: JsonObject = {
    ...sampling(request, target, ledger),
    ...limit(request, target, ledger),
    ...output(request, target, ledger),
  };
  const thinking = thinkingConfig(request, target, ledger);
  if (thinking !== undefined) config.thinkingConfig = thinking;
  if (Object.keys(config).length > 0) body.generationConfig = config;
  const tier = serviceTier(request, ledger);
  if (tier !== undefined) body.serviceTier = tier;
  noteTheRest(request, ledger);
  return { body, notes: ledger.notes, names: wire.names };
}

function sampling({ sampling }: TurnRequest, { abilities }: EncodeTarget, ledger: Ledger): JsonObject {
  const out: JsonObject = {};
  for (const member of ['temperature', 'topP', 'topK'] as const) {
    const value = sampling[member];
    if (value === undefined) continue;
    if (abilities.fixedSampling !== true) out[member] = value;
    // What such a model does anyway.
    else if (value !== 1 || member === 'topK') ledger.loseWhen(`sampling.${member}`, 'fixed');
  }
  if (typeof out.temperature === 'number' && out.temperature > temperatureMax) {
    ledger.loseWhen('sampling.temperature', 'scale');
    out.temperature = temperatureMax;
  }
  const { seed, stop } = sampling;
  if (seed !== undefined) {
    if (Number.isInteger(seed) && Math.abs(seed) <= int32Max) out.seed = seed;
    else ledger.loseWhen('sampling.seed', 'range');
  }
  if (sampling.frequencyPenalty !== undefined) out.frequencyPenalty = sampling.frequencyPenalty;
  if (sampling.presencePenalty !== undefined) out.presencePenalty = sampling.presencePenalty;
  if (sampling.logitBias !== undefined) ledger.lose('sampling.logitBias');
  if (sampling.logprobs ?? (sampling.topLogprobs !== undefined || undefined)) out.responseLogprobs = true;
  if (sampling.topLogprobs !== undefined && out.responseLogprobs === true) {
    if (sampling.topLogprobs > topLogprobsMax) ledger.loseWhen('sampling.topLogprobs', 'many');
    out.logprobs = Math.min(sampling.topLogprobs, topLogprobsMax);
  }
  if (stop !== undefined) {
    // An empty sequence is refused.
    const usable = stop.filter((text) => text !== '');
    if (usable.length > stopCountMax) ledger.loseWhen('sampling.stop', 'many');
    if (usable.length > 0) out.stopSequences = usable.slice(0, stopCountMax);
  }
  if (sampling.choices !== undefined && sampling.choices !== 1) out.candidateCount = sampling.choices;
  return out;
}

function limit(request: TurnRequest, { abilities }: EncodeTarget, ledger: Ledger): JsonObject {
  const asked = request.outputTokensMax;
  const most = abilities.outputTokensMax;
  if (asked === undefined) return {};
  if (most === undefined || asked <= most) return { maxOutputTokens: asked };
  ledger.loseWhen('outputTokensMax', 'model', undefined, `${most} tokens`);
  return { maxOutputTokens: most };
}

function output({ output }: TurnRequest, { abilities }: EncodeTarget, ledger: Ledger): JsonObject {
  const out: JsonObject = {};
  if (output?.verbosity !== undefined) ledger.lose('output.verbosity');
  if (output?.modalities?.some((word) => word !== 'text')) {
    out.responseModalities = output.modalities.map((word) => word.toUpperCase());
  }
  const format = output?.format;
  if (format === undefined || format.type === 'text') return out;
  out.responseMimeType = 'application/json';
  if (format.type === 'json') return out;
  for (const member of ['name', 'description'] as const) {
    if (format[member] !== undefined) ledger.lose(`format.${member}`);
  }
  if (format.strict === false) ledger.lose('format.strict');
  if (format.schema === undefined) {
    ledger.loseWhen('format.schema', 'absent');
  } else if (abilities.outputSchema === false) {
    ledger.loseWhen('format.schema', 'unable');
  } else {
    const { schema, changes } = geminiSchema(format.schema);
    out.responseJsonSchema = schema;
    for (const { name, detail } of changes) ledger.loseWhen('format.schema', name, undefined, detail);
  }
  return out;
}

/** Tiers of other vendors that mean the same; what is not said is the ordinary one. */
const tiers: Readonly<Record<string, string | null>> = {
  auto: null,
  default: 'standard',
  standard: 'standard',
  standard_only: 'standard',
  flex: 'flex',
  priority: 'priority',
};

function serviceTier({ meta }: TurnRequest, ledger: Ledger): string | undefined {
  if (meta.tier === undefined) return undefined;
  const tier = entryOf(tiers, meta.tier);
  if (tier === undefined) ledger.loseWhen('meta.tier', 'unknown', undefined, meta.tier);
  return tier ?? undefined;
}

function noteTheRest(request: TurnRequest, ledger: Ledger): void {
  const { cache, state, meta, reasoning } = request;
  if (cache?.key !== undefined) ledger.lose('cache.key');
  if (cache?.retention !== undefined) ledger.lose('cache.retention');
  if (cache?.mark !== undefined) ledger.lose('cache.mark');
  if (state?.store === true) ledger.lose('state.store');
  if (state?.previousId !== undefined) ledger.lose('state.previousId');
  if (meta.user !== undefined) ledger.lose('meta.user');
  if (meta.safetyId !== undefined) ledger.lose('meta.safetyId');
  if (meta.labels !== undefined && Object.keys(meta.labels).length > 0) ledger.lose('meta.labels');
  if (reasoning?.show === 'concise' || reasoning?.show === 'detailed')
    ledger.loseWhen('reasoning.show', 'length');
  ledger.foreignRequest(request);
}
