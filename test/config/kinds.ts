import { z } from 'zod';
import { checkConfig, type LoadOptions } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { Config } from '../../src/config/schema.ts';

/** Provider kinds of these tests' own, so that they hold whatever the real ones ask for. */
export const kinds = {
  openai: z.strictObject({
    name: z.string(),
    type: z.literal('openai'),
    base_url: z.url().default('https://api.openai.test/v1'),
    api_key: z.string().min(1).optional(),
    protocols: z
      .array(z.enum(['openai-chat', 'openai-responses']))
      .min(1)
      .default(['openai-responses']),
    timeout_ms: z.int().min(1).optional(),
    verify: z.boolean().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  anthropic: z.strictObject({
    name: z.string(),
    type: z.literal('anthropic'),
    base_url: z.url().default('https://api.anthropic.test'),
    api_key: z.string().min(1).optional(),
  }),
  google: z.strictObject({
    name: z.string(),
    type: z.literal('google'),
    base_url: z.url().default('https://generativelanguage.googleapis.test'),
    api_key: z.string().min(1).optional(),
  }),
  demo: z.strictObject({ name: z.string(), type: z.literal('demo') }),
};

type More = Partial<Pick<LoadOptions, 'env' | 'flags'>>;

/** The configuration that a text stands for; throws with its problems when it is wrong. */
export function configOf(text: string, { env = {}, flags }: More = {}): Config {
  const loaded = checkConfig({ name: 'dragoman.yaml', text }, { kinds, env, flags });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

/** The problems of a text as they are shown. */
export function problemsOf(text: string, { env = {}, flags }: More = {}): string[] {
  const loaded = checkConfig({ name: 'dragoman.yaml', text }, { kinds, env, flags });
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}
