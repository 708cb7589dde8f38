import { join } from 'node:path';
import { modules, shellPrompt, type Client, type Task } from './client.ts';

export const codex: Client = {
  name: 'Codex CLI',
  protocol: 'openai-responses',
  program: [join(modules, '@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex')],
  shellTool: 'exec_command',
  command: (task) => command(task, task.prompt ?? shellPrompt('exec_command')),
};

/**
 * With a model of its catalog it offers a tool whose input is no JSON but a patch. The catalog knows the bare name
 * only, so that the provider stands in the base URL.
 */
export const codexPatching: Client = {
  ...codex,
  name: 'Codex CLI with apply_patch',
  shellTool: undefined,
  model: 'gpt-5.5',
  result: () => 'seen.txt',
  command: (task) =>
    command(
      task,
      `Use the apply_patch tool with \`*** Begin Patch\n*** Add File: seen.txt\n+${task.secret}\n*** End Patch\`.`,
    ),
};

function command(
  { folder, home, gateway, provider, model }: Task,
  prompt: string,
): ReturnType<Client['command']> {
  const endpoint = {
    name: 'gw',
    base_url: `${gateway}/${provider}/v1`,
    wire_api: 'responses',
    env_key: 'GW_KEY',
    request_max_retries: 0,
    stream_max_retries: 0,
  };
  const settings = {
    model,
    model_provider: 'gw',
    'model_providers.gw': `{${Object.entries(endpoint).map(([key, value]) => `${key}=${JSON.stringify(value)}`)}}`,
    'analytics.enabled': 'false',
    'features.plugins': 'false',
    'features.unbounded_connection_retries': 'false',
    web_search: 'disabled',
  };
  return {
    args: [
      'exec',
      '--json',
      '--ephemeral',
      '--skip-git-repo-check',
      '--ignore-user-config',
      '--ignore-rules',
      '-C',
      folder,
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      '--dangerously-bypass-approvals-and-sandbox',
      prompt,
    ],
    env: { CODEX_HOME: join(home, 'codex'), GW_KEY: 'unused' },
  };
}
