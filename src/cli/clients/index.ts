import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { codex } from './codex.ts';
import { geminiCli } from './gemini-cli.ts';
import type { ClientName } from './names.ts';
import { opencode } from './opencode.ts';

/** Every client that can be set up. */
export const clients: Readonly<Record<ClientName, Client>> = {
  'claude-code': claudeCode,
  codex,
  opencode,
  gemini: geminiCli,
};
