import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replies } from '../providers/codex/backend/replies.ts';
import { startBench, type Transport } from '../providers/codex/setup.ts';
import { run } from './attempt.ts';
import { claudeCode } from './claude-code.ts';

type Json = Record<string, unknown>;

/** One red pixel. */
const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';

/**
 * Lets Claude Code work on the simulated backend, which refuses what the real one would: it looks at a picture, thinks,
 * runs a command, and goes on with the conversation in another process. What went wrong, nothing when all is well.
 */
export async function onSubscription(transport: Transport): Promise<string | undefined> {
  const program = claudeCode.program.at(-1)!;
  if (!existsSync(program)) return `${program} is not installed: npm ci --prefix test/clients`;
  const root = mkdtempSync(join(tmpdir(), 'dragoman-subscription-'));
  const secret = `sunrise-${crypto.randomUUID()}`;
  await using bench = await startBench({ provider: { transport } });
  const { backend, url: gateway } = bench;
  const place = { folder: join(root, 'work'), home: join(root, 'home') };
  const task = { ...place, gateway, provider: 'codex', model: 'gpt-5.5', secret };
  for (const folder of [task.folder, join(task.home, 'tmp')]) mkdirSync(folder, { recursive: true });
  const file = join(task.folder, 'picture.png');
  writeFileSync(file, Buffer.from(picture, 'base64'));
  backend.script = (body) => {
    const outputs = outputsOf(body).length;
    if (!hasTools(body)) return replies.text('a title');
    if (outputs === 0) return replies.tool('Read', { file_path: file }, 'call_read');
    if (outputs === 1) return replies.tool('Bash', { command: `echo ${secret} | tee seen.txt` }, 'call_bash');
    return replies.thoughtful(`The tool answered: ${outputsOf(body).at(-1)}`);
  };
  const env = {
    ...claudeCode.command(task).env,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: 'codex/gpt-5.5',
    MAX_THINKING_TOKENS: '4000',
  };
  const say = async (...args: string[]): Promise<{ told: Json; fault: string[] }> => {
    const ended = await run({ ...claudeCode, command: () => ({ args: asked(args), env }) }, task);
    if (ended.status === 0) return { told: JSON.parse(ended.out) as Json, fault: [] };
    const words = `${ended.out.slice(-1_500)}\n${ended.err.slice(-1_500)}`;
    return { told: {}, fault: [`the client ended with ${ended.status}: ${words}`] };
  };
  try {
    const first = await say('Look at picture.png, then note what it shows.');
    const main = backend.asked.filter(({ body }) => hasTools(body)).map(({ body }) => body);
    const second = await say('And what was it again?', '--continue');
    const later = backend.asked.filter(({ body }) => hasTools(body)).map(({ body }) => body);
    const usage = (first.told.usage ?? {}) as Json;
    const last = JSON.stringify(main.at(-1) ?? {});
    const keys = new Set(later.map(({ prompt_cache_key: key }) => key));
    const used = new Set(backend.asked.map(({ frame }) => (frame ? 'websocket' : 'http')));
    const checks: readonly (readonly [string, boolean])[] = [
      ['the model’s last words did not reach the client', String(first.told.result).includes(secret)],
      ['the command left no file behind', textOf(join(task.folder, 'seen.txt')).includes(secret)],
      [
        'the picture did not reach the backend',
        last.includes('"input_image"') && last.includes('data:image/'),
      ],
      ['the reasoning did not come home', last.includes('"gAAAA_sealed"')],
      ['no reasoning was asked for', ((main[0]?.reasoning ?? {}) as Json).effort !== undefined],
      [
        'the client shows no usage',
        Number(usage.output_tokens) > 0 && Number(usage.cache_read_input_tokens) >= 300,
      ],
      ['the conversation did not go on', later.length > main.length && String(second.told.result).length > 0],
      [`the cache key changed: ${[...keys].join(', ')}`, keys.size === 1],
      [`the backend was asked over ${[...used].join(' and ')}`, used.size === 1 && used.has(transport)],
      [`the backend refused: ${backend.faults.join('; ')}`, backend.faults.length === 0],
    ];
    const faults = [
      ...first.fault,
      ...second.fault,
      ...checks.flatMap(([fault, holds]) => (holds ? [] : [fault])),
    ];
    return faults.length === 0
      ? undefined
      : `${faults.join('\n')}\n${JSON.stringify(first.told).slice(0, 1_500)}`;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** The client's arguments; `--tools` takes all words up to the next flag. */
const asked = (words: readonly string[]): string[] =>
  ['-p', ...words, '--output-format', 'json', '--max-turns', '6', '--model', 'codex/gpt-5.5'].concat(
    '--tools Bash,Read --allowedTools Bash Read'.split(' '),
  );

const hasTools = ({ tools }: Json): boolean => Array.isArray(tools) && tools.length > 0;

/** What the tools of a conversation have answered. */
const outputsOf = ({ input }: Json): string[] =>
  (input as Json[])
    .filter(({ type }) => type === 'function_call_output')
    .map(({ output }) => (typeof output === 'string' ? output : JSON.stringify(output)));
