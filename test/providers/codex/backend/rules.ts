/**
 * What the backend takes, as the captures of the official client and the references show it: every rule that a request
 * breaks is one line. Stricter than the real one where that is unknown.
 */

type Json = Record<string, unknown>;
const object = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

const headersKnown: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'chatgpt-account-id',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'content-type',
  'host',
  'originator',
  'session-id',
  'thread-id',
  'user-agent',
  'version',
  'x-client-request-id',
  'x-codex-beta-features',
  'x-codex-parent-thread-id',
  'x-codex-routing-hint',
  'x-codex-turn-metadata',
  'x-codex-turn-state',
  'x-codex-window-id',
  'x-openai-internal-codex-responses-lite',
  'x-openai-subagent',
]);

const needed = [
  'authorization',
  'chatgpt-account-id',
  'originator',
  'session-id',
  'thread-id',
  'user-agent',
  'x-client-request-id',
  'x-codex-turn-metadata',
  'x-codex-window-id',
] as const;

/** The blob's ids and where each of them stands too: its name in `client_metadata`, and its header if it has one. */
const mirrors = [
  ['session_id', 'session_id', 'session-id'],
  ['thread_id', 'thread_id', 'thread-id'],
  ['turn_id', 'turn_id', undefined],
  ['window_id', 'x-codex-window-id', 'x-codex-window-id'],
  ['installation_id', 'x-codex-installation-id', undefined],
] as const;

export function headerFaults(headers: Headers, accept = 'text/event-stream'): string[] {
  const faults: string[] = [];
  for (const [name] of headers) if (!headersKnown.has(name)) faults.push(`Unknown header: ${name}`);
  for (const name of needed) if (!headers.get(name)) faults.push(`Missing header: ${name}`);
  const agent = headers.get('user-agent') ?? '';
  const originator = headers.get('originator') ?? '';
  const ownAgent = new RegExp(`^${originator}/\\d+\\.\\d+\\.\\d+ \\([^;)]+; [^)]+\\) \\S+`);
  if (!ownAgent.test(agent)) faults.push(`Not the user agent of ${originator}: ${agent}`);
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding !== 'zstd') faults.push(`Unknown encoding: ${encoding}`);
  if (headers.get('accept') !== accept) faults.push(`accept must be ${accept}`);
  if (headers.get('content-type') !== 'application/json')
    faults.push('content-type must be application/json');
  const window = headers.get('x-codex-window-id') ?? '';
  if (!/^\S+:\d+$/.test(window)) faults.push(`Not a window: ${window}`);
  const blob = headers.get('x-codex-turn-metadata') ?? '';
  if (!/^[\x20-\x7e]*$/.test(blob)) faults.push('x-codex-turn-metadata must be ASCII');
  const metadata = parsed(blob);
  if (metadata === undefined) faults.push('x-codex-turn-metadata must be an object');
  else {
    for (const [name, , header] of mirrors) {
      if (typeof metadata[name] !== 'string') faults.push(`Missing in turn metadata: ${name}`);
      else if (header !== undefined && headers.get(header) !== metadata[name])
        faults.push(`${header} differs`);
    }
    if (!['turn', 'compaction', 'prewarm'].includes(String(metadata.request_kind)))
      faults.push(`Unknown request_kind: ${metadata.request_kind}`);
  }
  return faults;
}

const ofUpgrades = /^(?:openai-beta|version|upgrade|sec-websocket-\w+)$/;
const ofRequests = [
  'accept',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'x-codex-turn-state',
] as const;

/** Faults of the headers with which a socket is asked for. */
export function upgradeFaults(headers: Headers): string[] {
  const faults: string[] = ofRequests.flatMap((name) =>
    headers.has(name) ? [`${name} belongs to an HTTP request`] : [],
  );
  if (headers.get('openai-beta') !== 'responses_websockets=2026-02-06') faults.push('openai-beta is missing');
  const agent = headers.get('user-agent') ?? '';
  if (!agent.includes(`/${headers.get('version')} `)) faults.push('version is not that of the user agent');
  if (!headers.get('x-codex-routing-hint')) faults.push('x-codex-routing-hint is missing');
  const rest = new Headers({ accept: 'text/event-stream', 'content-type': 'application/json' });
  for (const [name, value] of headers)
    if (!ofUpgrades.test(name) && !ofRequests.includes(name as (typeof ofRequests)[number]))
      rest.append(name, value);
  return [...faults, ...headerFaults(rest)];
}

/** Faults of a frame, beside those of the request in it. */
export function frameFaults(frame: Json, upgrade: Headers): string[] {
  const faults: string[] = [];
  const { type, generate, client_metadata: metadata } = frame;
  if (type !== 'response.create') faults.push(`Unknown frame: ${type}`);
  if (generate !== undefined && typeof generate !== 'boolean') faults.push('generate must be a boolean');
  const own = object(metadata) ?? {};
  for (const [name, header] of [
    ['session_id', 'session-id'],
    ['thread_id', 'thread-id'],
  ] as const) {
    if (own[name] !== upgrade.get(header)) faults.push(`The connection is of another ${name}`);
  }
  if (!/^\d{13}$/.test(String(own['x-codex-ws-stream-request-start-ms'])))
    faults.push('x-codex-ws-stream-request-start-ms is missing');
  return faults;
}

const members: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'service_tier',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'reasoning',
  'store',
  'include',
  'prompt_cache_key',
  'text',
  'client_metadata',
  'access_programs',
]);

export interface Catalog {
  readonly slugs: readonly string[];
}

/** Faults of a body, in the backend's own words where they are known. */
export function bodyFaults(body: Json, headers: Headers, catalog: Catalog): string[] {
  const faults: string[] = [];
  for (const name of Object.keys(body)) if (!members.has(name)) faults.push(`Unsupported parameter: ${name}`);
  if (!catalog.slugs.includes(String(body.model)))
    faults.push(`The '${body.model}' model is not supported when using Codex with a ChatGPT account.`);
  if (body.stream !== true) faults.push('Stream must be set to true');
  if (body.store !== false) faults.push('Store must be set to false');
  if (!(Array.isArray(body.include) && body.include.includes('reasoning.encrypted_content')))
    faults.push('include must hold reasoning.encrypted_content');
  if (!Array.isArray(body.input)) return [...faults, 'Input must be a list'];
  const items = body.input as Json[];
  const guided = items.some(({ role }) => role === 'developer');
  if (
    body.instructions === undefined
      ? !guided
      : body.instructions === '' || typeof body.instructions !== 'string'
  )
    faults.push('Instructions are required');
  if (typeof body.prompt_cache_key !== 'string' && body.prompt_cache_key !== null)
    faults.push('prompt_cache_key must be a string');
  faults.push(
    ...itemFaults(items),
    ...toolFaults(body.tools),
    ...metadataFaults(body.client_metadata, headers),
  );
  const light = items[0]?.type === 'additional_tools';
  if (light !== (headers.get('x-openai-internal-codex-responses-lite') === 'true'))
    faults.push('x-openai-internal-codex-responses-lite belongs to the light form and to no other');
  const features = (headers.get('x-codex-beta-features') ?? '').split(',');
  if (items.some(({ type }) => type === 'compaction_trigger') && !features.includes('remote_compaction_v2'))
    faults.push('x-codex-beta-features must hold remote_compaction_v2');
  const tier = body.service_tier === undefined ? '' : `;tier=${body.service_tier}`;
  if ((headers.get('x-codex-routing-hint') ?? '') !== `model=${body.model}${tier}`)
    faults.push('x-codex-routing-hint is not of this request');
  return faults;
}

/** Members of the route for compactions, as the official client before 0.145 sends them. */
const compactMembers: ReadonlySet<string> = new Set([
  'model',
  'input',
  'instructions',
  'tools',
  'parallel_tool_calls',
  'reasoning',
  'prompt_cache_key',
  'text',
]);

/** Faults of a request that asks for a compaction at the route for it. */
export function compactFaults(body: Json, headers: Headers, catalog: Catalog): string[] {
  const faults = headerFaults(headers, '*/*');
  for (const name of Object.keys(body))
    if (!compactMembers.has(name)) faults.push(`Unsupported parameter: ${name}`);
  if (!catalog.slugs.includes(String(body.model)))
    faults.push(`The '${body.model}' model is not supported when using Codex with a ChatGPT account.`);
  if (!Array.isArray(body.input)) return [...faults, 'Input must be a list'];
  if ((body.input as Json[]).some(({ type }) => type === 'compaction_trigger'))
    faults.push('the route is the trigger');
  const metadata = parsed(headers.get('x-codex-turn-metadata') ?? '');
  if (metadata?.request_kind !== 'compaction' || metadata.compaction !== undefined)
    faults.push('the turn metadata must name a compaction and no more of it');
  return [...faults, ...itemFaults(body.input as Json[]), ...toolFaults(body.tools)];
}

const prefixes: Record<string, string> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
};
const types: ReadonlySet<string> = new Set([
  ...Object.keys(prefixes),
  'additional_tools',
  'agent_message',
  'compaction',
  'compaction_trigger',
  'configuration_update',
  'local_shell_call',
  'tool_search_call',
  'web_search_call',
  'image_generation_call',
]);

function itemFaults(items: readonly Json[]): string[] {
  const faults: string[] = [];
  const calls = new Set<unknown>();
  items.forEach((item, i) => {
    const type = String(item.type ?? 'message');
    if (!types.has(type)) faults.push(`Unknown item type: input[${i}] ${type}`);
    const prefix = prefixes[type];
    if (prefix !== undefined && item.id !== undefined && !String(item.id).startsWith(prefix))
      faults.push(`Invalid 'input[${i}].id': '${item.id}'. Expected an ID that begins with '${prefix}'.`);
    if (type === 'message' && item.role === 'system') faults.push('System messages are not allowed');
    if (type === 'message' && !['user', 'assistant', 'developer', 'system'].includes(String(item.role)))
      faults.push(`Unknown role: input[${i}] ${item.role}`);
    if (type === 'function_call' || type === 'custom_tool_call') calls.add(item.call_id);
    if (type.endsWith('_call_output') && !calls.has(item.call_id))
      faults.push(`No tool call found for ${type} with call_id ${item.call_id}.`);
    if (type === 'reasoning' && typeof item.encrypted_content !== 'string')
      faults.push(`input[${i}] is reasoning that nobody has kept`);
  });
  return faults;
}

const toolTypes: ReadonlySet<string> = new Set([
  'function',
  'custom',
  'namespace',
  'tool_search',
  'web_search',
  'image_generation',
]);

function toolFaults(tools: unknown): string[] {
  if (tools === undefined) return [];
  if (!Array.isArray(tools)) return ['tools must be a list'];
  return (tools as Json[]).flatMap((tool, i) => [
    ...(toolTypes.has(String(tool.type)) ? [] : [`Unknown tool type: tools[${i}] ${tool.type}`]),
    ...(tool.type === 'function' && typeof tool.name !== 'string' ? [`tools[${i}] has no name`] : []),
  ]);
}

function metadataFaults(metadata: unknown, headers: Headers): string[] {
  const own = object(metadata);
  if (own === undefined) return ['client_metadata is missing'];
  const faults = Object.entries(own)
    .filter(([, value]) => typeof value !== 'string')
    .map(([name]) => `client_metadata.${name} must be a string`);
  const blob = parsed(String(own['x-codex-turn-metadata']));
  const copy = parsed(headers.get('x-codex-turn-metadata') ?? '');
  for (const [inBlob, name] of mirrors) {
    if (own[name] !== blob?.[inBlob] || own[name] !== copy?.[inBlob])
      faults.push(`client_metadata.${name} differs from the turn metadata`);
  }
  return faults;
}

function parsed(text: string): Json | undefined {
  try {
    return object(JSON.parse(text));
  } catch {
    return undefined;
  }
}
