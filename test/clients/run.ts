/**
 * Drives the real clients through the gateway, each on upstreams of other protocols than its own. A name as an
 * argument runs those clients only. Ends with a line `N passed, N failed`.
 */
import { attempt } from './attempt.ts';
import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { codex, codexPatching } from './codex.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencodeChat, opencodeGemini, opencodeMessages, opencodeResponses } from './opencode.ts';
import { startStage, type UpstreamName } from './upstreams.ts';

/** The upstreams of other protocols than the client's come first; its own, last, is the native lane. */
const matrix: readonly (readonly [Client, readonly UpstreamName[]])[] = [
  [claudeCode, ['responses', 'chat', 'gemini', 'messages']],
  [codex, ['chat', 'messages', 'gemini', 'responses']],
  [codexPatching, ['chat', 'messages', 'gemini', 'responses']],
  [geminiCli, ['responses', 'chat', 'messages', 'gemini']],
  [opencodeChat, ['responses', 'messages', 'gemini']],
  [opencodeMessages, ['responses', 'chat', 'gemini']],
  [opencodeResponses, ['chat', 'messages', 'gemini']],
  [opencodeGemini, ['responses', 'chat', 'messages']],
];

const wanted = process.argv.slice(2).join(' ').toLowerCase();
let passed = 0;
let failed = 0;
const stage = await startStage();
try {
  for (const [client, upstreams] of matrix) {
    for (const upstream of upstreams) {
      const name = `${client.name} (${client.protocol}) on a ${upstream} upstream`;
      if (!name.toLowerCase().includes(wanted)) continue;
      const startedMs = performance.now();
      const problem = await attempt(client, upstream, stage);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`${problem ? '✗' : '✓'} ${name} completes a tool task (${seconds} s)`);
      if (problem) console.log(`${problem}\ngateway log:\n${stage.gateway.logs().slice(-3_000)}`);
      if (problem) failed++;
      else passed++;
    }
  }
} finally {
  await stage.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
