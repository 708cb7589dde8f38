/**
 * Drives the real clients through the gateway: each gets a task that needs a tool, in an empty folder with a file
 * of random text. Judged by what reaches the upstream: the tool result must hold the file's text. Ends with a line
 * `N passed, N failed`.
 *
 * client ─▶ gateway ─▶ recording relay ─▶ gateway with demo/tools
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../support/gateway.ts';

const modules = join(import.meta.dir, 'node_modules');
const claude = join(modules, '@anthropic-ai/claude-code-linux-x64/claude');
const codex = join(modules, '@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex');
const clientMs = 90_000;

interface Task {
  /** An empty folder with `hello.txt` in it. */
  readonly folder: string;
  readonly home: string;
  readonly gateway: string;
}

interface Client {
  readonly name: string;
  readonly binary: string;
  command(task: Task): { args: string[]; env: Record<string, string> };
}

const clients: readonly Client[] = [
  {
    name: 'Claude Code, Messages',
    binary: claude,
    command: ({ folder, home, gateway }) => ({
      args: [
        '-p',
        `Use the Read tool on \`${join(folder, 'hello.txt')}\` and tell me what it says.`,
        '--output-format',
        'json',
        '--max-turns',
        '4',
        '--model',
        'up/tools',
        '--tools',
        'Bash,Read',
        '--allowedTools',
        'Bash',
        'Read',
      ],
      env: {
        HOME: home,
        ANTHROPIC_BASE_URL: gateway,
        ANTHROPIC_AUTH_TOKEN: 'unused',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_MAX_RETRIES: '1',
      },
    }),
  },
  {
    name: 'Codex CLI, Responses over SSE',
    binary: codex,
    command: ({ folder, home, gateway }) => ({
      args: [
        'exec',
        '--json',
        '--ephemeral',
        '--skip-git-repo-check',
        '--ignore-user-config',
        '--ignore-rules',
        '-C',
        folder,
        '-c',
        'model=up/tools',
        '-c',
        'model_provider=gw',
        '-c',
        `model_providers.gw={name="gw",base_url="${gateway}/v1",wire_api="responses",env_key="GW_KEY",request_max_retries=0,stream_max_retries=0}`,
        '-c',
        'analytics.enabled=false',
        '-c',
        'features.plugins=false',
        '-c',
        'features.unbounded_connection_retries=false',
        '-c',
        'web_search=disabled',
        '--dangerously-bypass-approvals-and-sandbox',
        'Use exec_command to run `cat hello.txt` and tell me what it says.',
      ],
      env: { HOME: home, CODEX_HOME: join(home, 'codex'), TMPDIR: join(home, 'tmp'), GW_KEY: 'unused' },
    }),
  },
];

/** A relay that keeps the bodies that pass. */
function recordingRelay(upstream: string): { url: string; bodies: string[]; stop(): void } {
  const bodies: string[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const body = await request.text();
      bodies.push(body);
      const path = new URL(request.url).pathname;
      return fetch(upstream + path, {
        method: request.method,
        headers: request.headers,
        body: body || undefined,
      });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, bodies, stop: () => void server.stop(true) };
}

/** The text of every tool result in a Responses request. */
function toolResults(body: string): string[] {
  try {
    const input = (JSON.parse(body) as { input?: unknown }).input;
    if (!Array.isArray(input)) return [];
    return (input as { type?: string; output?: unknown }[])
      .filter((item) => item.type === 'function_call_output' || item.type === 'custom_tool_call_output')
      .map((item) => JSON.stringify(item.output));
  } catch {
    return [];
  }
}

async function runClient(client: Client, gateway: string, bodies: string[]): Promise<string | undefined> {
  const secret = `sunrise-${crypto.randomUUID()}`;
  const root = mkdtempSync(join(tmpdir(), 'dragoman-client-'));
  const task: Task = { folder: join(root, 'work'), home: join(root, 'home'), gateway };
  for (const folder of [task.folder, join(task.home, 'codex'), join(task.home, 'tmp')]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(task.folder, 'hello.txt'), `${secret}\n`);
  bodies.length = 0;
  const { args, env } = client.command(task);
  const child = Bun.spawn([client.binary, ...args], {
    cwd: task.folder,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: clientMs,
    killSignal: 'SIGKILL',
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const status = await child.exited;
  rmSync(root, { recursive: true, force: true });
  const answered = bodies.flatMap(toolResults).some((result) => result.includes(secret));
  if (answered && status === 0) return undefined;
  return [
    answered
      ? `the client ended with status ${status}`
      : 'no tool result with the file’s text reached the upstream',
    `requests upstream: ${bodies.length}`,
    `stdout: ${out.slice(-2_000)}`,
    `stderr: ${err.slice(-2_000)}`,
  ].join('\n');
}

let passed = 0;
let failed = 0;
const models = await startGateway({ providers: [{ name: 'demo', type: 'demo', pace_ms: 0 }] });
const relay = recordingRelay(`${models.url}/demo`);
const gateway = await startGateway({
  providers: [
    {
      name: 'up',
      type: 'openai',
      base_url: `${relay.url}/v1`,
      api_key: 'unused',
      protocols: ['openai-responses'],
      models: ['tools'],
    },
  ],
});
try {
  for (const client of clients) {
    const startedMs = performance.now();
    const problem = existsSync(client.binary)
      ? await runClient(client, gateway.url, relay.bodies)
      : `${client.binary} is not installed: npm ci --prefix test/clients`;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${problem ? '✗' : '✓'} ${client.name} completes a tool task (${seconds} s)`);
    if (problem) console.log(`${problem}\ngateway log:\n${gateway.logs().slice(-3_000)}`);
    if (problem) failed++;
    else passed++;
  }
} finally {
  await gateway.stop();
  relay.stop();
  await models.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
