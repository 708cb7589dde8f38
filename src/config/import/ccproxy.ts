import { Draft } from './draft.ts';
import { Source } from './source.ts';

/**
 * ccproxy's TOML (ccproxy-api): where it listens, and a provider for each plugin that is a kind of upstream here. Its
 * logins are files of other programs, so that what is left to do is to log in.
 */
export function fromCcproxy(value: unknown, kinds: readonly string[]): Draft {
  const draft = new Draft();
  const source = new Source(value);
  const server = source.object('server');
  draft.listen(server.text('host'), server.number('port'), server.at('host'));
  const security = source.object('security');
  if (security.text('auth_token') !== undefined)
    draft.note(security.at('auth_token'), 'callers get keys of their own: `dragoman keys create NAME`');
  const plugins = source.object('plugins');
  for (const name of plugins.names()) plugin(draft, name, plugins.object(name), kinds);
  source.take('logging');
  for (const part of [server, security, source])
    draft.notes.push(...part.leftOver('has no counterpart here'));
  return draft;
}

function plugin(draft: Draft, name: string, settings: Source, kinds: readonly string[]): void {
  if (settings.take('enabled') === false) return;
  if (!kinds.includes(name)) {
    draft.note(settings.path, 'is no kind of upstream here; where it has an API key, add that by hand');
    return;
  }
  const own = draft.provider(name, { type: name });
  draft.note(settings.path, `log in: \`dragoman login ${own}\``);
  draft.notes.push(...settings.leftOver('is set otherwise here: see the provider’s page'));
}
