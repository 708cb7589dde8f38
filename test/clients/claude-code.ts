import { join } from 'node:path';
import { modules, shellPrompt, type Client } from './client.ts';

export const claudeCode: Client = {
  name: 'Claude Code',
  protocol: 'anthropic-messages',
  program: [join(modules, '@anthropic-ai/claude-code-linux-x64/claude')],
  shellTool: 'Bash',
  command: ({ gateway, provider, model, prompt, retries }) => ({
    args: [
      '-p',
      prompt ?? shellPrompt('Bash'),
      '--output-format',
      'json',
      '--max-turns',
      '100',
      '--model',
      `${provider}/${model}`,
      '--tools',
      'Bash,Read',
      '--allowedTools',
      'Bash',
      'Read',
    ],
    env: {
      ANTHROPIC_BASE_URL: gateway,
      ANTHROPIC_AUTH_TOKEN: 'unused',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ...(retries ? {} : { CLAUDE_CODE_MAX_RETRIES: '1' }),
    },
  }),
};
