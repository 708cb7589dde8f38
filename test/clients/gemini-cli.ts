import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modules, shellPrompt, type Client } from './client.ts';

/** It runs on Node. Without its settings file it refuses to start. */
export const geminiCli: Client = {
  name: 'Gemini CLI',
  protocol: 'google-gemini',
  program: ['node', join(modules, '@google/gemini-cli/bundle/gemini.js')],
  prepare({ home }) {
    mkdirSync(join(home, '.gemini'), { recursive: true });
    writeFileSync(
      join(home, '.gemini', 'settings.json'),
      JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { enableAutoUpdate: false },
        // Every thirty turns it asks a model of its own vendor, by its own name, whether it goes round in circles.
        model: { disableLoopDetection: true },
      }),
    );
  },
  shellTool: 'run_shell_command',
  command: ({ gateway, provider, model, prompt = shellPrompt('run_shell_command') }) => ({
    args: ['--skip-trust', '--approval-mode', 'yolo', '-m', `${provider}/${model}`, '-p', prompt],
    env: { GOOGLE_GEMINI_BASE_URL: gateway, GEMINI_API_KEY: 'unused' },
  }),
};
