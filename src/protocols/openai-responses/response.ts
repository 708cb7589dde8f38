import { asArray, asObject, isObject, type JsonObject } from '../../turn/json.ts';
import type { SurfaceContext } from '../protocol.ts';

/**
 * The members of a Response that repeat the request, with the defaults that the OpenAI and Open Responses
 * specifications ask for where the client left them out.
 */
export function echoOf(context: SurfaceContext): JsonObject {
  const { body } = context;
  const echo: JsonObject = {
    background: body.background ?? false,
    frequency_penalty: body.frequency_penalty ?? 0,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    presence_penalty: body.presence_penalty ?? 0,
    previous_response_id: body.previous_response_id ?? null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: null, summary: null, ...asObject(body.reasoning) },
    safety_identifier: body.safety_identifier ?? null,
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: echoText(withoutNulls(asObject(body.text))),
    tool_choice: body.tool_choice ?? 'auto',
    tools: asArray(body.tools).filter(isObject).map(echoTool),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
  };
  if (typeof body.user === 'string') echo.user = body.user;
  if (typeof body.prompt_cache_retention === 'string') {
    echo.prompt_cache_retention = body.prompt_cache_retention;
  }
  // A request may name its conversation by the bare id; the response always has the object.
  if (typeof body.conversation === 'string') echo.conversation = { id: body.conversation };
  else if (isObject(body.conversation)) echo.conversation = body.conversation;
  return echo;
}

/** Members of an upstream's Response that this surface fills by itself; all others are carried over. */
export const responseMembers: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created_at',
  'status',
  'error',
  'incomplete_details',
  'model',
  'output',
  'output_text',
  'usage',
  'background',
  'frequency_penalty',
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'parallel_tool_calls',
  'presence_penalty',
  'previous_response_id',
  'prompt_cache_key',
  'prompt_cache_retention',
  'reasoning',
  'safety_identifier',
  'store',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'truncation',
  'user',
  'conversation',
]);

/** A valid Response of which nothing is known but its id. */
export const emptyResponse = (id: string): JsonObject => ({
  id,
  object: 'response',
  created_at: 0,
  completed_at: null,
  status: 'failed',
  error: null,
  incomplete_details: null,
  model: '',
  output: [],
  usage: null,
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
});

function echoTool(tool: JsonObject): JsonObject {
  if (tool.type !== 'function') return tool;
  return {
    ...tool,
    description: tool.description ?? null,
    parameters: tool.parameters ?? null,
    strict: tool.strict ?? null,
  };
}

function echoText(text: JsonObject): JsonObject {
  const format = asObject(text.format);
  if (format?.type !== 'json_schema') return { format: { type: 'text' }, ...text };
  return {
    ...text,
    format: { ...format, description: format.description ?? null, strict: format.strict ?? false },
  };
}

function withoutNulls(object: JsonObject | undefined): JsonObject {
  const out: JsonObject = {};
  for (const key in object) if (object[key] !== null) out[key] = object[key];
  return out;
}
