/**
 * Drives the real clients through the gateway, each on upstreams of other protocols than its own, and the official client
 * of a simulated backend with it and without it, two side by side. A name as an argument runs those only. Ends with
 * a line `N passed, N failed`.
 */
import { attempt } from './attempt.ts';
import { claudeCode } from './claude-code.ts';
import type { Client } from './client.ts';
import { storyNames, tell, type Way } from './codex-stories.ts';
import {
  codex,
  codexCompacted,
  codexCompacting,
  codexOverSocket,
  codexPatching,
  codexResumed,
  codexResuming,
  codexScripting,
} from './codex.ts';
import { duoClaude, duoDatedGpt, duoGpt, type DuoModel } from './duo.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencodeChat, opencodeGemini, opencodeMessages, opencodeResponses } from './opencode.ts';
import { onSubscription } from './on-subscription.ts';
import { givesUp, perseveres } from './retries.ts';
import { runs, setUps, tryOut } from './set-up.ts';
import { sideBySide } from './side-by-side.ts';
import type { Stage, UpstreamName } from './upstreams.ts';

/** The upstreams of other protocols than the client's come first; its own, last, is the native lane. */
const matrix: readonly (readonly [Client, readonly UpstreamName[]])[] = [
  [claudeCode, ['responses', 'chat', 'gemini', 'messages']],
  [codex, ['chat', 'messages', 'gemini', 'responses']],
  [codexOverSocket, ['chat', 'messages', 'gemini', 'responses']],
  [codexResuming, ['chat', 'messages', 'gemini', 'responses']],
  [codexPatching, ['chat', 'messages', 'gemini', 'responses']],
  [codexResumed, ['chat', 'messages']],
  [codexCompacting, ['chat', 'messages']],
  [codexCompacted, ['chat', 'messages', 'responses']],
  [geminiCli, ['responses', 'chat', 'messages', 'gemini']],
  [opencodeChat, ['responses', 'messages', 'gemini']],
  [opencodeMessages, ['responses', 'chat', 'gemini']],
  [opencodeResponses, ['chat', 'messages', 'gemini']],
  [opencodeGemini, ['responses', 'chat', 'messages']],
];

/** On GitLab Duo, by way of a simulated instance and its gateway; first the protocols that the client speaks itself. */
const onDuo: readonly (readonly [Client, readonly DuoModel[]])[] = [
  [claudeCode, [duoClaude, duoGpt]],
  [codex, [duoDatedGpt, duoClaude]],
  [codexScripting, [duoGpt]],
];

/** Each on another protocol than its own, and on its own where that takes little time. */
const persevering: readonly (readonly [Client, UpstreamName])[] = [
  [claudeCode, 'responses'],
  [claudeCode, 'messages'],
  [codex, 'messages'],
  [codex, 'responses'],
  [codexOverSocket, 'chat'],
  [codexOverSocket, 'responses'],
  [geminiCli, 'chat'],
  [opencodeChat, 'messages'],
];

/** What no client is to ask twice; after a 400 one of them tries with less by itself, after a 401 another. */
const givingUp: readonly (readonly [Client, UpstreamName, status: number])[] = [
  [claudeCode, 'chat', 401],
  [claudeCode, 'messages', 403],
  [codex, 'messages', 400],
  [geminiCli, 'responses', 401],
  [opencodeChat, 'responses', 401],
];

const ways: readonly Way[] = [
  { downstream: 'http', upstream: 'http' },
  { downstream: 'http', upstream: 'websocket' },
  { downstream: 'websocket', upstream: 'http' },
  { downstream: 'websocket', upstream: 'websocket' },
];

const wanted = process.argv.slice(2).join(' ').toLowerCase();
let passed = 0;
let failed = 0;

interface Trial {
  readonly name: string;
  /** What went wrong; nothing when all is well. */
  run(stage: Stage): Promise<string | undefined>;
}

/** A tool task, and what the gateway has logged when it fails. */
const toolTask = (
  client: Client,
  upstream: UpstreamName,
  where: string,
  at?: Parameters<typeof attempt>[3],
): Trial => ({
  name: `${client.name} (${client.protocol}) on ${where} completes a tool task`,
  async run(stage) {
    const problem = await attempt(client, upstream, stage, at);
    return problem && `${problem}\ngateway log:\n${stage.gateway.logs().slice(-3_000)}`;
  },
});

const trials: readonly Trial[] = [
  ...matrix.flatMap(([client, on]) => on.map((name) => toolTask(client, name, `a ${name} upstream`))),
  ...onDuo.flatMap(([client, models]) =>
    models.map(({ model, upstream }) =>
      toolTask(client, upstream, `GitLab Duo’s ${model}`, { provider: 'duo', model }),
    ),
  ),
  ...persevering.map(([client, upstream]) => ({
    name: `${client.name} (${client.protocol}) asks a ${upstream} upstream that fails again, and goes on`,
    run: (stage: Stage) => perseveres(client, upstream, stage),
  })),
  ...givingUp.map(([client, upstream, status]) => ({
    name: `${client.name} (${client.protocol}) does not ask a ${upstream} upstream again that says ${status}`,
    run: (stage: Stage) => givesUp(client, upstream, stage, status),
  })),
  ...ways.flatMap((way) =>
    storyNames.map((story) => ({
      name: `Codex CLI is told the same of ${story} (${way.downstream}, and ${way.upstream} to the backend)`,
      run: () => tell(story, way),
    })),
  ),
  ...(['http', 'websocket'] as const).map((transport) => ({
    name: `Claude Code on a Codex login sees a picture, thinks, uses tools and goes on in another process (${transport})`,
    run: () => onSubscription(transport),
  })),
  ...[...setUps, ...runs].map((setting) => ({ name: setting.name, run: () => tryOut(setting) })),
];

await sideBySide(
  trials.filter(({ name }) => name.toLowerCase().includes(wanted)),
  async ({ name, run }, stage) => {
    const startedMs = performance.now();
    const problem = await run(stage).catch((error: unknown) => String(error));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${problem ? '✗' : '✓'} ${name} (${seconds} s)`);
    if (problem) console.log(problem);
    if (problem) failed++;
    else passed++;
  },
);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
