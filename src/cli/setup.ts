import { trimSlashes } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import type { Gateway } from '../gateway.ts';
import { escapeControls } from '../telemetry/escape.ts';
import type { Client, OfferedModel, Pointing } from './clients/client.ts';
import { EditError } from './clients/format.ts';
import { clients } from './clients/index.ts';
import { readJournal, writeJournal, type Journal } from './clients/journal.ts';
import type { ClientName } from './clients/names.ts';
import { placesOf, standing } from './clients/places.ts';
import { hashOf, plan, write, type Plan } from './clients/plan.ts';
import type { Host } from './host.ts';
import { GivenUp } from './input.ts';
import { prove, Unproven } from './prove.ts';
import {
  chosenModel,
  firstOwn,
  innerGateway,
  listenerAt,
  NothingOffered,
  offeredAt,
  offeredBy,
  ownUrl,
} from './reach.ts';
import { shownSetup, tellSetup, shownDiff } from './setup-words.ts';
import { undoSetup } from './setup-undo.ts';
import { homeDirectory } from './state.ts';
import { withState, type HostState, type StateFlags } from './with-state.ts';

export interface SetupFlags extends StateFlags {
  /** Where the gateway is; as configured unless given. */
  readonly url?: string;
  readonly model?: string;
  readonly smallModel?: string;
  /** Writes without asking. */
  readonly yes?: boolean;
  readonly undo?: boolean;
  /** A new key even where the client has a good one. */
  readonly rotate?: boolean;
  /** A key that was made elsewhere is read from standard input. */
  readonly keyStdin?: boolean;
  /** `false`: no model is asked whether all of it works. */
  readonly check?: boolean;
}

/** Why a setup cannot be done, in words for the person. */
class SetupFailed extends Error {
  override readonly name = 'SetupFailed';
}

const keyBytesMax = 4 * 1024;

/** `dragoman setup CLIENT` */
export async function setup(name: ClientName, flags: SetupFlags, host: Host): Promise<number> {
  try {
    return await withState(flags, host, (state, config) =>
      flags.undo
        ? undoSetup(clients[name], flags, host, state)
        : setUp(clients[name], flags, host, state, config),
    );
  } catch (error) {
    const told = [SetupFailed, EditError, GivenUp, Unproven, NothingOffered];
    if (!told.some((kind) => error instanceof kind)) throw error;
    await host.stderr.write(`error: ${escapeControls((error as Error).message)}\n`);
    return 1;
  }
}

/** What a setup is about, found out before anything is made or written. */
interface Prepared {
  readonly pointing: Pointing;
  /** A gateway answers at the address; else one in this process stands for it. */
  readonly isLive: boolean;
  readonly inner: Gateway;
  readonly earlier: Journal | undefined;
  /** A key that the person brought, or the one of an earlier setup that is still good. */
  readonly key: { readonly secret: string; readonly journal: Journal['key'] } | undefined;
}

async function setUp(
  client: Client,
  flags: SetupFlags,
  host: Host,
  state: HostState,
  config: Config,
): Promise<number> {
  const inner = await innerGateway(config, state, host);
  try {
    const prepared = await prepare(client, flags, host, state, config, inner);
    const { earlier, pointing, key } = prepared;
    const plans = planned(client, { ...pointing, key: key?.secret ?? keyToCome }, host, earlier);
    const difference = shownDiff(plans);
    const isNew = difference !== '' || key === undefined;
    if (!flags.json && difference !== '') await host.stdout.write(difference);
    if (isNew && !(await isAgreed(client, flags, host))) {
      if (flags.json) await host.stdout.write(shownSetup(client, pointing, plans, undefined));
      return 1;
    }
    const journal = await carryOut(client, flags, host, state, prepared);
    if (flags.json) await host.stdout.write(shownSetup(client, pointing, plans, journal));
    else await tellSetup(client, host, { ...prepared, isNew, checked: flags.check !== false, journal });
    return 0;
  } finally {
    await inner.stop({ drainMs: 0 });
  }
}

async function prepare(
  client: Client,
  flags: SetupFlags,
  host: Host,
  state: HostState,
  config: Config,
  inner: Gateway,
): Promise<Prepared> {
  const url = trimSlashes(flags.url ?? ownUrl(config));
  const isLive = await isListening(url, config);
  const earlier = readJournal(homeDirectory(host), client.name);
  const brought = flags.keyStdin ? (await host.stdin.text(keyBytesMax)).trim() : undefined;
  if (brought !== undefined && !/^[\x21-\x7e]+$/.test(brought))
    throw new SetupFailed('there is no key on standard input');
  const models = brought !== undefined && isLive ? await offeredAt(url, brought) : await offeredBy(inner);
  const pointing: Pointing = {
    url,
    key: undefined,
    model: flags.model ?? kept(earlier?.model, models) ?? chosenModel(client, models),
    smallModel: flags.smallModel,
    models,
  };
  const had = flags.rotate ? undefined : keyInForce(client, pointing, host, state, earlier);
  const secret = brought ?? had;
  const key =
    secret === undefined ? undefined : { secret, journal: brought === undefined ? earlier?.key : undefined };
  return { pointing, isLive, inner, earlier, key };
}

/** The model of an earlier setup, as long as it is there. */
const kept = (model: string | undefined, models: readonly OfferedModel[]): string | undefined =>
  models.find(({ id }) => id === model)?.id;

/** Whether a gateway listens there; throws when it is something else, or when there has to be one. */
async function isListening(url: string, config: Config): Promise<boolean> {
  if (!/^https?:\/\/[^/\s]/.test(url)) throw new SetupFailed(`${url} is no address; write http://host:port`);
  const { kind } = await listenerAt(url);
  if (kind === 'stranger')
    throw new SetupFailed(`what listens at ${url} is no Dragoman; say where it is with --url`);
  if (kind === 'nobody' && url !== ownUrl(config))
    throw new SetupFailed(`nobody answers at ${url}; start the gateway there, or mend --url`);
  return kind === 'gateway';
}

/** The key that an earlier setup has given the client, if it still has it and it is good. */
function keyInForce(
  client: Client,
  pointing: Pointing,
  host: Host,
  { keys }: HostState,
  earlier: Journal | undefined,
): string | undefined {
  const shown = earlier?.key && standing(client.settings(pointing, placesOf(host)), 'key');
  const checked = shown === undefined ? undefined : keys?.check(shown);
  return checked?.ok && checked.key.id === earlier?.key?.id ? shown : undefined;
}

/** What stands in a plan for a key that is not made yet. */
const keyToCome = 'drg_(new)';

const planned = (client: Client, to: Pointing, host: Host, earlier: Journal | undefined): Plan[] =>
  client.settings(to, placesOf(host)).map((file) =>
    plan(
      file,
      earlier?.files.find(({ path }) => path === file.path),
    ),
  );

async function isAgreed(client: Client, flags: SetupFlags, { stdin, stderr }: Host): Promise<boolean> {
  if (flags.yes) return true;
  if (!stdin.terminal || flags.json) {
    await stderr.write('Nothing was written; --yes writes it.\n');
    return false;
  }
  const answer = await stdin.ask(`Set up ${client.title} like that? [Y/n] `);
  if (/^(?:y(?:es)?)?$/i.test(answer.trim())) return true;
  await stderr.write('Nothing was written.\n');
  return false;
}

/** Makes the key, tries it, writes the files. A key that does not work is taken back, and nothing is written. */
async function carryOut(
  client: Client,
  flags: SetupFlags,
  host: Host,
  state: HostState,
  { pointing, isLive, inner, earlier, key: known }: Prepared,
): Promise<Journal> {
  const made = known === undefined ? await state.keys!.create({ name: client.name }) : undefined;
  const secret = known?.secret ?? made!.secret;
  const keyOf = made === undefined ? known?.journal : { id: made.key.id, prefix: made.key.prefix };
  try {
    const { url, model } = pointing;
    const asked = model ?? firstOwn(client, pointing.models)!;
    if (flags.check !== false) await prove(client, asked, secret, url, isLive ? fetch : inner.fetch);
    const plans = planned(client, { ...pointing, key: secret }, host, earlier);
    const journal: Journal = { client: client.name, url, model, key: keyOf, files: plans.map(left) };
    // First what undoes it, then what is to be undone.
    writeJournal(homeDirectory(host), client.name, journal);
    for (const { path, now, after } of plans)
      if (now?.text !== after.text || now.mode !== after.mode) write(path, after);
    if (earlier?.key !== undefined && earlier.key.id !== keyOf?.id) await state.keys!.revoke(earlier.key.id);
    return journal;
  } catch (error) {
    if (made !== undefined) await state.keys!.revoke(made.key.id);
    if (error instanceof Unproven && error.status === 401 && isLive)
      throw new SetupFailed(
        `the gateway at ${pointing.url} does not know the key: it keeps its state elsewhere than ${homeDirectory(host)}. Run this with its DRAGOMAN_HOME and configuration, or bring a key of its own with --key-stdin`,
      );
    throw error;
  }
}

const left = ({ path, before, after, folders, settings }: Plan): Journal['files'][number] => ({
  path,
  before: before && { bytes: Buffer.from(before.text).toString('base64'), mode: before.mode },
  folders: [...folders],
  hash: hashOf(after.text),
  settings: settings.map(({ path: at, value }) => ({ path: [...at], hash: hashOf(value) })),
});
