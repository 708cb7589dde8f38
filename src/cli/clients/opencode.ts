import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../turn/json.ts';
import { noKey, type Client, type Pointing } from './client.ts';
import { jsonc } from './jsonc.ts';

/** What the provider is called in its configuration. */
const provider = 'dragoman';

/** opencode: a provider with all models on offer, since it asks no gateway for a list. */
export const opencode: Client = {
  name: 'opencode',
  title: 'opencode',
  program: 'opencode',
  install: 'npm install -g opencode-ai',
  ownModels: undefined,
  settings(to, { env, home }) {
    const { npm, name, options, models } = entry(to);
    return [
      {
        path: configFile(join(env.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')),
        format: jsonc,
        settings: [
          // It writes this itself where it is missing, and then the file would not be as it was left.
          { path: ['$schema'], value: 'https://opencode.ai/config.json', unlessThere: true },
          { path: ['provider', provider, 'npm'], value: npm },
          { path: ['provider', provider, 'name'], value: name },
          { path: ['provider', provider, 'options', 'baseURL'], value: options.baseURL, role: 'url' },
          { path: ['provider', provider, 'options', 'apiKey'], value: options.apiKey, role: 'key' },
          { path: ['provider', provider, 'models'], value: models },
          ...Object.entries(chosen(to)).map(([key, value]) => ({
            path: [key] as const,
            value,
            role: key === 'model' ? ('model' as const) : undefined,
          })),
        ],
      },
    ];
  },
  stronger: ['OPENCODE_CONFIG_CONTENT', 'OPENCODE_CONFIG'],
  probe: (model) => ({
    path: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content: 'Say ok.' }] },
  }),
  launch: (to) => ({
    args: [],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify({ provider: { [provider]: entry(to) }, ...chosen(to) }),
    },
  }),
};

/** The first that is there, as it looks for them itself. */
const configFile = (folder: string): string =>
  ['opencode.jsonc', 'opencode.json', 'config.json']
    .map((name) => join(folder, name))
    .find((path) => existsSync(path)) ?? join(folder, 'opencode.jsonc');

const entry = ({ url, key, models, model }: Pointing) => ({
  npm: '@ai-sdk/openai-compatible',
  name: 'Dragoman',
  options: { baseURL: `${url}/v1`, apiKey: key ?? noKey },
  models: Object.fromEntries([
    ...models.map(({ id, name, contextTokensMax, outputTokensMax }): [string, JsonObject] => [
      id,
      {
        name: name ?? id,
        ...(contextTokensMax && outputTokensMax
          ? { limit: { context: contextTokensMax, output: outputTokensMax } }
          : {}),
      },
    ]),
    ...(model === undefined || models.some(({ id }) => id === model)
      ? []
      : [[model, { name: model }] as const]),
  ]) as Record<string, JsonObject>,
});

const chosen = ({ model, smallModel = model }: Pointing): Record<string, string> =>
  model === undefined ? {} : { model: `${provider}/${model}`, small_model: `${provider}/${smallModel}` };
