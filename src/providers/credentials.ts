import { z } from 'zod';
import type { ConfiguredAccount } from '../accounts/account.ts';

/** An entry of `accounts`. */
export const accountEntry = z.strictObject({
  name: z
    .string()
    .regex(/^\S{1,64}$/)
    .describe('What it is called in logs and lists'),
  api_key: z.string().min(1).describe('Sent as that of the provider is'),
  priority: z.int().min(0).default(0).describe('Lower goes first; the next only when those cannot serve'),
  weight: z.int().min(1).max(1000).default(1).describe('Its share among those of its priority'),
});

/** Several API keys of one provider, whose entries may have more members than `accountEntry`. */
export const accountsOf = <Entry extends typeof accountEntry>(entry: Entry) =>
  z
    .array(entry)
    .min(1)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
      message: 'two accounts have the same name',
    })
    .optional()
    .describe('Several API keys instead of api_key');

/** Entries of `accounts`: several API keys of one provider. */
export const accountsSchema = accountsOf(accountEntry);

/** The accounts that a provider's configuration states: `api_key` is one that is called `default`. */
export function configuredAccounts(config: {
  readonly api_key?: string;
  readonly accounts?: z.infer<typeof accountsSchema>;
}): ConfiguredAccount[] {
  const several = (config.accounts ?? []).map(({ name, api_key, priority, weight }) => ({
    name,
    token: api_key,
    priority,
    weight,
  }));
  return config.api_key === undefined ? several : [{ name: 'default', token: config.api_key }, ...several];
}
