import type { JsonObject } from '../../turn/json.ts';
import type { Part, ReasoningPart, Tool } from '../../turn/part.ts';
import type { Turn, TurnRequest } from '../../turn/request.ts';
import { createLedger, type Ledger } from '../ledger.ts';
import { placesOf } from '../places.ts';
import type { EncodedRequest, EncodeTarget } from '../protocol.ts';
import { escapeCallId } from '../repairs/call-ids.ts';
import { sealFits } from '../seal.ts';
import { encodeBlock } from './block-encode.ts';
import type { BlockWriter } from './block-writer.ts';
import { cacheControl } from './cache.ts';
import { encodeForeignRequest } from './foreign-request.ts';
import { maxTokens } from './limits.ts';
import { protocolId } from './names.ts';
import { spelling } from './spelling.ts';
import { encodeOwnTool, encodeToolChoice } from './tools.ts';

/**
 * Writes a request for an upstream of this protocol. One that came in this protocol goes back as it was, but
 * for the model's name and for reasoning that another upstream sealed; any other is brought into the shape
 * that the API asks for, with a note for each thing that is changed or left out.
 */
export function encodeRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  return request.protocol === protocolId
    ? encodeOwnRequest(request, target)
    : encodeForeignRequest(request, target);
}

function encodeOwnRequest(request: TurnRequest, target: EncodeTarget): EncodedRequest {
  const ledger = createLedger(protocolId, protocolId);
  const writer = ownWriter(request, target, ledger);
  const places = placesOf(request);
  const spelt = spelling(request);
  const { sampling, meta, cache } = request;
  const { metadata, ...extras } = request.extras[protocolId] ?? {};
  const body: JsonObject = { model: target.model };
  const max = maxTokens(request, target, ledger);
  if (max !== undefined) body.max_tokens = max;
  if (request.instructions.length > 0) {
    body.system = content(
      request.instructions,
      spelling(request.instructions)?.form ?? 'string',
      writer,
      (_part, i) => places.instruction(i),
    );
  } else if (spelling(request.instructions)?.form === 'list') {
    body.system = [];
  }
  body.messages = request.turns.map((turn, i) =>
    message(turn, writer, (part, j) => places.part(turn, i, part, j)),
  );
  writeTools(body, request.tools);
  const choice =
    request.toolChoice && encodeToolChoice(request.toolChoice, request.parallelTools, (name) => name);
  if (choice) body.tool_choice = choice;
  if (sampling.temperature !== undefined) body.temperature = sampling.temperature;
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  if (sampling.topK !== undefined) body.top_k = sampling.topK;
  if (sampling.stop !== undefined) body.stop_sequences = sampling.stop;
  writeReasoning(body, request);
  if (max !== request.outputTokensMax) fitBudget(body, ledger);
  writeOutput(body, request);
  if (meta.user !== undefined || metadata !== undefined) {
    body.metadata = { ...(meta.user !== undefined && { user_id: meta.user }), ...(metadata as JsonObject) };
  }
  if (meta.tier !== undefined) body.service_tier = meta.tier;
  if (cache?.mark) body.cache_control = cacheControl(cache.mark);
  Object.assign(body, extras, spelt);
  if (request.delivery.stream) body.stream = true;
  return { body, notes: ledger.notes };
}

function ownWriter(request: TurnRequest, target: EncodeTarget, ledger: Ledger): BlockWriter {
  const writer: BlockWriter = {
    upstream: { ledger, places: placesOf(request), abilities: target.abilities },
    own: true,
    callId: escapeCallId,
    toolName: (name) => name,
    seal: (part) => ownSeal(part, target, writer.path, ledger),
    path: '',
    notes: [],
  };
  return writer;
}

/** Thinking without a signature goes back as it came: servers that sign nothing take it. */
function ownSeal(
  part: ReasoningPart,
  target: EncodeTarget,
  path: string,
  ledger: Ledger,
): string | undefined | null {
  if (part.seal === undefined || sealFits(part.seal, protocolId, target.issuer)) return part.seal?.value;
  ledger.lose('parts.seal', path);
  return null;
}

/** Where a part stood in the client's request. */
type PlaceOf = (part: Part, index: number) => string;

function message(turn: Turn, writer: BlockWriter, placeOf: PlaceOf): JsonObject {
  const form = spelling(turn)?.form ?? (turn.role === 'assistant' ? 'list' : 'string');
  const role = turn.role === 'developer' ? 'system' : turn.role;
  const out: JsonObject = { role };
  if (form !== 'absent' || turn.parts.length > 0) out.content = content(turn.parts, form, writer, placeOf);
  return Object.assign(out, turn.extras?.[protocolId]);
}

/** Parts as a plain string where one bare text says it all and was said so, else as blocks. */
function content(
  parts: readonly Part[],
  form: unknown,
  writer: BlockWriter,
  placeOf: PlaceOf,
): JsonObject[] | string {
  const [first] = parts;
  if (form !== 'list' && parts.length === 1 && first!.kind === 'text' && isBare(first!)) return first!.text;
  const blocks: JsonObject[] = [];
  parts.forEach((part, i) => {
    writer.path = placeOf(part, i);
    const block = encodeBlock(part, writer);
    if (block) blocks.push(block);
  });
  return blocks;
}

/** Text that carries nothing beside its words. */
export const isBare = (part: Part): boolean =>
  part.kind === 'text' &&
  part.citations === undefined &&
  part.cache === undefined &&
  part.extras?.[protocolId] === undefined &&
  spelling(part) === undefined;

/** MCP servers stand apart from the tools on the wire. */
function writeTools(body: JsonObject, tools: readonly Tool[]): void {
  const isServer = (tool: Tool) => tool.family === 'mcp' && tool.wire?.value.type !== 'mcp_toolset';
  const listed = tools.filter((tool) => !isServer(tool)).map(encodeOwnTool);
  const servers = tools.filter(isServer).map((tool) => tool.wire!.value);
  if (listed.length > 0) body.tools = listed;
  if (servers.length > 0) body.mcp_servers = servers;
}

function writeReasoning(body: JsonObject, { reasoning }: TurnRequest): void {
  if (reasoning === undefined) return;
  const type = { on: 'enabled', adaptive: 'adaptive', off: 'disabled' }[reasoning.mode ?? 'on'];
  const thinking: JsonObject = {};
  if (reasoning.mode !== undefined) thinking.type = type;
  if (reasoning.budgetTokens !== undefined) thinking.budget_tokens = reasoning.budgetTokens;
  if (reasoning.show !== undefined) thinking.display = reasoning.show;
  Object.assign(thinking, reasoning.extras?.[protocolId]);
  if (Object.keys(thinking).length > 0) body.thinking = thinking;
  if (reasoning.effort !== undefined) body.output_config = { effort: reasoning.effort };
}

/** Thinking counts within `max_tokens`, so a limit that was cut cuts it too. */
function fitBudget(body: JsonObject, ledger: Ledger): void {
  const thinking = body.thinking as JsonObject | undefined;
  const max = body.max_tokens as number;
  if (typeof thinking?.budget_tokens !== 'number' || thinking.budget_tokens < max) return;
  body.thinking = { ...thinking, budget_tokens: max - 1 };
  ledger.loseWhen('reasoning.budgetTokens', 'fit', undefined, String(max));
}

function writeOutput(body: JsonObject, { output }: TurnRequest): void {
  if (output === undefined) return;
  const { output_format, ...spelt } = spelling(output) ?? {};
  const config: JsonObject = { ...(body.output_config as JsonObject | undefined) };
  if (output_format !== undefined) body.output_format = output_format;
  else if (output.format?.schema) config.format = { type: 'json_schema', schema: output.format.schema };
  Object.assign(config, output.extras?.[protocolId], spelt);
  if (Object.keys(config).length > 0) body.output_config = config;
}
