import { Draft, literal, type DraftProvider } from './draft.ts';
import { Source, type ImportNote } from './source.ts';
import { chatRoot, saysProtocol } from './vendors.ts';

/**
 * claude-code-router's `config.json`: providers, and an alias for each scenario of `Router`
 * (https://github.com/musistudio/claude-code-router, README). Scenarios themselves are not recognised here: the client
 * is told which alias to ask for.
 */
export function fromClaudeCodeRouter(value: unknown): Draft {
  const draft = new Draft();
  const source = new Source(value);
  const names = new Map<string, string>();
  for (const entry of source.objects(source.has('Providers') ? 'Providers' : 'providers')) {
    const wanted = entry.text('name') ?? 'provider';
    const provider = providerOf(draft, entry);
    if (provider !== undefined) names.set(wanted, draft.provider(wanted, provider));
    draft.notes.push(...entry.leftOver('has no counterpart here'));
  }
  router(draft, source.object('Router'), names);
  draft.listen(source.text('HOST'), source.number('PORT'), 'HOST');
  if (source.text('APIKEY') !== undefined)
    draft.note('APIKEY', 'callers get keys of their own: `dragoman keys create NAME`');
  if (source.text('PROXY_URL') !== undefined)
    draft.note('PROXY_URL', 'set HTTPS_PROXY in the environment of the gateway');
  source.take('API_TIMEOUT_MS');
  for (const name of ['LOG', 'LOG_LEVEL', 'CLAUDE_PATH', 'NON_INTERACTIVE_MODE']) source.take(name);
  draft.notes.push(...source.leftOver('has no counterpart here'));
  return draft;
}

function providerOf(draft: Draft, entry: Source): DraftProvider | undefined {
  const address = entry.text('api_base_url') ?? '';
  const key = keyText(entry.text('api_key'));
  const models = entry.texts('models');
  const used = transformers(entry);
  if (!URL.canParse(address)) {
    draft.note(entry.at('api_base_url'), 'is no address');
    return undefined;
  }
  const rest = { ...(key !== undefined && { api_key: key }), ...(models.length > 0 && { models }) };
  const url = new URL(address);
  const speaks = (word: string): boolean => used.some(({ name }) => name.toLowerCase() === word);
  const told = used.filter(({ name }) => !saysProtocol(name));
  for (const { path, name } of told)
    draft.note(
      path,
      `what ${name} changes of requests is not done here; the upstream's protocol is spoken as it is`,
    );
  if (speaks('anthropic') || url.pathname.endsWith('/v1/messages')) {
    return { type: 'anthropic', base_url: literal(address.replace(/\/v1\/messages\/?$/, '')), ...rest };
  }
  if (speaks('gemini') || url.hostname === 'generativelanguage.googleapis.com')
    return { type: 'google', ...rest };
  return { type: 'openai', base_url: literal(chatRoot(address)), protocols: ['openai-chat'], ...rest };
}

/** The transformers that a provider names, as `use: [name, [name, options]]`. */
function transformers(entry: Source): { name: string; path: ImportNote['path'] }[] {
  const listed = (entry.take('transformer') as { use?: unknown } | undefined)?.use;
  if (!Array.isArray(listed)) return [];
  return listed.map((each, i) => ({
    name: String(Array.isArray(each) ? each[0] : each),
    path: `${entry.at('transformer')}.use[${i}]`,
  }));
}

/** `"provider,model"` for each scenario; those that nothing recognises here can be asked for by name. */
function router(draft: Draft, scenarios: Source, names: ReadonlyMap<string, string>): void {
  scenarios.take('longContextThreshold');
  for (const scenario of scenarios.names()) {
    const path = scenarios.at(scenario);
    const [provider = '', ...model] = (scenarios.text(scenario) ?? '').split(',');
    const name = names.get(provider.trim());
    if (name === undefined || model.length === 0) {
      draft.note(path, 'names no provider of this file');
      continue;
    }
    draft.alias(scenario, `${name}/${model.join(',').trim()}`);
    if (scenario !== 'default')
      draft.note(path, `is an alias now: requests are not sorted by themselves, ask for ${scenario}`);
  }
}

/** `$NAME` and `${NAME}` are taken from the environment there. */
const keyText = (text: string | undefined): string | undefined => {
  const name = text && /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/.exec(text);
  return name ? `\${${name[1] ?? name[2]}}` : text && literal(text);
};
