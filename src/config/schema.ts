import { z } from 'zod';
import { httpUrl } from './address.ts';
import { guard } from './secrets.ts';

/** One entry of `providers`; further members are those of its kind's own schema. */
export interface ProviderConfig {
  readonly name: string;
  readonly type: string;
  readonly [member: string]: unknown;
}

/** One target of an alias, and what it sets in every request. */
export interface AliasConfig {
  /** `provider/model` */
  readonly target: string;
  readonly effort?: string;
  readonly outputTokensMax?: number;
}

/** A valid dragoman.yaml with its defaults filled in. Printed or serialised, it shows no secret. */
export interface Config {
  readonly server: {
    readonly host: string;
    readonly hosts: readonly string[];
    readonly port: number;
    readonly body_bytes_max: number;
    readonly drain_ms: number;
    readonly first_byte_ms?: number;
    readonly idle_ms: number;
    readonly websocket: 'on' | 'off';
    readonly keep_alive_ms: number;
  };
  readonly store?: string;
  readonly fidelity: 'warn' | 'strict';
  readonly log: {
    readonly format: 'auto' | 'json' | 'pretty';
    readonly level: 'debug' | 'info' | 'warn' | 'error';
  };
  /** How the catalog of models is kept up to date. */
  readonly catalog: { readonly refresh: boolean; readonly url: string; readonly every_hours: number };
  /** What is kept of conversations, how long and how much. */
  readonly conversations: {
    readonly store: boolean;
    readonly retention_days: number;
    readonly conversation_bytes_max: number;
    readonly caller_bytes_max: number;
    readonly total_bytes_max: number;
  };
  readonly providers: readonly ProviderConfig[];
  readonly routing: { readonly strategy: 'balance' | 'fill-first' | 'round-robin' | 'least-loaded' };
  /** Aliases: each name stands for targets, in order. */
  readonly models: Readonly<Record<string, readonly AliasConfig[]>>;
}

/** The provider kinds by the word that stands in `type`, each with the strict object schema of its entries. */
export type ProviderSchemas = Readonly<Record<string, z.ZodType>>;

/** First path segments of the gateway's own routes, which `/{provider}/v1/…` must not collide with. */
export const reservedNames: ReadonlySet<string> = new Set([
  'v1',
  'v1beta',
  'v1alpha',
  'admin',
  'healthz',
  'readyz',
  'metrics',
  'backend-api',
  'dashboard',
  'assets',
]);

/**
 * The schema of dragoman.yaml for a set of provider kinds. Unknown keys are errors everywhere.
 *
 * @example
 * const demo = z.strictObject({ name: z.string(), type: z.literal('demo') });
 * configSchema({ demo }).parse({ providers: [{ name: 'demo', type: 'demo' }] }).server.port; // 4242
 */
export function configSchema(kinds: ProviderSchemas): z.ZodType<Config> {
  return z
    .strictObject({
      server: serverSchema.prefault({}),
      store: z
        .string()
        .regex(/^(sqlite:.|postgres(ql)?:\/\/.)/, 'must start with sqlite: or postgres://')
        .optional()
        .describe(
          'Where state lives: sqlite:PATH or postgres://…; dragoman.db in the home directory unless given',
        ),
      fidelity: z
        .enum(['warn', 'strict'])
        .default('warn')
        .describe('What happens to a field that cannot be carried: a note (warn) or a 400 (strict)'),
      log: logSchema.prefault({}),
      catalog: catalogSchema.prefault({}),
      conversations: conversationsSchema.prefault({}),
      providers: providersSchema(kinds).describe(
        'The upstreams; the first that has a bare model name serves it',
      ),
      routing: routingSchema.prefault({}),
      models: z
        .record(aliasName, z.array(aliasTarget).min(1))
        .default({})
        .describe('Aliases: each stands for provider/model targets, of which the first that is well serves'),
    })
    .check(aliasTargets, noLoop)
    .transform(plainTargets)
    .transform(guard)
    .meta({ title: 'dragoman.yaml', description: 'Configuration of the Dragoman gateway' });
}

const aliasTarget = z.union([
  z.string().min(1),
  z.strictObject({
    target: z.string().min(1).describe('provider/model'),
    effort: z
      .string()
      .regex(/^[a-z]{2,10}$/)
      .optional()
      .describe('The reasoning effort of every request'),
    max_output_tokens: z.int().min(1).optional().describe('The most output tokens of every request'),
  }),
]);

/** Targets in one form, however they were written. */
const plainTargets = <C extends { models: Record<string, z.infer<typeof aliasTarget>[]> }>(config: C) => ({
  ...config,
  models: Object.fromEntries(
    Object.entries(config.models).map(([name, targets]) => [
      name,
      targets.map((entry): AliasConfig => {
        if (typeof entry === 'string') return { target: entry };
        const { target, effort, max_output_tokens: outputTokensMax } = entry;
        return { target, effort, outputTokensMax };
      }),
    ]),
  ),
});

const routingSchema = z.strictObject({
  strategy: z
    .enum(['balance', 'fill-first', 'round-robin', 'least-loaded'])
    .default('balance')
    .describe('How one of several accounts is chosen; balance keeps a conversation where its cache is'),
});

const serverSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on; loopback only, as long as there are no gateway keys'),
  hosts: z
    .array(z.string().regex(/^[a-z0-9.-]+$/, 'must be a host name in lower case, without a port'))
    .default([])
    .describe('Further names under which it is reached; requests for any other name are refused'),
  port: z.int().min(0).max(65_535).default(4242).describe('Port to listen on; 0 takes any free one'),
  body_bytes_max: z
    .int()
    .min(1024)
    .default(64 * 1024 * 1024)
    .describe('The largest request body accepted, in bytes, before and after decompression'),
  drain_ms: z
    .int()
    .min(0)
    .default(10_000)
    .describe('How long open streams may go on after a signal to stop, in milliseconds'),
  first_byte_ms: z
    .int()
    .min(1)
    .optional()
    .describe('How long an upstream may take to answer, in milliseconds; no limit unless given'),
  idle_ms: z
    .int()
    .min(1)
    .default(600_000)
    .describe('How long an upstream may be silent in mid reply, in milliseconds'),
  websocket: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'Whether clients may ask over a WebSocket on the Responses routes; where not, they are told to POST',
    ),
  keep_alive_ms: z
    .int()
    .min(0)
    .max(300_000)
    .default(15_000)
    .describe(
      'How long a client may get nothing of a stream before it is told that there is more to come, in milliseconds; never, if 0',
    ),
});

const logSchema = z.strictObject({
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('auto is pretty on a terminal and JSON lines elsewhere'),
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('The least severe event written'),
});

const catalogSchema = z.strictObject({
  refresh: z
    .boolean()
    .default(false)
    .describe('Whether a running gateway asks for newer limits and prices; else those it came with hold'),
  url: httpUrl()
    .default('https://models.dev/api.json')
    .describe('Where they are asked for: a document of the shape of models.dev'),
  every_hours: z.number().min(1).max(168).default(24).describe('How often, in hours'),
});

const mebibyte = 1024 * 1024;

const conversationsSchema = z.strictObject({
  store: z
    .boolean()
    .default(true)
    .describe(
      'Whether turns are kept that their client does not forbid to, so that a later one may go on from them',
    ),
  retention_days: z
    .number()
    .min(0.01)
    .max(3650)
    .default(30)
    .describe('How long a conversation is kept after its last turn, in days; a key may have its own'),
  conversation_bytes_max: z
    .int()
    .min(1024)
    .default(64 * mebibyte)
    .describe('The longest conversation that goes on, in bytes of its items; beyond it a turn is refused'),
  caller_bytes_max: z
    .int()
    .min(mebibyte)
    .default(4096 * mebibyte)
    .describe('What the conversations of one caller may take, in bytes; beyond it the oldest are forgotten'),
  total_bytes_max: z
    .int()
    .min(mebibyte)
    .default(16_384 * mebibyte)
    .describe('The same of all callers together'),
});

const providerName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]*$/,
    'must start with a lower-case letter or digit and hold only those, dots, dashes and underscores',
  )
  .max(64)
  .refine((name) => !reservedNames.has(name), {
    message: 'is a word of the gateway’s own routes; choose another',
  })
  .describe('The prefix in provider/model');

const aliasName = z.string().regex(/^\S{1,128}$/, 'an alias must be 1 to 128 characters without spaces');

function providersSchema(kinds: ProviderSchemas) {
  const options = Object.entries(kinds).map(([type, schema]) => {
    if (!(schema instanceof z.ZodObject))
      throw new TypeError(`the schema of provider kind ${type} is no object`);
    return schema.safeExtend({ name: providerName, type: z.literal(type) });
  });
  const [first, ...others] = options;
  if (first === undefined) throw new TypeError('no provider kinds');
  return z
    .array(z.discriminatedUnion('type', [first, ...others]) as unknown as z.ZodType<ProviderConfig>)
    .default([])
    .check(uniqueNames);
}

/** These two run beside other problems, not only without them, and so cannot trust the shape of what they see. */
const uniqueNames = z.superRefine<ProviderConfig[]>(
  (providers, issues) => {
    const seen = new Map<unknown, number>();
    for (const [index, provider] of providers.entries()) {
      const name: unknown = provider?.name;
      const earlier = seen.get(name);
      if (typeof name !== 'string' || earlier === undefined) seen.set(name, index);
      else
        issues.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `is already the name of providers[${earlier}]`,
        });
    }
  },
  { when: ({ value }) => Array.isArray(value) },
);

type WrittenAliases = Readonly<Record<string, readonly (string | { readonly target?: unknown })[]>>;

const aliasTargets = z.superRefine<Pick<Config, 'providers'> & { models: WrittenAliases }>(
  ({ providers, models }, issues) => {
    const names = new Set(providers.map((provider) => provider?.name));
    for (const [alias, targets] of Object.entries(models)) {
      if (!Array.isArray(targets)) continue;
      for (const [index, target] of targets.entries()) {
        const written: unknown = typeof target === 'string' ? target : target?.target;
        const message = typeof written === 'string' ? targetProblem(written, names) : undefined;
        if (message) issues.addIssue({ code: 'custom', path: ['models', alias, index], message });
      }
    }
  },
  {
    when: ({ value }) => {
      const { providers, models } = (value ?? {}) as { providers?: unknown; models?: unknown };
      return Array.isArray(providers) && typeof models === 'object' && models !== null;
    },
  },
);

/** A client's variable such as ANTHROPIC_BASE_URL, left in the shell that starts the gateway, would have it ask itself. */
const noLoop = z.superRefine<Pick<Config, 'providers' | 'server'>>(({ providers, server }, issues) => {
  for (const [index, { base_url }] of providers.entries()) {
    const url = typeof base_url === 'string' ? URL.parse(base_url) : null;
    if (url === null || url.protocol !== 'http:' || Number(url.port || 80) !== server.port) continue;
    if (!isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) continue;
    issues.addIssue({
      code: 'custom',
      path: ['providers', index, 'base_url'],
      message: 'is the address of this gateway itself, which would ask itself without end',
    });
  }
});

function targetProblem(target: string, providers: ReadonlySet<string>): string | undefined {
  const slash = target.indexOf('/');
  if (slash < 1 || slash === target.length - 1) return 'must be written provider/model';
  return providers.has(target.slice(0, slash)) ? undefined : 'names a provider that is not configured';
}

/** Whether an address to listen on can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
