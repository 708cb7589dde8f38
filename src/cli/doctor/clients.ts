import type { Config } from '../../config/schema.ts';
import type { Gateway } from '../../gateway.ts';
import type { State } from '../../server/state.ts';
import type { Client, OfferedModel } from '../clients/client.ts';
import { clients } from '../clients/index.ts';
import { readJournal } from '../clients/journal.ts';
import { placesOf, standing } from '../clients/places.ts';
import type { Host } from '../host.ts';
import { offeredBy, ownUrl } from '../reach.ts';
import { homeDirectory } from '../state.ts';
import type { Finding } from './finding.ts';

/** Whether the clients of this machine are pointed here, with a key and a model that are good. */
export async function checkClients(
  config: Config,
  gateway: Gateway,
  state: State,
  host: Host,
  isListening: boolean,
): Promise<Finding[]> {
  const models = await offeredBy(gateway);
  return Object.values(clients).map((client) =>
    checkClient(client, ownUrl(config), models, state, host, isListening),
  );
}

function checkClient(
  client: Client,
  url: string,
  models: readonly OfferedModel[],
  { keys }: State,
  host: Host,
  isListening: boolean,
): Finding {
  const { title, name } = client;
  const nowhere = { url, key: undefined, model: models[0]?.id ?? '', models: [] };
  const files = client.settings(nowhere, placesOf(host));
  const pointed = standing(files, 'url');
  const earlier = readJournal(homeDirectory(host), name);
  const command = `dragoman setup ${name}`;
  const again = `\`${command}\``;
  const problem = (what: string, cure: string): Finding => ({
    check: 'clients',
    level: 'problem',
    what,
    cure,
  });
  if (pointed === undefined || !sameOrigin(pointed, url)) {
    if (earlier?.url === url)
      return {
        check: 'clients',
        level: 'note',
        what: `${title} was set up and is pointed elsewhere now${pointed === undefined ? '' : `: ${URL.parse(pointed)?.origin ?? 'no address'}`}`,
        cure: `${again} points it here again, --undo forgets it`,
      };
    return { check: 'clients', level: 'ok', what: `${title} is not pointed here` };
  }
  const stronger = client.stronger.filter((variable) => host.env[variable]);
  const shown = standing(files, 'key');
  if (keys?.required) {
    const checked = shown === undefined ? undefined : keys.check(shown);
    if (!checked?.ok)
      return problem(`${title} is pointed here with a key that is ${checked?.why ?? 'missing'}`, again);
    if (checked.key.role !== 'client') return problem(`${title} is pointed here with an admin key`, again);
  }
  const model = standing(files, 'model')?.replace(/^dragoman\/(?=.+\/)/, '');
  if (
    model !== undefined &&
    models.length > 0 &&
    !models.some(({ id }) => id === model || id.endsWith(`/${model}`))
  )
    return problem(
      `${title} asks for ${model}, which nobody offers`,
      `\`${command} --model ${models[0]!.id}\``,
    );
  if (!isListening) return problem(`${title} is pointed here, and nothing listens`, '`dragoman serve`');
  if (stronger.length > 0)
    return {
      check: 'clients',
      level: 'note',
      what: `${title} is pointed here, but ${stronger.join(', ')} in this shell may go before its settings`,
      cure: `take ${stronger.join(', ')} out of the shell’s start files`,
    };
  return {
    check: 'clients',
    level: 'ok',
    what: `${title} is pointed here${model === undefined ? '' : ` and asks for ${model}`}`,
  };
}

function sameOrigin(one: string, other: string): boolean {
  const [a, b] = [URL.parse(one), URL.parse(other)];
  const name = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);
  return a !== null && b !== null && name(a.hostname) === name(b.hostname) && a.port === b.port;
}
