import { existsSync } from 'node:fs';
import type { Config } from '../../config/schema.ts';
import { loadConfig } from '../../config/load.ts';
import { formatProblem } from '../../config/problem.ts';
import { secretsOf } from '../../config/secrets.ts';
import { memoryState, type State } from '../../server/state.ts';
import { escapeControls } from '../../telemetry/escape.ts';
import { redactor } from '../../telemetry/redact.ts';
import { secretTexts } from '../../accounts/account.ts';
import type { Host } from '../host.ts';
import { withLogins } from '../load.ts';
import { innerGateway } from '../reach.ts';
import { homeDirectory, openHostState, storeAddress } from '../state.ts';
import { checkAccounts } from './accounts.ts';
import { checkClients } from './clients.ts';
import type { Finding } from './finding.ts';
import { checkPort } from './port.ts';
import { checkSecrets } from './secrets.ts';
import { checkUpstreams, clockFindings, noteDates } from './upstreams.ts';

export interface DoctorFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** `dragoman doctor`: status 1 when something keeps the gateway from working. */
export async function doctor(flags: DoctorFlags, host: Host): Promise<number> {
  const { findings, secrets } = await examine(flags, host);
  const masks = redactor(secrets);
  const told = findings.map((finding) => ({
    ...finding,
    what: masks.redact(finding.what),
    ...(finding.cure === undefined ? {} : { cure: masks.redact(finding.cure) }),
  }));
  await host.stdout.write(flags.json ? `${JSON.stringify(told)}\n` : told.map(line).join(''));
  return findings.some(({ level }) => level === 'problem') ? 1 : 0;
}

const line = ({ level, check, what, cure }: Finding): string =>
  `${level.padEnd(8)} ${check.padEnd(13)} ${escapeControls(what)}\n${cure === undefined ? '' : `${' '.repeat(23)}→ ${escapeControls(cure)}\n`}`;

interface Examined {
  readonly findings: readonly Finding[];
  /** What must not be told. */
  readonly secrets: readonly string[];
}

async function examine(flags: DoctorFlags, host: Host): Promise<Examined> {
  const { providerSchemas } = await host.gateway();
  const loaded = loadConfig({
    kinds: providerSchemas,
    env: host.env,
    flags: { config: flags.config },
    cwd: host.cwd,
  });
  const start = [runtime()];
  if (!loaded.ok) {
    const cure = 'mend it; `dragoman config check` looks again';
    const problems = loaded.problems.map((problem): Finding => ({
      check: 'configuration',
      level: 'problem',
      what: formatProblem(problem),
      cure,
    }));
    return { findings: [...start, ...problems, ...checkSecrets(undefined, undefined, host)], secrets: [] };
  }
  const told = loaded.file ?? 'there is no file; the environment and the logins say it all';
  start.push({ check: 'configuration', level: 'ok', what: told });
  start.push(...checkSecrets(loaded.config, loaded.file, host));
  const { state, finding } = await openStored(loaded.config, host);
  start.push(finding);
  try {
    const config = withLogins(loaded, state.accounts, host, providerSchemas, { config: flags.config });
    return {
      findings: [...start, ...(await examineRunning(config, state, host))],
      secrets: [...secretsOf(config), ...state.accounts.list().flatMap(({ secret }) => secretTexts(secret))],
    };
  } finally {
    await state.close();
  }
}

async function examineRunning(config: Config, state: State, host: Host): Promise<Finding[]> {
  const dates = noteDates(fetch);
  const gateway = await innerGateway(config, state, host, { fetch: dates.fetch });
  try {
    const [port, upstreams] = await Promise.all([checkPort(config), checkUpstreams(config, gateway, state)]);
    const clients = await checkClients(config, gateway, state, host, port.isListening);
    return [
      ...port.findings,
      ...checkAccounts(state),
      ...upstreams,
      ...clockFindings([...dates.skewsMs(), ...port.skewsMs]),
      ...clients,
    ];
  } finally {
    await gateway.stop({ drainMs: 0 });
  }
}

const bunNeeded = [1, 4] as const;

function runtime(): Finding {
  const version = process.versions.bun ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isGood = major > bunNeeded[0] || (major === bunNeeded[0] && minor >= bunNeeded[1]);
  const what = `Bun ${version} on ${process.platform} ${process.arch}`;
  if (isGood) return { check: 'runtime', level: 'ok', what };
  const cure = `take Bun ${bunNeeded.join('.')} or newer: \`npm install\` in the checkout brings one`;
  return { check: 'runtime', level: 'problem', what, cure };
}

/** The store, if there is one yet: looking must not make one. */
async function openStored(config: Config, host: Host): Promise<{ state: State; finding: Finding }> {
  const address = storeAddress(config, host);
  const told = address.replace(/(:\/\/[^:@/]*:)[^@/]*@/, '$1***@');
  const path = address.startsWith('sqlite:') ? address.slice('sqlite:'.length) : undefined;
  if (path !== undefined && path !== ':memory:' && !existsSync(path)) {
    const what = `nothing is stored yet; it will be in ${told}`;
    return { state: memoryState(), finding: { check: 'store', level: 'note', what } };
  }
  try {
    const state = await openHostState(config, host);
    try {
      // It changes nothing, but asks for the right to.
      await state.store.run('UPDATE gateway_keys SET name = name WHERE 1 = 0');
    } catch (error) {
      const cure = `let this user write to it and to the folder ${homeDirectory(host)}`;
      const what = `${told} cannot be written to: ${(error as Error).message}`;
      return { state, finding: { check: 'store', level: 'problem', what, cure } };
    }
    return {
      state,
      finding: { check: 'store', level: 'ok', what: `${told} opens, is up to date and can be written to` },
    };
  } catch (error) {
    const what = `${told} cannot be opened: ${(error as Error).message}`;
    const cure =
      'mend `store` in the configuration, start its server, or give the DRAGOMAN_SECRET or vault.key that it was sealed with';
    return { state: memoryState(), finding: { check: 'store', level: 'problem', what, cure } };
  }
}
