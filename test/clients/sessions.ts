/**
 * Lets real clients work through long sessions on upstreams of every protocol: `npm run sessions -- [--quick] [name]`.
 * `--quick` takes two clients, each on an upstream of another protocol. Ends with a line `N passed, N failed`.
 */
import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { codex, codexOverSocket } from './codex.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencodeChat, opencodeGemini, opencodeMessages, opencodeResponses } from './opencode.ts';
import { session } from './session.ts';
import { startStage, type UpstreamName } from './upstreams.ts';

/** Tool calls of a session: some are made two at once, so that the model takes 50 turns and a last one. */
const calls = 60;

const all: readonly UpstreamName[] = ['responses', 'chat', 'messages', 'gemini'];
const clients: readonly Client[] = [
  claudeCode,
  codex,
  codexOverSocket,
  geminiCli,
  opencodeChat,
  opencodeMessages,
  opencodeResponses,
  opencodeGemini,
];
const quick: readonly (readonly [Client, UpstreamName])[] = [
  [claudeCode, 'responses'],
  [codex, 'messages'],
];

const args = process.argv.slice(2);
const wanted = args
  .filter((arg) => !arg.startsWith('--'))
  .join(' ')
  .toLowerCase();
const pairs = args.includes('--quick')
  ? quick
  : clients.flatMap((client) => all.map((upstream) => [client, upstream] as const));
let passed = 0;
let failed = 0;
const stage = await startStage();
try {
  for (const [client, upstream] of pairs) {
    const name = `${client.name} (${client.protocol}) on a ${upstream} upstream`;
    if (!name.toLowerCase().includes(wanted)) continue;
    const startedMs = performance.now();
    const { turns, faults, said } = await session(client, upstream, stage, calls);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${faults.length > 0 ? '✗' : '✓'} ${name} works through ${turns} turns (${seconds} s)`);
    if (faults.length > 0) console.log(`${faults.join('\n')}\n${said}`);
    if (faults.length > 0) failed++;
    else passed++;
  }
} finally {
  await stage.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
