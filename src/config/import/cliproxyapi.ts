import { accountName, Draft, literal, type DraftAccount, type DraftProvider } from './draft.ts';
import { Source } from './source.ts';

/** Lists of API keys by their key in the file; every other `…-api-key` is of a server that speaks Responses. */
const kinds: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  'gemini-api-key': { name: 'gemini', type: 'google' },
  'claude-api-key': { name: 'claude', type: 'anthropic' },
};
const unsupported = new Set(['vertex-api-key', 'interactions-api-key']);

/** CLIProxyAPI's `config.yaml`: its lists of API keys and its compatible servers (`config.example.yaml` there). */
export function fromCliProxyApi(value: unknown): Draft {
  const draft = new Draft();
  const source = new Source(value);
  for (const list of source.names().filter((name) => name.endsWith('-api-key'))) keyList(draft, source, list);
  for (const entry of source.objects('openai-compatibility')) compatible(draft, entry);
  draft.listen(source.text('host') ?? '127.0.0.1', source.number('port'), 'host');
  const routing = source.object('routing');
  strategy(draft, routing);
  if (source.texts('api-keys').length > 0)
    draft.note('api-keys', 'callers get keys of their own: `dragoman keys create NAME`');
  if (source.text('auth-dir') !== undefined)
    draft.note('auth-dir', 'log in here again, or import a login: `dragoman login PROVIDER --import FILE`');
  if (source.text('proxy-url') !== undefined)
    draft.note('proxy-url', 'set HTTPS_PROXY in the environment of the gateway');
  for (const name of ['debug', 'logging-to-file', 'usage-statistics-enabled', 'request-log'])
    source.take(name);
  draft.notes.push(
    ...routing.leftOver('has no counterpart here'),
    ...source.leftOver('has no counterpart here'),
  );
  return draft;
}

/** Entries of one address are accounts of one provider. */
function keyList(draft: Draft, source: Source, list: string): void {
  const entries = source.objects(list);
  const { name, type } = kinds[list] ?? { name: list.replace(/-api-key$/, ''), type: 'openai' };
  if (unsupported.has(list)) {
    if (entries.length > 0) draft.note(list, 'is no kind of upstream that can be imported: add it by hand');
    return;
  }
  const byAddress = new Map<string, Source[]>();
  for (const entry of entries) {
    const base = entry.text('base-url') ?? '';
    byAddress.set(base, [...(byAddress.get(base) ?? []), entry]);
  }
  for (const [base, group] of byAddress) {
    if (type === 'openai' && base === '') {
      draft.note(list, 'has entries without a base-url: add them by hand');
      continue;
    }
    const protocols = type === 'openai' ? { protocols: ['openai-responses'] } : {};
    const provider = {
      type,
      ...(base !== '' && { base_url: literal(base) }),
      ...protocols,
      ...headersOf(draft, group),
    };
    add(draft, name, provider, group, group);
  }
}

function compatible(draft: Draft, entry: Source): void {
  if (entry.take('disabled') === true) {
    draft.note(entry.path, 'is switched off there, and left out');
    return;
  }
  const name = entry.text('name') ?? 'compatible';
  const base_url = literal(entry.text('base-url') ?? '');
  const keys = entry.objects('api-key-entries');
  const provider = { type: 'openai', base_url, protocols: ['openai-chat'], ...headersOf(draft, [entry]) };
  add(draft, name, provider, keys, [entry]);
}

/** A provider with the accounts of `keys` and the models of `owners`. */
function add(
  draft: Draft,
  wanted: string,
  provider: DraftProvider,
  keys: readonly Source[],
  owners: readonly Source[],
): void {
  const accounts = accountsOf(keys);
  const [only] = accounts;
  const listed = owners.flatMap((owner) => owner.objects('models'));
  const models = listed.map((model) => ({ name: model.text('name') ?? '', alias: model.text('alias') }));
  const ids = [...new Set(models.map(({ name }) => name).filter((name) => name !== ''))];
  const name = draft.provider(wanted, {
    ...provider,
    ...(accounts.length === 1 && only && { api_key: only.api_key }),
    ...(accounts.length > 1 && { accounts }),
    ...(ids.length > 0 && { models: ids }),
  });
  for (const { name: model, alias } of models) {
    if (alias !== undefined && model !== '' && alias !== model) draft.alias(alias, `${name}/${model}`);
  }
  for (const part of new Set([...keys, ...owners])) {
    if (part.text('prefix') !== undefined)
      draft.note(part.at('prefix'), `models are asked for as ${name}/MODEL`);
    draft.notes.push(...part.leftOver('has no counterpart here'));
  }
  for (const model of listed) draft.notes.push(...model.leftOver('is known from the catalog of models'));
}

/** There the highest priority goes first, here the lowest. */
function accountsOf(keys: readonly Source[]): DraftAccount[] {
  const read = keys.map((key) => ({
    api_key: key.text('api-key'),
    weight: key.number('weight'),
    priority: key.number('priority') ?? 0,
  }));
  const order = [...new Set(read.map(({ priority }) => priority))].toSorted((a, b) => b - a);
  return read.flatMap(({ api_key, weight, priority }, i) => {
    if (api_key === undefined) return [];
    const rank = order.indexOf(priority);
    const own = { name: accountName(i), api_key: literal(api_key) };
    const share = weight !== undefined && weight >= 1 ? { weight: Math.min(1000, Math.round(weight)) } : {};
    return [{ ...own, ...share, ...(rank > 0 && { priority: rank }) }];
  });
}

/** Fixed headers, of all entries of one address together; `$X` copies one of the client's, which is not done here. */
function headersOf(draft: Draft, entries: readonly Source[]): { headers?: Record<string, string> } {
  const headers: Record<string, string> = {};
  for (const entry of entries) {
    const own = entry.object('headers');
    for (const name of own.names()) {
      const value = own.text(name);
      if (value?.startsWith('$'))
        draft.note(own.at(name), 'no header of a client goes to an upstream as it came');
      else if (value !== undefined) headers[name] = literal(value);
    }
  }
  return Object.keys(headers).length === 0 ? {} : { headers };
}

const strategies: Readonly<Record<string, string>> = {
  'round-robin': 'round-robin',
  'weighted-round-robin': 'round-robin',
  'fill-first': 'fill-first',
};

function strategy(draft: Draft, routing: Source): void {
  const wanted = routing.text('strategy');
  const keepsSessions = routing.take('session-affinity') === true;
  routing.take('session-affinity-ttl');
  const own = keepsSessions ? 'balance' : wanted && strategies[wanted];
  if (own !== undefined && own !== '') draft.strategy(own);
  else if (wanted !== undefined) draft.note('routing.strategy', `${wanted} is none of the strategies here`);
}
