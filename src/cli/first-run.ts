import type { Config } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import { escapeControls } from '../telemetry/escape.ts';
import { clients } from './clients/index.ts';
import { readJournal } from './clients/journal.ts';
import type { Client, OfferedModel } from './clients/client.ts';
import type { Host } from './host.ts';
import { GivenUp } from './input.ts';
import { login } from './login.ts';
import { innerGateway, listenerAt, offeredBy, ownUrl } from './reach.ts';
import { serve } from './serve.ts';
import { setup } from './setup.ts';
import { homeDirectory } from './state.ts';
import { version } from './version.ts';
import { withState, type HostState } from './with-state.ts';

/** Longer lists are cut; a name may always be typed. */
const listedMax = 20;

/** `dragoman` alone at a terminal: a login or key, a model, a client, as far as there are none, and then it serves. */
export async function firstRun(host: Host): Promise<number> {
  await host.stdout.write(`dragoman ${version}\n\n`);
  try {
    await chooseLogins(host);
    const now = await findOffer(host);
    if (now === undefined) return 1;
    const isSetUp = Object.values(clients).some(({ name }) => readJournal(homeDirectory(host), name));
    if (!isSetUp) await chooseClient(now.models, host);
    const { kind } = await listenerAt(now.url);
    if (kind === 'gateway') {
      await host.stdout.write(`A gateway listens at ${now.url} already.\n`);
      return 0;
    }
    return await serve({}, host);
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    await host.stderr.write('\nNothing more was done. `dragoman --help` lists all commands.\n');
    return 1;
  }
}

/** Providers that have an account, and those that one could log in to. */
interface Logins {
  readonly ready: readonly string[];
  readonly open: readonly { readonly name: string; readonly by: string }[];
}

/** `undefined` after the problems of the configuration were told. */
async function findLogins(host: Host): Promise<Logins | undefined> {
  const { providerSchemas } = await host.gateway();
  // Without a file every kind starts that is content with its name.
  return surveyed(host, Object.keys(providerSchemas), async (gateway, state, config) => {
    const names = config.providers.map(({ name }) => name);
    const hasAccount = (name: string): boolean =>
      state.accounts.of(name).some(({ secret }) => secret.token !== '');
    const open = names.flatMap((name) => {
      const { oauth, device, token } = gateway.provider(name)?.login ?? {};
      const by = oauth || device ? 'log in' : token?.what;
      return by === undefined || hasAccount(name) ? [] : [{ name, by }];
    });
    return { ready: names.filter(hasAccount), open };
  });
}

const findOffer = (host: Host): Promise<{ url: string; models: readonly OfferedModel[] } | undefined> =>
  surveyed(host, [], async (gateway, _, config) => ({
    url: ownUrl(config),
    models: await offeredBy(gateway),
  }));

async function surveyed<T>(
  host: Host,
  loggingIn: readonly string[],
  look: (gateway: Gateway, state: HostState, config: Config) => Promise<T>,
): Promise<T | undefined> {
  let found: T | undefined;
  const work = async (state: HostState, config: Config): Promise<number> => {
    const gateway = await innerGateway(config, state, host);
    try {
      found = await look(gateway, state, config);
      return 0;
    } finally {
      await gateway.stop({ drainMs: 0 });
    }
  };
  await withState({}, host, work, loggingIn);
  return found;
}

async function chooseLogins(host: Host): Promise<void> {
  for (;;) {
    const now = await findLogins(host);
    if (now === undefined || now.ready.length > 0 || now.open.length === 0) return;
    await host.stdout.write('Whose models do you want to use?\n');
    const none = 'none yet: the demo models need no account';
    const at = await choose([...now.open.map(({ name, by }) => `${name} (${by})`), none], host);
    const chosen = now.open[at];
    if (chosen === undefined) return;
    await login(chosen.name, {}, host);
    await host.stdout.write('\n');
  }
}

async function chooseClient(models: readonly OfferedModel[], host: Host): Promise<void> {
  const installed = Object.values(clients).filter(
    ({ program }) => Bun.which(program, { PATH: host.env.PATH ?? '' }) !== null,
  );
  if (installed.length === 0) {
    await host.stdout.write(
      'None of the clients that can be set up is installed; `dragoman setup --help` names them.\n\n',
    );
    return;
  }
  await host.stdout.write('Which client shall be pointed here?\n');
  const at = await choose([...installed.map(({ title }) => title), 'none'], host);
  const client: Client | undefined = installed[at];
  if (client === undefined) return;
  await host.stdout.write('Which model shall it ask for?\n');
  const listed = models.slice(0, listedMax).map(({ id }) => id);
  const model = await chooseOrType(listed, models.length, host);
  await setup(client.name, { model }, host);
  await host.stdout.write('\n');
}

/** Shows numbered choices and returns the place of the chosen one; the first unless something is typed. */
async function choose(choices: readonly string[], host: Host): Promise<number> {
  await list(choices, host);
  for (;;) {
    const typed = (await host.stdin.ask(`1-${choices.length} [1]: `)).trim();
    const at = typed === '' ? 0 : Number(typed) - 1;
    if (Number.isInteger(at) && at >= 0 && at < choices.length) return at;
  }
}

async function chooseOrType(names: readonly string[], count: number, host: Host): Promise<string> {
  await list(names, host);
  if (count > names.length) await host.stdout.write(`  … and ${count - names.length} more: type any name\n`);
  for (;;) {
    const typed = (await host.stdin.ask(`1-${names.length} or a name [1]: `)).trim();
    const name = typed === '' ? names[0] : /^\d+$/.test(typed) ? names[Number(typed) - 1] : typed;
    if (name !== undefined) return name;
  }
}

async function list(choices: readonly string[], { stdout }: Host): Promise<void> {
  const lines = choices.map((choice, i) => `  ${i + 1}) ${escapeControls(choice)}\n`);
  await stdout.write(lines.join(''));
}
