import { noSignature } from '../../src/protocols/google-gemini/models.ts';
import { unknownMembers } from '../conformance/request-members.ts';
import { requestSchemaFaults } from '../conformance/schema.ts';
import { errorBody } from '../gateway/fault-scripts.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { duoClaude, duoDatedGpt, duoGpt, startDuo, type Duo } from './duo.ts';

/** Protocols that an upstream is asked in, by the name of its provider in the gateway under test. */
export const upstreams = {
  responses: { protocol: 'openai-responses', path: /\/v1\/responses$/, results: responsesResults },
  chat: { protocol: 'openai-chat', path: /\/v1\/chat\/completions$/, results: chatResults },
  messages: { protocol: 'anthropic-messages', path: /\/v1\/messages$/, results: messagesResults },
  gemini: {
    protocol: 'google-gemini',
    path: /\/v1beta\/models\/[^/]+:streamGenerateContent$/,
    results: geminiResults,
  },
} as const;

export type UpstreamName = keyof typeof upstreams;

/** A request as it reached an upstream, and how it was answered. */
export interface Arrival {
  readonly path: string;
  readonly body: string;
  readonly atMs: number;
  status?: number;
}

/**
 * The gateway under test, and behind it a second one whose demo model answers in every protocol:
 * client ─▶ gateway ─▶ recording relay ─▶ gateway with demo/tools.
 */
export interface Stage {
  readonly gateway: Gateway;
  readonly duo: Duo;
  /** What arrived behind the gateway under test since `forget`. */
  readonly arrivals: readonly Arrival[];
  forget(): void;
  /** What becomes of the next turns, one after another; `undefined` for one that is to be answered. */
  trouble(next: readonly (Trouble | undefined)[]): void;
  stop(): Promise<void>;
}

/** How an upstream fails: with an answer that refuses, or in the midst of its stream. */
export type Trouble = { readonly status: number; readonly headers?: Record<string, string> } | 'cut';

const cutMs = 50;

/** Model names that the upstreams have; clients treat those they know from their catalogs otherwise. */
const models = { tools: 'tools', agent: 'agent', 'gpt-5.5': 'tools', echo: 'echo' };
const duoModels = [duoClaude, duoGpt, duoDatedGpt].map(({ model }) => [model, 'tools'] as const);

export async function startStage(): Promise<Stage> {
  const far = await startGateway({
    providers: [{ name: 'demo', type: 'demo', pace_ms: 0 }],
    extra: {
      models: Object.fromEntries(
        [...Object.entries(models), ...duoModels].map(([name, model]) => [name, [`demo/${model}`]]),
      ),
    },
  });
  const arrivals: Arrival[] = [];
  const troubles: (Trouble | undefined)[] = [];
  const relay = startRelay(far.url, arrivals, troubles);
  const duo = startDuo(async (path, body) => {
    const arrival: Arrival = { path, body, atMs: Date.now() };
    arrivals.push(arrival);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(far.url + path, { method: 'POST', headers, body });
    arrival.status = response.status;
    return response;
  });
  const openAi = (name: string, protocol: string) => ({
    name,
    type: 'openai',
    base_url: `${relay.url}/v1`,
    protocols: [protocol],
  });
  const gateway = await startGateway({
    providers: [
      duo.entry,
      ...[
        openAi('responses', 'openai-responses'),
        openAi('chat', 'openai-chat'),
        { name: 'messages', type: 'anthropic', base_url: relay.url },
        { name: 'gemini', type: 'google', base_url: relay.url },
      ].map((provider) => ({ ...provider, api_key: 'unused', models: Object.keys(models) })),
    ],
  });
  return {
    gateway,
    duo,
    arrivals,
    forget: () => void arrivals.splice(0),
    trouble: (next) => void troubles.splice(0, Infinity, ...next),
    async stop() {
      await gateway.stop();
      relay.stop();
      await duo.stop();
      await far.stop();
    },
  };
}

/** Passes everything on, but for what is to fail, and keeps the bodies. */
function startRelay(
  upstream: string,
  arrivals: Arrival[],
  troubles: (Trouble | undefined)[],
): { url: string; stop(): void } {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    // Otherwise every cut stream is printed as an unhandled error.
    development: false,
    async fetch(request) {
      const body = await request.text();
      const { pathname, search } = new URL(request.url);
      const arrival: Arrival = { path: pathname, body, atMs: Date.now() };
      arrivals.push(arrival);
      const trouble = isTurn(arrival) ? troubles.shift() : undefined;
      if (trouble !== undefined && trouble !== 'cut') {
        arrival.status = trouble.status;
        return refused(pathname, trouble.status, trouble.headers);
      }
      const response = await fetch(upstream + pathname + search, {
        method: request.method,
        headers: request.headers,
        body: body || undefined,
      });
      arrival.status = response.status;
      return trouble === 'cut' ? cut(response) : response;
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => void server.stop(true) };
}

function refused(path: string, status: number, headers: Record<string, string> = {}): Response {
  const [name] = Object.entries(upstreams).find(([, each]) => each.path.test(path))!;
  return Response.json(errorBody(name as UpstreamName, status), { status, headers });
}

/** The events of the first half of a stream, whose connection breaks then. */
async function cut(response: Response): Promise<Response> {
  const text = await response.text();
  const half = text.slice(0, text.indexOf('\n\n', text.length / 2) + 2);
  let begun = false;
  const stream = new ReadableStream<string>({
    async pull(controller) {
      if (!begun) controller.enqueue(half);
      // What was sent is to be on its way before the connection breaks.
      else await Bun.sleep(cutMs).then(() => controller.error(new Error('cut')));
      begun = true;
    },
  });
  const type = response.headers.get('content-type') ?? '';
  return new Response(stream.pipeThrough(new TextEncoderStream()), { headers: { 'content-type': type } });
}

/** Clients ask for titles and the like beside their work; those requests offer no tools. */
export const isTurn = ({ body }: Arrival): boolean => /"(?:tools|functionDeclarations)":\[\{/.test(body);

type Json = Record<string, unknown>;

/** The text of every tool result in a request to one kind of upstream. */
export function toolResults(upstream: UpstreamName, { body }: Arrival): string[] {
  try {
    return upstreams[upstream]
      .results(JSON.parse(body) as Json)
      .map((result) => JSON.stringify(result) ?? '');
  } catch {
    return [];
  }
}

/** What the vendor's published description of its API finds wrong with a request; nothing where it is not at hand. */
export function refusedBy(upstream: UpstreamName, { body }: Arrival): string[] {
  const { protocol } = upstreams[upstream];
  const json = JSON.parse(body) as Json;
  // Gemini's description is closed by itself.
  const unknown = protocol === 'google-gemini' ? [] : unknownMembers(protocol, json);
  return [...requestSchemaFaults(protocol, json), ...unknown];
}

/** How many of the model's turns in a request still have their reasoning, as text or sealed. */
export function thoughts(upstream: UpstreamName, { body }: Arrival): number {
  const json = JSON.parse(body) as Json;
  if (upstream === 'responses') return list(json['input']).filter(({ type }) => type === 'reasoning').length;
  if (upstream === 'chat') {
    const thought = ({ reasoning_content, reasoning_details }: Json) =>
      reasoning_content ?? reasoning_details;
    return list(json['messages']).filter((message) => thought(message) !== undefined).length;
  }
  const parts = list(json[upstream === 'gemini' ? 'contents' : 'messages']).map((turn) =>
    list(turn[upstream === 'gemini' ? 'parts' : 'content']),
  );
  const isThought = ({ type, thought, thoughtSignature }: Json): boolean =>
    type === 'thinking' ||
    type === 'redacted_thinking' ||
    thought === true ||
    (typeof thoughtSignature === 'string' && thoughtSignature !== noSignature);
  return parts.filter((turn) => turn.some(isThought)).length;
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

function responsesResults(body: Json): unknown[] {
  return list(body['input'])
    .filter(({ type }) => type === 'function_call_output' || type === 'custom_tool_call_output')
    .map((item) => item['output']);
}

function chatResults(body: Json): unknown[] {
  return list(body['messages'])
    .filter(({ role }) => role === 'tool')
    .map((message) => message['content']);
}

function messagesResults(body: Json): unknown[] {
  return list(body['messages'])
    .flatMap((message) => list(message['content']))
    .filter(({ type }) => type === 'tool_result')
    .map((block) => block['content']);
}

function geminiResults(body: Json): unknown[] {
  return list(body['contents'])
    .flatMap((content) => list(content['parts']))
    .filter((part) => part['functionResponse'] !== undefined)
    .map((part) => part['functionResponse']);
}
