import type { State } from '../../src/server/state.ts';
import { startBench, type Bench } from '../gateway/setup.ts';
import type { UpstreamName } from './cases.ts';
import { chatOnly } from './upstreams/chat.ts';
import { gemini } from './upstreams/gemini.ts';
import { messages } from './upstreams/messages.ts';
import { responses } from './upstreams/responses.ts';
import { startSimulator, type Simulator } from './upstreams/simulator.ts';

/** The gateway before one simulated upstream of each kind; model `m` of provider `messages` is `messages/m`. */
export interface Stage {
  readonly url: string;
  readonly bench: Bench;
  readonly upstreams: Readonly<Record<UpstreamName, Simulator>>;
  stop(): Promise<void>;
}

export const upstreamNames: readonly UpstreamName[] = ['responses', 'messages', 'gemini', 'chat'];

export interface StageOptions {
  readonly state?: State;
}

export function startStage({ state }: StageOptions = {}): Stage {
  const upstreams = {
    responses: startSimulator(responses),
    messages: startSimulator(messages),
    gemini: startSimulator(gemini),
    chat: startSimulator(chatOnly),
  };
  const openAi = (name: 'responses' | 'chat', protocol: string) => ({
    name,
    type: 'openai',
    base_url: `${upstreams[name].url}/v1`,
    protocols: [protocol],
  });
  const bench = startBench({
    state,
    providers: [
      openAi('responses', 'openai-responses'),
      openAi('chat', 'openai-chat'),
      { name: 'messages', type: 'anthropic', base_url: upstreams.messages.url },
      { name: 'gemini', type: 'google', base_url: upstreams.gemini.url },
      // The same server, which is known to compact by itself.
      { ...openAi('responses', 'openai-responses'), name: 'compacting', compacts: true },
    ].map((provider) => ({ ...provider, api_key: 'upstream-key', models: ['m'] })),
  });
  return {
    url: bench.url,
    bench,
    upstreams,
    async stop() {
      await bench.stop();
      await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()));
    },
  };
}
