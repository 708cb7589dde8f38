import { join } from 'node:path';
import {
  modules,
  secondWords,
  shellCommand,
  shellPrompt,
  type Client,
  type Command,
  type Task,
} from './client.ts';

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

/**
 * With one of its newest models it has one tool, whose input is a program, and offers it in the conversation. The catalog
 * knows the bare name only, here too.
 */
export const codexScripting: Client = {
  ...codex,
  name: 'Codex CLI with its newest form of tools',
  shellTool: undefined,
  model: 'gpt-5.6-sol',
  command: (task) =>
    command(
      task,
      `Use the exec tool with \`const it = await tools.exec_command({cmd: "${shellCommand}"}); text(it.output ?? it);\`, then tell me what it says.`,
    ),
};

/** Beside what is common: the name of its provider, by which it knows what the provider can do, and more settings. */
interface Session {
  readonly name: string;
  readonly resumes?: boolean;
  readonly overSocket?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

const overSocket: Session = { name: 'gw', overSocket: true };

/** Anything that was said so far is more. */
const compacting = { model_auto_compact_token_limit: '50' };

const goesOn = (session: Session): ((task: Task) => Command) => {
  const settings = { ...session.settings, model: 'echo' };
  return (task) => command(task, secondWords, { ...session, resumes: true, settings });
};

/** A session that is taken up again: its history goes up with it. */
export const codexResumed: Client = {
  ...codex,
  name: 'Codex CLI, resumed',
  command: (task) => command(task, shellPrompt('exec_command'), { name: 'gw' }),
  again: {
    command: goesOn({ name: 'gw' }),
    faults: (bodies, secret) => [
      ...(bodies.length === 1 ? [] : [`${bodies.length} requests`]),
      ...(bodies.at(-1)?.includes(secret) ? [] : ['the history did not come along']),
    ],
  },
};

/** Over one WebSocket instead of a `POST` for each step. */
export const codexOverSocket: Client = {
  ...codex,
  name: 'Codex CLI over WebSocket',
  overSocket: true,
  command: (task) => command(task, task.prompt ?? shellPrompt('exec_command'), overSocket),
};

export const codexResuming: Client = {
  ...codexResumed,
  name: 'Codex CLI over WebSocket, resumed',
  overSocket: true,
  command: (task) => command(task, shellPrompt('exec_command'), overSocket),
  again: { ...codexResumed.again!, command: goesOn(overSocket) },
};

/** A session that has grown too long and is compacted by the client itself, in a turn that looks like any other. */
export const codexCompacting: Client = {
  ...codexResumed,
  name: 'Codex CLI, compacting by itself',
  again: {
    command: goesOn({ name: 'gw', settings: compacting }),
    faults: (bodies, secret) => compactionFaults(bodies, secret, 'CONTEXT CHECKPOINT COMPACTION'),
  },
};

/** The same where it leaves that to the service, as it does to one that is called OpenAI. */
export const codexCompacted: Client = {
  ...codex,
  name: 'Codex CLI, having its session compacted',
  command: (task) => command(task, shellPrompt('exec_command'), { name: 'OpenAI' }),
  again: {
    command: goesOn({ name: 'OpenAI', settings: compacting }),
    faults: (bodies, secret) => [
      ...compactionFaults(bodies, secret, 'Write a summary of this conversation'),
      ...(bodies.at(-1)?.includes('What follows is a summary') ? [] : ['the summary was not opened again']),
      ...(bodies.some((body) => body.includes('drgc.')) ? ['a sealed summary went up'] : []),
    ],
  },
};

/** The first request compacts all that was said, the last goes on from that alone. */
function compactionFaults(bodies: readonly string[], secret: string, wish: string): string[] {
  const [first = '', last = ''] = [bodies[0], bodies.at(-1)];
  return [
    ...(bodies.length === 2 ? [] : [`${bodies.length} requests where two were due`]),
    ...(first.includes(wish) && first.includes(secret) ? [] : ['the conversation was not compacted']),
    ...(last.includes(secret) || !last.includes(secondWords) ? ['what was compacted went up again'] : []),
  ];
}

function command(
  { folder, home, gateway, provider, model, retries }: Task,
  prompt: string,
  session?: Session,
): Command {
  const endpoint = {
    name: session?.name ?? 'gw',
    base_url: `${gateway}/${provider}/v1`,
    wire_api: 'responses',
    env_key: 'GW_KEY',
    ...(retries ? {} : { request_max_retries: 0, stream_max_retries: 0 }),
    supports_websockets: session?.overSocket ?? false,
  };
  const settings = {
    model,
    model_provider: 'gw',
    'model_providers.gw': `{${Object.entries(endpoint).map(([key, value]) => `${key}=${JSON.stringify(value)}`)}}`,
    'analytics.enabled': 'false',
    'features.plugins': 'false',
    'features.unbounded_connection_retries': 'false',
    web_search: 'disabled',
    ...session?.settings,
  };
  return {
    args: [
      'exec',
      ...(session?.resumes ? ['resume', '--last'] : []),
      '--json',
      ...(session === undefined ? ['--ephemeral'] : []),
      '--skip-git-repo-check',
      '--ignore-user-config',
      '--ignore-rules',
      ...(session?.resumes ? [] : ['-C', folder]),
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      '--dangerously-bypass-approvals-and-sandbox',
      prompt,
    ],
    env: { CODEX_HOME: join(home, 'codex'), GW_KEY: 'unused' },
  };
}
