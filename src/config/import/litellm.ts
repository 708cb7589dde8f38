import { Draft, literal, type DraftProvider } from './draft.ts';
import { Source } from './source.ts';
import { chatRoot, vendorAt } from './vendors.ts';

/** Deployments of one vendor at one place with one key are one provider. */
interface Group {
  readonly word: string;
  readonly provider: DraftProvider;
  readonly models: Set<string>;
  readonly deployments: { readonly alias: string; readonly model: string }[];
}

/**
 * LiteLLM's `config.yaml`: each deployment of `model_list` becomes a model of a provider, each `model_name` an alias
 * of its deployments, and fallbacks are further targets (https://docs.litellm.ai/docs/proxy/configs).
 */
export function fromLitellm(value: unknown): Draft {
  const draft = new Draft();
  const source = new Source(value);
  const groups = new Map<string, Group>();
  for (const entry of source.objects('model_list')) deployment(draft, groups, entry);
  for (const { word, provider, models, deployments } of groups.values()) {
    const wildcard = models.has('*');
    const name = draft.provider(word, wildcard ? provider : { ...provider, models: [...models] });
    for (const { alias, model } of deployments) if (model !== '*') draft.alias(alias, `${name}/${model}`);
  }
  const router = source.object('router_settings');
  const settings = source.object('litellm_settings');
  for (const section of [router, settings]) fallbacks(draft, section);
  strategy(draft, router);
  for (const [alias, stands] of Object.entries(
    (router.take('model_group_alias') as object | undefined) ?? {},
  )) {
    for (const target of typeof stands === 'string' ? draft.targets(stands) : []) draft.alias(alias, target);
  }
  const general = source.object('general_settings');
  if (general.text('master_key') !== undefined)
    draft.note(general.at('master_key'), 'callers get keys of their own: `dragoman keys create NAME`');
  if (general.text('database_url') !== undefined)
    draft.note(general.at('database_url'), 'the schema is another: set `store` to a database of its own');
  for (const part of [router, settings, general, source]) {
    draft.notes.push(...part.leftOver('has no counterpart here'));
  }
  return draft;
}

function deployment(draft: Draft, groups: Map<string, Group>, entry: Source): void {
  const alias = entry.text('model_name') ?? '';
  const params = entry.object('litellm_params');
  const target = params.text('model') ?? '';
  const slash = target.indexOf('/');
  const word = params.text('custom_llm_provider') ?? (slash < 0 ? 'openai' : target.slice(0, slash));
  const model = target.slice(slash + 1);
  const base = params.text('api_base') ?? params.text('base_url');
  const key = keyText(params.text('api_key'));
  const vendor = vendorAt(word);
  if (vendor === undefined || alias === '' || model === '') {
    draft.note(entry.path, `${word || 'this'} is no kind of upstream that can be imported: add it by hand`);
    return;
  }
  const provider = placed(draft, vendor, base, key, params);
  const id = JSON.stringify(provider);
  const group = groups.get(id) ?? { word, provider, models: new Set(), deployments: [] };
  groups.set(id, group);
  group.models.add(model);
  group.deployments.push({ alias, model });
  entry.take('model_info');
  draft.notes.push(
    ...params.leftOver('has no counterpart here; limits belong to gateway keys, timeouts to `server`'),
    ...entry.leftOver('has no counterpart here'),
  );
}

function placed(
  draft: Draft,
  vendor: DraftProvider,
  base: string | undefined,
  api_key: string | undefined,
  params: Source,
): DraftProvider {
  const key = api_key === undefined ? {} : { api_key };
  const headers = params.take('extra_headers');
  const extra = typeof headers === 'object' && headers !== null ? { headers: textsOf(headers) } : {};
  if (base === undefined) return { ...vendor, ...key, ...extra };
  if (variable.test(base)) {
    draft.note(params.at('api_base'), 'an address from the environment is checked once it is set');
    return { ...vendor, base_url: keyText(base), protocols: ['openai-chat'], ...key, ...extra };
  }
  if (!URL.canParse(base)) {
    draft.note(params.at('api_base'), 'is no address');
    return { ...vendor, ...key, ...extra };
  }
  if (vendor.type !== 'openai')
    return { ...vendor, base_url: literal(base.replace(/\/v1\/?$/, '')), ...key, ...extra };
  // Whoever gives an address means a compatible server, which may know Chat Completions only.
  return { type: 'openai', base_url: literal(chatRoot(base)), protocols: ['openai-chat'], ...key, ...extra };
}

const textsOf = (headers: object): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, literal(String(value))]));

/** `os.environ/NAME` is `${NAME}` here. */
const variable = /^os\.environ\/([A-Za-z_]\w*)$/;
function keyText(text: string | undefined): string | undefined {
  const name = text && variable.exec(text)?.[1];
  return name ? `\${${name}}` : text && literal(text);
}

/** `fallbacks: [{alias: [other, …]}]` in either of the two sections that may hold it. */
function fallbacks(draft: Draft, section: Source): void {
  const listed = section.take('fallbacks');
  if (!Array.isArray(listed)) return;
  for (const [alias, others] of listed.flatMap((each: object) => Object.entries(each ?? {}))) {
    if (!Array.isArray(others)) continue;
    for (const other of others) {
      const targets = draft.targets(String(other));
      if (targets.length === 0)
        draft.note(`${section.at('fallbacks')}.${alias}`, `${String(other)} is no model of this file`);
      for (const target of targets) draft.alias(alias, target);
    }
  }
}

const strategies: Readonly<Record<string, string>> = {
  'simple-shuffle': 'balance',
  'least-busy': 'least-loaded',
};

function strategy(draft: Draft, router: Source): void {
  const wanted = router.text('routing_strategy');
  if (wanted === undefined) return;
  const own = strategies[wanted];
  if (own === undefined)
    draft.note(router.at('routing_strategy'), `${wanted} is none of the strategies here; balance is taken`);
  else draft.strategy(own);
}
