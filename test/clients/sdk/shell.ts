import { spawnSync } from 'node:child_process';

/** What every program in this folder is started with: the gateway, provider and model to ask, and the question. */
export const [gateway = '', provider = '', model = '', prompt = ''] = process.argv.slice(2);

/** The model as the gateway's own addresses know it; some SDKs want the provider in the base URL instead. */
export const fullName = `${provider}/${model}`;

/** More steps than any session has: a model that calls for ever ends as a fault. */
export const stepsMax = 100;

/** The one tool on offer. */
export const shell = {
  name: 'shell',
  description: 'Runs a command in the working directory and returns what it prints.',
  schema: {
    type: 'object' as const,
    properties: { command: { type: 'string' as const } },
    required: ['command'],
    additionalProperties: false as const,
  },
  /** `input` is what the model called the tool with, read or as it was written. */
  run(input: unknown): string {
    const { command } = (typeof input === 'string' ? JSON.parse(input) : input) as { command: string };
    const { stdout, stderr, status } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    return `${stdout}${stderr}exit status ${status}`;
  },
};
