import { payloadsOf } from '../support/corpus.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type ReplayRequest, type ReplayUpstream, type Script, startReplay } from '../support/replay.ts';
import { string } from './canonical/read.ts';
import { type Surface, surfaces } from './finish.ts';

/** The name of each protocol in models, paths and the report. */
export const providerOf: Readonly<Record<Surface, string>> = {
  'openai-chat': 'chat',
  'openai-responses': 'responses',
  'anthropic-messages': 'messages',
  'google-gemini': 'gemini',
};

/** The configuration of a provider that speaks one protocol to the upstream at `url`. */
export function providerConfig(
  protocol: Surface,
  url: string,
  models: readonly string[],
  name = providerOf[protocol],
): Record<string, unknown> {
  const common = { name, api_key: 'upstream-key', models };
  switch (protocol) {
    case 'openai-chat':
    case 'openai-responses':
      return { ...common, type: 'openai', base_url: `${url}/v1`, protocols: [protocol] };
    case 'anthropic-messages':
      return { ...common, type: 'anthropic', base_url: url };
    case 'google-gemini':
      return { ...common, type: 'google', base_url: url };
  }
}

/** The gateway as a process of its own, with a provider for each protocol in front of one replay upstream. */
export interface Stage {
  readonly gateway: Gateway;
  readonly upstream: ReplayUpstream;
  stop(): Promise<void>;
}

export async function startStage(
  models: readonly string[],
  more: (url: string) => readonly Record<string, unknown>[] = () => [],
): Promise<Stage> {
  const upstream = startReplay();
  const gateway = await startGateway({
    providers: [
      ...surfaces.map((protocol) => providerConfig(protocol, upstream.url, models)),
      ...more(upstream.url),
    ],
  });
  return {
    gateway,
    upstream,
    async stop() {
      await gateway.stop();
      await upstream.stop();
    },
  };
}

/** What the upstream was asked for: Gemini says model and streaming in the path, the others in the body. */
export function askedOf({ path, json }: ReplayRequest): { model: string; stream: boolean } {
  const [, model, method] = /\/models\/(.+):(\w+)$/.exec(path) ?? [];
  if (model !== undefined) return { model: decodeURIComponent(model), stream: method!.startsWith('stream') };
  return { model: string(json?.['model']), stream: json?.['stream'] === true };
}

/** The protocol in which the upstream was asked. */
export function protocolOf({ path }: ReplayRequest): Surface {
  if (path.endsWith('/chat/completions')) return 'openai-chat';
  if (path.endsWith('/responses')) return 'openai-responses';
  return path.endsWith('/messages') ? 'anthropic-messages' : 'google-gemini';
}

/** A stream in the form that was asked for: Gemini sends one array to who does not ask for events. */
export function framed(script: Script, request: ReplayRequest): Script {
  const asArray = protocolOf(request) === 'google-gemini' && !/[?&]alt=sse(&|$)/.test(request.search);
  return asArray && script.kind === 'stream' ? { kind: 'body', body: payloadsOf(script.blocks) } : script;
}

/** Where a surface is asked for a turn. */
export function routeOf(surface: Surface, model: string, stream: boolean, sse = true): string {
  switch (surface) {
    case 'openai-chat':
      return '/v1/chat/completions';
    case 'openai-responses':
      return '/v1/responses';
    case 'anthropic-messages':
      return '/v1/messages';
    case 'google-gemini':
      return `/v1beta/models/${model}:${stream ? `streamGenerateContent${sse ? '?alt=sse' : ''}` : 'generateContent'}`;
  }
}

/** A body of a surface with the model and the streaming said where that surface says them. */
export function bodyFor(
  surface: Surface,
  body: Readonly<Record<string, unknown>>,
  model: string,
  stream: boolean,
): Record<string, unknown> {
  const { model: _model, ...rest } = body;
  return surface === 'google-gemini' ? rest : { ...body, model, stream };
}

/** Asks a surface over plain HTTP, for what no SDK would send. */
export function post(
  url: string,
  surface: Surface,
  body: Readonly<Record<string, unknown>>,
  asked: {
    readonly model: string;
    readonly stream: boolean;
    readonly sse?: boolean;
    readonly signal?: AbortSignal;
  },
): Promise<Response> {
  return fetch(url + routeOf(surface, asked.model, asked.stream, asked.sse), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(bodyFor(surface, body, asked.model, asked.stream)),
    signal: asked.signal ?? AbortSignal.timeout(120_000),
  });
}
