import { join } from 'node:path';
import type { ProtocolId } from '../../src/turn/part.ts';
import { modules, shellPrompt, type Client, type Task } from './client.ts';

/** Where a provider package of opencode finds the gateway, and what it calls the model. */
type Place = (task: Task) => { readonly baseURL: string; readonly model: string };

const prefixed: Place = ({ gateway, provider, model }) => ({
  baseURL: `${gateway}/v1`,
  model: `${provider}/${model}`,
});

/** Its Google package takes a name with a slash for the path of a resource, so that the provider stands in the URL. */
const inUrl: Place = ({ gateway, provider, model }) => ({ baseURL: `${gateway}/${provider}/v1beta`, model });

const opencode = (npm: string, protocol: ProtocolId, place: Place): Client => ({
  name: `opencode with ${npm}`,
  protocol,
  program: [join(modules, 'opencode-linux-x64/bin/opencode')],
  shellTool: 'bash',
  command: (task) => ({
    args: [
      'run',
      '--pure',
      '--format',
      'json',
      '--title',
      'a task',
      task.prompt ?? shellPrompt('bash', 'Reads a file'),
    ],
    env: {
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
      OPENCODE_DISABLE_SHARE: '1',
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config(npm, place(task))),
    },
  }),
});

const config = (npm: string, { baseURL, model }: ReturnType<Place>) => ({
  provider: {
    gw: {
      npm,
      options: { baseURL, apiKey: 'unused' },
      models: { [model]: { name: 'through the gateway' } },
    },
  },
  model: `gw/${model}`,
  small_model: `gw/${model}`,
  permission: { bash: 'allow', read: 'allow' },
  share: 'disabled',
  autoupdate: false,
});

export const opencodeChat: Client = {
  ...opencode('@ai-sdk/openai-compatible', 'openai-chat', prefixed),
  forgets: 'seals',
};
export const opencodeMessages = opencode('@ai-sdk/anthropic', 'anthropic-messages', prefixed);
export const opencodeResponses = opencode('@ai-sdk/openai', 'openai-responses', prefixed);
export const opencodeGemini = opencode('@ai-sdk/google', 'google-gemini', inUrl);
