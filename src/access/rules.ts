import { z } from 'zod';

const count = z.int().min(1);
const budget = z.strictObject({
  usd: z.number().positive().optional().describe('US dollars'),
  tokens: count.optional().describe('All tokens, in and out'),
});

/** What a gateway key may do. Whatever is absent is not limited. */
export const rulesSchema = z.strictObject({
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Models it may ask for, as they are asked for; a * at the end stands for any rest'),
  providers: z.array(z.string().min(1)).min(1).optional().describe('Providers that may serve it'),
  requests_per_minute: count.optional(),
  tokens_per_minute: count.optional(),
  concurrent: count.optional().describe('Requests at the same time'),
  retention_days: z
    .number()
    .min(0)
    .max(3650)
    .optional()
    .describe('How long its conversations are kept after their last turn; 0 keeps none'),
  per_day: budget.optional(),
  per_week: budget.optional(),
  per_month: budget.optional(),
});

export type KeyRules = z.infer<typeof rulesSchema>;

/** How long a caller's turns are kept, where its key has a time of its own; 0 for not at all. */
export function retentionMsOf(rules: KeyRules | undefined): number | undefined {
  const days = rules?.retention_days;
  return days === undefined ? undefined : days * dayMs;
}

/** The windows that budgets run over, in UTC; a week begins on Monday. */
export const windows = ['day', 'week', 'month'] as const;
export type Window = (typeof windows)[number];

const dayMs = 24 * 60 * 60_000;

/** When the window that holds `nowMs` began. */
export function windowStart(window: Window, nowMs: number): number {
  const day = Math.floor(nowMs / dayMs) * dayMs;
  if (window === 'day') return day;
  const date = new Date(day);
  if (window === 'week') return day - ((date.getUTCDay() + 6) % 7) * dayMs;
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

/** When the window that holds `nowMs` ends and its budget is whole again. */
export function windowEnd(window: Window, nowMs: number): number {
  const start = windowStart(window, nowMs);
  if (window === 'day') return start + dayMs;
  if (window === 'week') return start + 7 * dayMs;
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** Whether a name is one of `allowed`, each of which may end in `*`. */
export const matches = (allowed: readonly string[], name: string): boolean =>
  allowed.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
