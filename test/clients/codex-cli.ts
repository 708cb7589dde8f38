import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { offline } from './attempt.ts';
import { codex } from './codex.ts';

/** One run of the official client, without what differs from run to run. */
export interface Run {
  readonly exit: number | string;
  /** The events that it printed. */
  readonly events: readonly unknown[];
  /** Everything else that it printed. */
  readonly words: string;
}

/** What the client is told of where it asks. */
export interface Place {
  readonly baseUrl: string;
  /** What it proves itself with: a key, or a login that it renews by itself. */
  readonly key?: string;
  readonly login?: { readonly file: unknown; readonly renewUrl: string; readonly sideUrl: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** How it reaches that place. */
  readonly transport: 'http' | 'websocket';
}

/** A home of the client, for the runs of one conversation. */
export interface Home extends Disposable {
  /** `prompt`: what is said; with `resumes` it goes on with the last conversation. */
  run(prompt: string, options?: { readonly resumes?: boolean; readonly settings?: Settings }): Promise<Run>;
}

export type Settings = Readonly<Record<string, string | number>>;

const runMsMax = 60_000;

/** Makes a home with a file `seen.txt` in its working folder, and in front of it a place that answers. */
export function openHome(place: Place, model: string, providerName: string): Home {
  const root = mkdtempSync(join(tmpdir(), 'dragoman-codex-'));
  const at = (name: string) => join(root, name);
  for (const name of ['user', 'tmp', 'home', 'work']) mkdirSync(at(name));
  writeFileSync(at('work/seen.txt'), 'seen\n');
  if (place.login) writeFileSync(at('home/auth.json'), JSON.stringify(place.login.file), { mode: 0o600 });
  const provider = {
    name: providerName,
    base_url: place.baseUrl,
    wire_api: 'responses',
    ...(place.login ? { requires_openai_auth: true } : { env_key: 'GW_KEY' }),
    supports_websockets: place.transport === 'websocket',
    request_max_retries: 0,
    stream_max_retries: 0,
  };
  const headers = Object.entries(place.headers ?? {}).map(([name, value]) => `"${name}"="${value}"`);
  const members = Object.entries(provider).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const settings: Settings = {
    model,
    model_provider: 'gw',
    'model_providers.gw': `{${[...members, `http_headers={${headers.join()}}`].join()}}`,
    'analytics.enabled': 'false',
    'features.plugins': 'false',
    'features.unbounded_connection_retries': 'false',
    web_search: 'disabled',
    ...(place.login && { chatgpt_base_url: place.login.sideUrl }),
  };
  return {
    async run(prompt, { resumes = false, settings: more = {} } = {}) {
      const child = Bun.spawn(
        [
          ...codex.program,
          'exec',
          ...(resumes ? ['resume', '--last'] : []),
          '--json',
          '--skip-git-repo-check',
          '--dangerously-bypass-approvals-and-sandbox',
          ...Object.entries({ ...settings, ...more }).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
          prompt,
        ],
        {
          cwd: at('work'),
          stdin: 'ignore',
          stdout: 'pipe',
          stderr: 'pipe',
          env: {
            PATH: process.env['PATH'],
            ...offline,
            HOME: at('user'),
            TMPDIR: at('tmp'),
            CODEX_HOME: at('home'),
            ...(place.key !== undefined && { GW_KEY: place.key }),
            ...(place.login && { CODEX_REFRESH_TOKEN_URL_OVERRIDE: place.login.renewUrl }),
          },
          timeout: runMsMax,
        },
      );
      const [out, err] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      const exit = await child.exited;
      const lines = same(out, root, place.baseUrl).split('\n');
      return {
        exit: child.signalCode ?? exit,
        events: lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown),
        words: [...lines.filter((line) => !line.startsWith('{')), same(err, root, place.baseUrl)].join('\n'),
      };
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Ids, times, folders and addresses are new in every run. */
const same = (text: string, root: string, baseUrl: string): string =>
  text
    .replaceAll(root, '/root')
    .replaceAll(baseUrl, 'http://place')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'an-id')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a-time');
