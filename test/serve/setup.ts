import { ask, hello, type SurfaceName } from '../gateway/setup.ts';
import { jsonLines, startServe, type Program, type ProgramOptions } from '../support/program.ts';
import { gate, startReplay, type Delivery, type Gate, type ReplayUpstream } from '../support/replay.ts';

/** The gateway as a process of its own in front of a replay upstream: models `chat/m` and `messages/m`. */
export interface Served {
  readonly url: string;
  readonly program: Program;
  readonly upstream: ReplayUpstream;
  /** The lines of its log that tell of requests. */
  requests(): Record<string, unknown>[];
  stop(): Promise<void>;
}

export const providerKey = 'provider-key-4711-secret';

export async function startServed(
  more: Record<string, unknown> = {},
  options: Omit<ProgramOptions, 'config'> = {},
): Promise<Served> {
  const upstream = startReplay({ models: ['m'] });
  const providers = [
    {
      name: 'chat',
      type: 'openai',
      base_url: `${upstream.url}/v1`,
      api_key: providerKey,
      protocols: ['openai-chat'],
      models: ['m'],
    },
    { name: 'messages', type: 'anthropic', base_url: upstream.url, api_key: providerKey, models: ['m'] },
    { name: 'gone', type: 'openai', base_url: 'http://127.0.0.1:9/v1', models: ['m'] },
  ];
  const program = await startServe({ ...options, config: { providers, ...more } });
  return {
    url: program.url,
    program,
    upstream,
    requests: () => jsonLines(program.stdout()).filter(({ event }) => event === 'request'),
    async stop() {
      await program.remove();
      await upstream.stop();
    },
  };
}

/** One recorded reply as a script for the upstream. */
export const replies = (protocol: 'chat' | 'messages', delivery: Delivery = { split: 'event' }) => ({
  kind: 'stream' as const,
  blocks: hello[protocol].blocks,
  delivery,
});

export const refusal = (status: number, message: string) => ({
  kind: 'body' as const,
  status,
  body: { error: { message, type: 'rate_limit_error', code: 'slow_down' } },
});

/** A stream that stands still after its first words until the gate opens. */
export function heldReply(): { script: ReturnType<typeof replies>; hold: Gate } {
  const hold = gate();
  return { script: replies('chat', { split: 'event', hold: { before: 2, gate: hold } }), hold };
}

/** Asks, reads the whole answer and returns its status. */
export async function askWhole(
  served: Served,
  surface: SurfaceName,
  body: Record<string, unknown>,
  init: RequestInit = {},
): Promise<number> {
  const response = await ask(served, surface, body, init);
  await response.text().catch(() => '');
  return response.status;
}

/** Asks for a stream and returns, once its first bytes are there, what leaves it. */
export async function askAndHold(
  served: Served,
  body: Record<string, unknown>,
  init: RequestInit = {},
): Promise<() => void> {
  const leave = new AbortController();
  const response = await ask(served, 'chat', { stream: true, ...body }, { ...init, signal: leave.signal });
  await response.body!.getReader().read();
  return () => leave.abort();
}
