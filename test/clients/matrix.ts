import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { codex, codexOverSocket } from './codex.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencodeChat, opencodeGemini, opencodeMessages, opencodeResponses } from './opencode.ts';
import {
  agentsChat,
  agentsResponses,
  aiSdkChat,
  aiSdkGemini,
  aiSdkMessages,
  aiSdkResponses,
  anthropicSdk,
  genAi,
  openAiChat,
  openAiOverSocket,
  openAiPrevious,
  openAiResponses,
} from './sdk.ts';
import type { UpstreamName } from './upstreams.ts';

/** A session of a client on an upstream. */
export type Pair = readonly [Client, UpstreamName];

/** What clients are tried on, in the order of the table's columns. */
export const upstreamNames: readonly UpstreamName[] = ['responses', 'chat', 'messages', 'gemini'];

/** Who works through sessions, in the order of the table's rows. */
export const clients: readonly Client[] = [
  claudeCode,
  codex,
  codexOverSocket,
  geminiCli,
  opencodeChat,
  opencodeMessages,
  opencodeResponses,
  opencodeGemini,
  openAiChat,
  openAiResponses,
  openAiPrevious,
  openAiOverSocket,
  anthropicSdk,
  genAi,
  agentsChat,
  agentsResponses,
  aiSdkChat,
  aiSdkResponses,
  aiSdkMessages,
  aiSdkGemini,
];

/** Two programs that people work with, and what costs a few seconds only. */
export const quickPairs: readonly Pair[] = [
  [claudeCode, 'responses'],
  [codex, 'messages'],
  [openAiChat, 'gemini'],
  [openAiOverSocket, 'chat'],
  [anthropicSdk, 'chat'],
  [genAi, 'messages'],
  [agentsResponses, 'gemini'],
  [aiSdkMessages, 'responses'],
];

export const allPairs: readonly Pair[] = clients.flatMap((client) =>
  upstreamNames.map((upstream) => [client, upstream] as const),
);
