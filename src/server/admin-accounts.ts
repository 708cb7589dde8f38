import { z } from 'zod';
import { isConfigured, type Account } from '../accounts/account.ts';
import { loginAt } from '../accounts/login.ts';
import { LoginFailed } from '../accounts/oauth.ts';
import { conflict, route, unknown, unprocessable, type AdminDeps, type AdminRoute } from './admin-route.ts';
import { FailureError } from '../turn/failure.ts';
import { askQuota } from './ask-quota.ts';
import { keepLogin, tryLogin } from './keep-login.ts';
import { healthOf, shownAccount, shownHealth } from './shown.ts';

const priority = z.int().min(0).max(1000);
const weight = z.int().min(1).max(1000);

/** Accounts: what `dragoman accounts`, `login --token-stdin` and `logout` do. */
export const accountRoutes: readonly AdminRoute[] = [
  route('GET', '/accounts', z.strictObject({ provider: z.string().optional() }), async (deps, { input }) => {
    const { accounts } = deps.state;
    const list = accounts
      .list()
      .filter(({ provider, secret }) => secret.token !== '' && provider === (input.provider ?? provider));
    return { data: { data: list.map((account) => shownAccount(account, deps.state)) } };
  }),

  route(
    'POST',
    '/accounts',
    z.strictObject({
      provider: z.string(),
      api_key: z
        .string()
        .trim()
        .regex(/^[\x21-\x7e]{1,8192}$/, 'must be one word of printable characters'),
      name: z
        .string()
        .regex(/^\S{1,64}$/, 'must be one word of up to 64 characters')
        .optional(),
      at: z.string().max(64).optional(),
      priority: priority.optional(),
      weight: weight.optional(),
      check: z.boolean().default(true),
    }),
    async (deps, { input }) => {
      const { state, catalog } = deps;
      const provider = catalog.provider(input.provider) ?? unknown(`provider ${input.provider}`);
      const take = loginAt(provider.login, input.at)?.token?.take;
      if (take === undefined) conflict(`the provider ${provider.name} takes no API keys`);
      try {
        const gave = await take(input.api_key);
        const models = input.check ? await tryLogin(provider, gave) : null;
        const { account, renewed } = await keepLogin(state, provider, gave, input.name);
        const now = await state.accounts.change(account.id, given(input));
        return { status: renewed ? 200 : 201, data: { ...shown(deps, now ?? account), models } };
      } catch (error) {
        if (error instanceof LoginFailed) unprocessable(error.message, 'login_failed');
        throw error;
      }
    },
  ),

  route(
    'PATCH',
    '/accounts/{id}',
    z.strictObject({
      enabled: z.boolean().optional(),
      priority: priority.optional(),
      weight: weight.optional(),
    }),
    async (deps, { param, input }) => {
      const account = own(deps, param('id'));
      const now = await deps.state.accounts.change(account.id, { ...given(input), ...enabled(input) });
      return { data: shown(deps, now ?? gone(account)) };
    },
  ),

  route('DELETE', '/accounts/{id}', z.strictObject({}), async (deps, { param }) => {
    const account = own(deps, param('id'));
    const told = shown(deps, account);
    if (!(await deps.state.accounts.remove(account.id))) gone(account);
    return { data: told };
  }),

  route('POST', '/accounts/{id}/clear', z.strictObject({}), async (deps, { param }) => {
    const account = known(deps, param('id'));
    const { health } = deps.state;
    for (const entry of healthOf(account, health.list())) health.clear(entry.account);
    return { data: shown(deps, account) };
  }),

  route('POST', '/accounts/{id}/quota', z.strictObject({}), async (deps, { param }) => {
    const account = known(deps, param('id'));
    const provider = deps.catalog.provider(account.provider);
    try {
      if (!(await askQuota(deps.state, provider, account)))
        conflict(`${account.provider} does not say what is used of a quota`);
    } catch (error) {
      if (error instanceof FailureError) throw error;
      unprocessable(`the upstream could not be asked: ${(error as Error).message}`, 'quota_unknown');
    }
    return { data: shown(deps, account) };
  }),

  route('GET', '/health', z.strictObject({}), async ({ state }) => {
    const accounts = new Map(state.accounts.list().map((account) => [account.id, account]));
    const lines = state.health.list().flatMap((entry) => {
      const account = accounts.get(entry.account);
      const provider = entry.account.startsWith('@') ? entry.account.slice(1) : account?.provider;
      // An account that was removed is of no interest any more.
      if (provider === undefined) return [];
      return [{ provider, account: account?.id ?? null, name: account?.name ?? null, ...shownHealth(entry) }];
    });
    return { data: { data: lines } };
  }),
];

const shown = ({ state }: AdminDeps, account: Account) => shownAccount(account, state);

const known = ({ state }: AdminDeps, id: string): Account =>
  state.accounts.list().find((account) => account.id === id) ?? unknown(`account ${id}`);

/** An account that is not the configuration's. */
function own(deps: AdminDeps, id: string): Account {
  const account = known(deps, id);
  if (isConfigured(account)) {
    conflict(`the account ${account.name} is the configuration’s: change it there`);
  }
  return account;
}

const gone = ({ name }: Account): never => unknown(`account ${name} any more`);

/** Without the members that were not given: those stay as they are. */
const given = (input: { readonly priority?: number; readonly weight?: number }) => ({
  ...(input.priority !== undefined && { priority: input.priority }),
  ...(input.weight !== undefined && { weight: input.weight }),
});

const enabled = (input: { readonly enabled?: boolean }) =>
  input.enabled === undefined ? {} : { enabled: input.enabled };
