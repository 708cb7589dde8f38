import { describe, expect, test } from 'bun:test';
import { parse } from 'yaml';
import { importConfig, type ImportFormat } from '../../../src/config/import/index.ts';
import { checkConfig } from '../../../src/config/load.ts';
import { providerSchemas } from '../../../src/gateway.ts';

const kinds = Object.keys(providerSchemas);

/** What is made of a file: the configuration, and the notes as one text each. */
function made(text: string, format?: ImportFormat) {
  const imported = importConfig(text, { format, kinds, languages: [Bun.JSON5.parse, Bun.TOML.parse] });
  if (!imported.ok) throw new Error(imported.problem);
  const env = { OPENAI_API_KEY: 'sk-openai', ROUTER_KEY: 'sk-router' };
  const checked = checkConfig(
    { name: 'dragoman.yaml', text: imported.yaml },
    { kinds: providerSchemas, env },
  );
  return {
    format: imported.format,
    config: parse(imported.yaml),
    notes: imported.notes.map(({ path, why }) => `${path}: ${why}`),
    valid: checked.ok ? checked.config : checked.problems,
  };
}

describe('LiteLLM', () => {
  const text = `
model_list:
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-5.4, api_key: os.environ/OPENAI_API_KEY, rpm: 480 }
    model_info: { mode: chat }
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-5.4-mini, api_key: os.environ/OPENAI_API_KEY }
  - model_name: local
    litellm_params: { model: ollama/qwen3, api_base: http://127.0.0.1:11434 }
  - model_name: claude
    litellm_params: { model: anthropic/claude-sonnet-4-6, api_key: 'sk-ant-\${x}' }
  - model_name: cloud
    litellm_params: { model: bedrock/anthropic.claude, aws_region_name: us-east-1 }
router_settings: { routing_strategy: least-busy, model_group_alias: { big: claude }, redis_host: r }
litellm_settings: { fallbacks: [{ gpt-4o: [claude, gone] }] }
general_settings: { master_key: sk-1234 }
`;

  test('deployments become models of providers, their names aliases, fallbacks further targets', () => {
    const { format, config, valid } = made(text);
    expect(format).toBe('litellm');
    expect(config.providers).toEqual([
      { name: 'openai', type: 'openai', api_key: '${OPENAI_API_KEY}', models: ['gpt-5.4', 'gpt-5.4-mini'] },
      {
        name: 'ollama',
        type: 'openai',
        base_url: 'http://127.0.0.1:11434/v1',
        protocols: ['openai-chat'],
        models: ['qwen3'],
      },
      { name: 'anthropic', type: 'anthropic', api_key: 'sk-ant-$${x}', models: ['claude-sonnet-4-6'] },
    ]);
    expect(config.models).toEqual({
      'gpt-4o': ['openai/gpt-5.4', 'openai/gpt-5.4-mini', 'anthropic/claude-sonnet-4-6'],
      local: ['ollama/qwen3'],
      claude: ['anthropic/claude-sonnet-4-6'],
      big: ['anthropic/claude-sonnet-4-6'],
    });
    expect(config.routing).toEqual({ strategy: 'least-loaded' });
    // A reference is taken from the environment, and a key that looks like one is not.
    expect(valid).toMatchObject({
      providers: [{ api_key: 'sk-openai' }, {}, { api_key: 'sk-ant-${x}' }, {}],
    });
  });

  test('what cannot be carried is told by its path', () => {
    expect(made(text).notes).toEqual([
      'model_list[0].litellm_params.rpm: has no counterpart here; limits belong to gateway keys, timeouts to `server`',
      'model_list[4]: bedrock is no kind of upstream that can be imported: add it by hand',
      'litellm_settings.fallbacks.gpt-4o: gone is no model of this file',
      'general_settings.master_key: callers get keys of their own: `dragoman keys create NAME`',
      'router_settings.redis_host: has no counterpart here',
    ]);
  });

  test('a wildcard leaves the models to discovery', () => {
    const { config } = made("model_list: [{ model_name: '*', litellm_params: { model: 'openai/*' } }]");
    expect(config).toEqual({ providers: [{ name: 'openai', type: 'openai' }] });
  });
});

describe('claude-code-router', () => {
  const text = `{
  // comments are allowed there
  "HOST": "0.0.0.0", "PORT": 3456, "APIKEY": "secret", "LOG": true, "API_TIMEOUT_MS": "600000",
  "Providers": [
    { "name": "openrouter", "api_base_url": "https://openrouter.ai/api/v1/chat/completions", "api_key": "$ROUTER_KEY",
      "models": ["google/gemini-2.5-pro", "anthropic/claude-sonnet-4"], "transformer": { "use": ["openrouter"] } },
    { "name": "gemini", "api_base_url": "https://generativelanguage.googleapis.com/v1beta/models/", "api_key": "g",
      "models": ["gemini-2.5-pro"], "transformer": { "use": ["gemini", ["maxtoken", { "max_tokens": 65536 }]] } },
    { "name": "own", "api_base_url": "https://messages.test/v1/messages", "api_key": "m" },
    { "name": "broken", "api_base_url": "not an address" },
  ],
  "Router": { "default": "openrouter,anthropic/claude-sonnet-4", "think": "gemini,gemini-2.5-pro", "webSearch": "gone,x",
    "longContextThreshold": 60000 }
}`;

  test('providers keep their names, scenarios become aliases', () => {
    const { format, config, valid } = made(text);
    expect(format).toBe('claude-code-router');
    expect(config).toEqual({
      server: { host: '0.0.0.0', port: 3456 },
      providers: [
        {
          name: 'openrouter',
          type: 'openai',
          base_url: 'https://openrouter.ai/api/v1',
          protocols: ['openai-chat'],
          api_key: '${ROUTER_KEY}',
          models: ['google/gemini-2.5-pro', 'anthropic/claude-sonnet-4'],
        },
        { name: 'gemini', type: 'google', api_key: 'g', models: ['gemini-2.5-pro'] },
        { name: 'own', type: 'anthropic', base_url: 'https://messages.test', api_key: 'm' },
      ],
      models: { default: ['openrouter/anthropic/claude-sonnet-4'], think: ['gemini/gemini-2.5-pro'] },
    });
    expect(valid).toMatchObject({ server: { port: 3456 } });
  });

  test('what cannot be carried is told by its path', () => {
    expect(made(text).notes.map((note) => note.slice(0, note.indexOf(': ')))).toEqual([
      'Providers[1].transformer.use[1]',
      'Providers[3].api_base_url',
      'Router.think',
      'Router.webSearch',
      'HOST',
      'APIKEY',
    ]);
  });
});

describe('CLIProxyAPI', () => {
  const text = `
port: 8317
auth-dir: ~/.cli-proxy-api
api-keys: [client-key]
request-retry: 3
routing: { strategy: round-robin, session-affinity: false }
claude-api-key:
  - { api-key: first, priority: 1 }
  - { api-key: second, priority: 5, weight: 3, prefix: team }
vertex-api-key: [{ api-key: v }]
other-api-key:
  - { api-key: r, base-url: https://responses.test/v1, headers: { X-Own: yes, X-Copy: $X-Client } }
openai-compatibility:
  - name: OpenRouter
    base-url: https://openrouter.ai/api/v1
    api-key-entries: [{ api-key: a }, { api-key: b, proxy-url: socks5://p }]
    models: [{ name: moonshotai/kimi-k2, alias: kimi }]
  - { name: off, disabled: true, base-url: https://off.test }
`;

  test('lists of keys become accounts, compatible servers providers, and priorities turn round', () => {
    const { format, config, valid } = made(text);
    expect(format).toBe('cliproxyapi');
    expect(config).toEqual({
      server: { port: 8317 },
      providers: [
        {
          name: 'claude',
          type: 'anthropic',
          accounts: [
            { name: 'default', api_key: 'first', priority: 1 },
            { name: 'key-2', api_key: 'second', weight: 3 },
          ],
        },
        {
          name: 'other',
          type: 'openai',
          base_url: 'https://responses.test/v1',
          protocols: ['openai-responses'],
          headers: { 'X-Own': 'yes' },
          api_key: 'r',
        },
        {
          name: 'openrouter',
          type: 'openai',
          base_url: 'https://openrouter.ai/api/v1',
          protocols: ['openai-chat'],
          accounts: [
            { name: 'default', api_key: 'a' },
            { name: 'key-2', api_key: 'b' },
          ],
          models: ['moonshotai/kimi-k2'],
        },
      ],
      routing: { strategy: 'round-robin' },
      models: { kimi: ['openrouter/moonshotai/kimi-k2'] },
    });
    expect(valid).toMatchObject({ routing: { strategy: 'round-robin' } });
  });

  test('what cannot be carried is told by its path', () => {
    expect(made(text).notes.map((note) => note.slice(0, note.indexOf(': ')))).toEqual([
      'claude-api-key[1].prefix',
      'vertex-api-key',
      'other-api-key[0].headers.X-Copy',
      'openai-compatibility[0].api-key-entries[1].proxy-url',
      'openai-compatibility[1]',
      'api-keys',
      'auth-dir',
      'request-retry',
    ]);
  });
});

describe('ccproxy', () => {
  test('plugins that are kinds of upstream become providers to log in to', () => {
    const text = `
[server]
host = "127.0.0.1"
port = 8000
workers = 2
[security]
auth_token = "secret"
[plugins.codex]
enabled = true
[plugins.claude_api]
enabled = true
[plugins.docker]
enabled = false
`;
    const { format, config, notes } = made(text);
    expect(format).toBe('ccproxy');
    expect(config).toEqual({ server: { port: 8000 }, providers: [{ name: 'codex', type: 'codex' }] });
    expect(notes).toEqual([
      'security.auth_token: callers get keys of their own: `dragoman keys create NAME`',
      'plugins.codex: log in: `dragoman login codex`',
      'plugins.claude_api: is no kind of upstream here; where it has an API key, add that by hand',
      'server.workers: has no counterpart here',
    ]);
  });
});

describe('a file that cannot be imported', () => {
  test.each([
    ['nothing that makes an object', '- 1\n- 2', 'it is neither JSON, YAML nor TOML that makes an object'],
    ['of none of the programs', 'a: 1', 'it is of none of these programs'],
  ])('%s', (_, text, problem) => {
    const imported = importConfig(text, { kinds });
    expect(imported).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });

  test('of a form that was given is read as far as it goes', () => {
    expect(made('model_list: 5', 'litellm').config).toEqual({ providers: [] });
    expect(made('Providers: [7, null]', 'claude-code-router').config).toEqual({ providers: [] });
  });
});
