import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { loginAt, type LoggedIn, type Login, type LoginWay } from '../accounts/login.ts';
import {
  receiveOnLoopback,
  redirectUri,
  type LoopbackReceiver,
  type Redirect,
} from '../accounts/loopback.ts';
import { LoginFailed } from '../accounts/oauth.ts';
import type { Provider } from '../providers/provider.ts';
import { keepLogin, tryLogin } from '../server/keep-login.ts';
import { shownAccount } from '../server/shown.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Host } from './host.ts';
import { GivenUp } from './input.ts';
import { version } from './version.ts';
import { withState, type StateFlags } from './with-state.ts';

export interface LoginFlags extends StateFlags {
  /** What to call the account. */
  readonly name?: string;
  /** The place to log in at, where the provider has several. */
  readonly at?: string;
  readonly device?: boolean;
  /** `false`: the browser is elsewhere, and what it shows is pasted here. */
  readonly browser?: boolean;
  /** The file to read; `true`: where the other program keeps it. */
  readonly import?: string | true;
  readonly tokenStdin?: boolean;
  /** `false`: a token is stored without being tried. */
  readonly check?: boolean;
}

/** `dragoman login PROVIDER` */
export function login(name: string, flags: LoginFlags, host: Host): Promise<number> {
  const work: Parameters<typeof withState>[2] = async (state, config, file) => {
    const { createGateway } = await host.gateway();
    const recorder = { record() {}, streamsOpen() {} };
    const gateway = createGateway({ config, version, recorder, metrics: () => '', state, env: host.env });
    try {
      const provider = gateway.provider(name);
      if (provider === undefined) {
        const names = config.providers.map((entry) => entry.name).join(', ');
        return await complain(host, `there is no provider ${name}; there are ${names}`, 1);
      }
      const offered = loginAt(provider.login, flags.at);
      if (offered === undefined && flags.at !== undefined)
        return await complain(host, strangePlace(provider, flags.at), 1);
      const way = wayOf(flags, host, offered);
      if (way === undefined) return await complain(host, refusal(provider, offered), 2);
      const gave = await ways[way](offered!, flags, host);
      if (way === 'token') await tryOut(provider, gave, flags, host);
      const { account, renewed } = await keepLogin(state, provider, gave, flags.name);
      const told = `${escapeControls(account.name)} at ${provider.name}`;
      await host.stdout.write(
        flags.json
          ? `${JSON.stringify(shownAccount(account, state))}\n`
          : `${renewed ? 'logged in anew' : 'logged in'}: ${told}\n`,
      );
      if (gave.notice !== undefined) await host.stderr.write(`note: ${escapeControls(gave.notice)}\n`);
      if (file === undefined)
        await host.stderr.write(
          'A gateway that runs without a configuration file may need a new start to see it.\n',
        );
      return 0;
    } catch (error) {
      if (error instanceof LoginFailed || error instanceof GivenUp)
        return await complain(host, error.message, 1);
      throw error;
    } finally {
      await gateway.stop({ drainMs: 0 });
    }
  };
  return withState(flags, host, work, [name]);
}

async function complain(host: Host, message: string, status: number): Promise<number> {
  await host.stderr.write(`error: ${escapeControls(message)}\n`);
  return status;
}

/** The way that was asked for, or the first that needs no flag; `undefined` when the provider does not offer it. */
function wayOf(flags: LoginFlags, { stdin }: Host, offered: Login = {}): LoginWay | undefined {
  const asked: LoginWay | undefined = flags.tokenStdin
    ? 'token'
    : flags.device
      ? 'device'
      : flags.import !== undefined
        ? 'import'
        : flags.browser === false
          ? 'oauth'
          : undefined;
  if (asked !== undefined) return offered[asked] && asked;
  if (offered.oauth) return 'oauth';
  if (offered.device) return 'device';
  // A token is only asked for where it can be typed without being shown.
  return offered.token && stdin.terminal ? 'token' : undefined;
}

function strangePlace({ name, login }: Provider, place: string): string {
  const known = Object.keys(login?.places ?? {});
  const others = known.length === 0 ? 'it has one place only' : `there are ${known.join(', ')}`;
  return `${name} has no place ${place} to log in at; ${others}`;
}

function refusal({ name }: Provider, login: Login = {}): string {
  const flags = [
    login.oauth && 'no flag or --no-browser',
    login.device && '--device',
    login.import && `--import ${login.import.where ? '[FILE]' : 'FILE'} (${login.import.what})`,
    login.token && `--token-stdin (${login.token.what})`,
  ].filter((flag) => flag !== undefined);
  return flags.length === 0
    ? `${name} has no accounts to log in to`
    : `${name} does not log in like that; use ${flags.join(', or ')}`;
}

const ways: Readonly<Record<LoginWay, (login: Login, flags: LoginFlags, host: Host) => Promise<LoggedIn>>> = {
  oauth: (login, flags, host) =>
    flags.browser === false ? byPaste(login.oauth!, host) : byBrowser(login.oauth!, host),

  async device(login, _flags, host) {
    const { url, completeUrl, userCode, finish } = await login.device!.begin();
    await host.stderr.write(
      `Open ${completeUrl ?? url} on any device and confirm the code\n\n  ${escapeControls(userCode)}\n\nWaiting …\n`,
    );
    return finish();
  },

  async import(login, flags, { cwd, env }) {
    const { what, where, read } = login.import!;
    const file = flags.import === true ? where?.(env) : flags.import;
    if (file === undefined) throw new LoginFailed(`say which file: --import FILE (${what})`);
    return read(readImport(resolve(cwd, file)));
  },

  async token(login, flags, { stdin }) {
    const { what, take } = login.token!;
    const typed = stdin.terminal
      ? await stdin.ask(`Paste ${what} (it is not shown): `, { hidden: true })
      : await stdin.text(tokenBytesMax);
    const token = typed.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new LoginFailed(
        token === '' ? `there was no ${what.replace(/^an? /, '')}` : `that is not ${what}`,
      );
    }
    return take(token);
  },
};

const tokenBytesMax = 16 * 1024;
const importBytesMax = 1024 * 1024;
const browserMs = 10 * 60_000;
/** Stands in an address to be pasted where any port would do; nobody listens there. */
const nobodysPort = 42_420;

/** Through the browser of this machine, which comes back by itself. */
async function byBrowser({ redirect, begin }: NonNullable<Login['oauth']>, host: Host): Promise<LoggedIn> {
  const receiver = await receive(redirect);
  try {
    const { url, finish } = await begin(receiver.redirectUri);
    const isOpened = await host.openBrowser(url);
    await host.stderr.write(
      `${isOpened ? 'Log in with the browser that opens. If none does, open' : 'Open'} on this machine\n\n  ${url}\n\nWaiting for the browser … (with a browser elsewhere: --no-browser)\n`,
    );
    return await finish(await soon(receiver.answer));
  } finally {
    receiver.close();
  }
}

/** Through a browser anywhere: what it ends with is pasted. */
async function byPaste(
  { redirect, pastedFrom, begin }: NonNullable<Login['oauth']>,
  { stdin, stderr }: Host,
): Promise<LoggedIn> {
  const { url, finish } = await begin(
    pastedFrom ?? redirectUri({ ...redirect, port: redirect.port || nobodysPort }),
  );
  await stderr.write(`Open this in any browser and log in:\n\n  ${url}\n\n`);
  if (pastedFrom === undefined)
    await stderr.write('It ends on a page that cannot be reached; its address is what is needed.\n');
  return finish(
    stdin.terminal ? await stdin.ask('Paste the address or the code: ') : await stdin.text(tokenBytesMax),
  );
}

async function receive(redirect: Redirect): Promise<LoopbackReceiver> {
  try {
    return await receiveOnLoopback(redirect);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    throw new LoginFailed(
      `the browser is to come back to port ${redirect.port}, which is in use: end what listens there, or use --no-browser`,
    );
  }
}

function soon(answer: Promise<string>): Promise<string> {
  return new Promise((done, failed) => {
    const late = () => failed(new LoginFailed('nobody came back from the browser in time'));
    const timer = setTimeout(late, browserMs);
    void answer.then((address) => {
      clearTimeout(timer);
      done(address);
    });
  });
}

function readImport(path: string): string {
  try {
    if (statSync(path).size > importBytesMax)
      throw new LoginFailed(`${path} is larger than ${importBytesMax} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof LoginFailed) throw error;
    const code = (error as { code?: string }).code;
    throw new LoginFailed(`${path}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`);
  }
}

async function tryOut(provider: Provider, gave: LoggedIn, flags: LoginFlags, host: Host): Promise<void> {
  if (flags.check === false) return;
  await host.stderr.write(`Asking ${provider.name} for its models with it …\n`);
  try {
    const count = await tryLogin(provider, gave);
    await host.stderr.write(`It is taken: ${count} ${count === 1 ? 'model' : 'models'}.\n`);
  } catch (error) {
    if (!(error instanceof LoginFailed)) throw error;
    throw new LoginFailed(`${error.message}. Nothing was stored; --no-check stores it untried`);
  }
}
