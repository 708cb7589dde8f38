import { join } from 'node:path';
import type { Json } from '../../turn/json.ts';
import { noKey, type Client, type Pointing, type Setting } from './client.ts';
import { toml } from './toml.ts';

/** What the provider is called in its configuration. */
const provider = 'dragoman';
const keyVariable = 'DRAGOMAN_KEY';

/** Codex CLI: a model provider of its own, and the two settings that choose it. */
export const codex: Client = {
  name: 'codex',
  title: 'Codex CLI',
  program: 'codex',
  install: 'npm install -g @openai/codex',
  // Its default changes with its releases, so that it is always told one.
  ownModels: undefined,
  settings(to, { env, home }) {
    const own = (name: string, value: Json, role?: Setting['role']): Setting => ({
      path: ['model_providers', provider, name],
      value,
      role,
    });
    const settings: Setting[] = [
      { path: ['model_provider'], value: provider },
      ...(to.model === undefined ? [] : [{ path: ['model'], value: to.model, role: 'model' } as const]),
      ...Object.entries(endpoint(to)).map(([name, value]) =>
        own(name, value, name === 'base_url' ? 'url' : undefined),
      ),
      own('experimental_bearer_token', to.key ?? noKey, 'key'),
    ];
    return [{ path: join(env.CODEX_HOME || join(home, '.codex'), 'config.toml'), format: toml, settings }];
  },
  stronger: [],
  probe: (model) => ({ path: '/v1/responses', body: { model, input: 'Say ok.', store: false } }),
  launch(to) {
    const flags = [
      `model_provider=${provider}`,
      ...(to.model === undefined ? [] : [`model=${JSON.stringify(to.model)}`]),
      `model_providers.${provider}=${inlineTable({ ...endpoint(to), env_key: keyVariable })}`,
    ];
    return { args: flags.flatMap((flag) => ['-c', flag]), env: { [keyVariable]: to.key ?? noKey } };
  },
};

const endpoint = ({ url }: Pointing): Record<string, Json> => ({
  name: 'Dragoman',
  base_url: `${url}/v1`,
  wire_api: 'responses',
  // Fills its model picker, and tells it what it has to know of each model.
  model_catalog_url: `${url}/v1/models`,
});

const inlineTable = (members: Record<string, Json>): string =>
  `{${Object.entries(members)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}}`;
