import { join } from 'node:path';
import { noKey, type Client, type Pointing } from './client.ts';
import { jsonc } from './jsonc.ts';

/** Claude Code: variables, which its user settings may hold under `env`. */
export const claudeCode: Client = {
  name: 'claude-code',
  title: 'Claude Code',
  program: 'claude',
  install: 'npm install -g @anthropic-ai/claude-code',
  ownModels: /^claude-(?:opus|sonnet)-/,
  settings: (to, { env, home }) => [
    {
      path: join(env.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json'),
      format: jsonc,
      settings: Object.entries(variables(to)).map(([name, value]) => ({
        path: ['env', name],
        value,
        role: roles[name],
      })),
    },
  ],
  // Its settings go before the shell's variables; this one it sends beside the gateway key.
  stronger: ['ANTHROPIC_API_KEY'],
  probe: (model) => ({
    path: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01' },
    body: { model, max_tokens: 64, messages: [{ role: 'user', content: 'Say ok.' }] },
  }),
  launch: (to) => ({
    args: [],
    env: { ...variables(to), ANTHROPIC_API_KEY: undefined },
    // The user's settings go before variables; only another layer of settings goes before those.
    file: {
      text: `${JSON.stringify({ env: variables(to) })}\n`,
      use: (path) => ({ args: ['--settings', path] }),
    },
  }),
};

const roles: Readonly<Record<string, 'url' | 'key' | 'model'>> = {
  ANTHROPIC_BASE_URL: 'url',
  ANTHROPIC_AUTH_TOKEN: 'key',
  ANTHROPIC_MODEL: 'model',
};

function variables({ url, key, model, smallModel = model }: Pointing): Record<string, string> {
  const all: Record<string, string | undefined> = {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: key ?? noKey,
    // Fills its model picker from the gateway's list.
    CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: smallModel,
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
