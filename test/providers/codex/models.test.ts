/** Which models there are, what is told of them to whom, and how requests are held to what the live catalog says. */
import { describe, expect, setSystemTime } from 'bun:test';
import { abilitiesIn } from '../../../src/providers/codex/catalogs.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import { readCatalog } from '../../../src/providers/codex/models.ts';
import { failure, quotaHeaders } from './backend/backend.ts';
import { accountId } from './backend/tokens.ts';
import { post, says, startBench, type Bench, test } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

type Json = Record<string, unknown>;
const list = async ({ url }: Bench, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url + path, { headers });
  return { headers: response.headers, body: (await response.json()) as { data: Json[]; models?: Json[] } };
};

describe('models', () => {
  test('come with their limits; entries without a name are passed over', () => {
    const body = {
      models: [{ slug: 'a', context_window: 9, supported_reasoning_levels: [{ effort: 'low' }] }, {}, 1],
    };
    expect(readCatalog(body)).toMatchObject([{ info: { id: 'a', inputTokensMax: 9, efforts: ['low'] } }]);
    expect(readCatalog({ data: [] })).toEqual([]);
  });

  test('are discovered live, with the limits in the list', async () => {
    await using bench = await startBench();
    const response = await fetch(`${bench.url}/v1/models`);
    const { data } = (await response.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['codex/gpt-5.5', 'codex/gpt-6.1-sol']);
    const { models } = await bench.gateway.models();
    expect(models[0]).toMatchObject({ inputTokensMax: 272_000 });
  });

  test('whose replies have one length only do not get asked for another', async () => {
    await using bench = await startBench();
    await fetch(`${bench.url}/v1/models`);
    for (const model of ['codex/gpt-5.5', 'codex/gpt-6.1-sol'])
      await post(bench, '/v1/responses', { model, input: 'hi', text: { verbosity: 'low' } });
    expect(bench.backend.asked.map(({ body }) => body.text)).toEqual([{ verbosity: 'low' }, undefined]);
    expect(bench.records.at(-1)!.notes).toContainEqual(expect.objectContaining({ path: 'text.verbosity' }));
  });

  test('have the efforts that the catalog says', async () => {
    await using bench = await startBench();
    await fetch(`${bench.url}/v1/models`);
    const messages = [{ role: 'user', content: 'hi' }];
    await post(bench, '/v1/chat/completions', { messages, reasoning_effort: 'xhigh' });
    expect(bench.backend.asked[0]!.body.reasoning).toMatchObject({ effort: 'high' });
  });

  test('tell their limits to whoever asks in OpenAI’s or Anthropic’s form', async () => {
    await using bench = await startBench();
    const { body } = await list(bench, '/v1/models');
    expect(body.data[0]).toMatchObject({ id: 'codex/gpt-5.5', max_input_tokens: 272_000 });
    const one = await fetch(`${bench.url}/v1/models/codex/gpt-5.5`);
    expect(await one.json()).toMatchObject({ id: 'codex/gpt-5.5', max_input_tokens: 272_000 });
    const other = await list(bench, '/v1/models', { 'anthropic-version': '2023-06-01' });
    expect(other.body.data[0]).toMatchObject({ id: 'codex/gpt-5.5', max_input_tokens: 272_000 });
  });

  test('are listed as before, with a note, while the backend cannot be asked', async () => {
    await using bench = await startBench();
    await list(bench, '/codex/v1/models');
    bench.backend.tokens.clear();
    try {
      setSystemTime(Date.now() + 10 * 60_000);
      const { headers, body } = await list(bench, '/codex/v1/models');
      expect(body.data).toHaveLength(2);
      expect(headers.get('dragoman-notes')).toBe('unreachable: codex');
      expect(bench.backend.modelQueries).toHaveLength(2);
    } finally {
      setSystemTime();
    }
  });

  test('change without a new start', async () => {
    await using bench = await startBench();
    await list(bench, '/codex/v1/models');
    bench.backend.models.push({ ...bench.backend.models[0], slug: 'gpt-7' });
    try {
      setSystemTime(Date.now() + 10 * 60_000);
      expect((await list(bench, '/codex/v1/models')).body.data.map(({ id }) => id)).toContain('gpt-7');
    } finally {
      setSystemTime();
    }
  });

  test('are not asked for where discovery is off; names go up as they are', async () => {
    await using bench = await startBench({ provider: { discovery: false } });
    expect((await list(bench, '/codex/v1/models')).body.data).toEqual([]);
    expect((await post(bench, '/v1/responses', { input: 'hi' })).status).toBe(200);
    expect(bench.backend.modelQueries).toEqual([]);
    expect(codex.configSchema.safeParse({ name: 'c', type: 'codex', discovery: 'no' }).success).toBeFalse();
  });

  test('that are unknown are a clear 404 in every protocol, in the backend’s words', async () => {
    await using bench = await startBench();
    const asked: [string, Json][] = [
      ['/v1/responses', { input: 'hi' }],
      ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/messages', { messages: [{ role: 'user', content: 'hi' }], max_tokens: 9 }],
    ];
    for (const [path, body] of asked) {
      const response = await post(bench, path, { model: 'codex/gpt-0', ...body });
      expect([path, response.status]).toEqual([path, 404]);
      expect(await response.text()).toMatch(/'gpt-0' model is not supported/);
    }
    const error = { code: 'model_not_found', message: 'The model gpt-5.5 does not exist' };
    bench.backend.answers.push(Response.json({ error }, { status: 400 }));
    const own = await post(bench, '/v1/responses', { input: 'hi' });
    expect([own.status, ((await own.json()) as { error: Json }).error.code]).toEqual([
      404,
      'model_not_found',
    ]);
  });
});

describe('a request is held to what the live catalog says of its model', () => {
  const plain = {
    supported_reasoning_levels: [{ effort: 'low' }, { effort: 'medium' }],
    supports_parallel_tool_calls: false,
    supports_search_tool: false,
    input_modalities: ['text'],
    support_verbosity: false,
    service_tiers: [{ id: 'flex' }],
  };
  async function plainBench(more: Json = plain, provider: Json = {}): Promise<Bench> {
    const bench = await startBench({ provider });
    bench.backend.models[0] = { ...bench.backend.models[0], ...more };
    await list(bench, '/codex/v1/models');
    return bench;
  }
  const sent = async (bench: Bench, body: Json) => {
    const response = await post(bench, '/v1/responses', { instructions: 'Be brief.', input: 'hi', ...body });
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    return { body: bench.backend.asked.at(-1)!.body, notes: bench.records.at(-1)!.notes };
  };

  test('also without anybody having asked for a list', async () => {
    await using bench = await startBench();
    bench.backend.models[0] = { ...bench.backend.models[0], ...plain };
    await post(bench, '/v1/responses', { input: 'hi' });
    await eventually(() => bench.backend.modelQueries.length > 0);
    await Bun.sleep(50);
    const { notes } = await sent(bench, { service_tier: 'priority' });
    expect(notes.map(({ path }) => path)).toEqual(['service_tier']);
    expect(bench.backend.modelQueries).toHaveLength(1);
  });

  test('an effort that it lacks becomes the nearest that it has', async () => {
    await using bench = await plainBench();
    const { body, notes } = await sent(bench, { reasoning: { effort: 'xhigh', summary: 'auto' } });
    expect(body.reasoning).toEqual({ summary: 'auto', effort: 'medium' });
    expect(notes).toMatchObject([{ path: 'reasoning.effort', action: 'repaired' }]);
    expect((await sent(bench, { reasoning: { effort: 'low' } })).notes).toEqual([]);
  });

  test('a model that does not reason is not told how', async () => {
    await using bench = await plainBench({ supported_reasoning_levels: [] });
    const { body, notes } = await sent(bench, { reasoning: { effort: 'high' } });
    expect(body.reasoning).toBeUndefined();
    expect(notes).toMatchObject([{ path: 'reasoning', action: 'dropped' }]);
  });

  test('tools are called one at a time, and not looked for, where it cannot', async () => {
    await using bench = await plainBench();
    const f = { type: 'function', name: 'f', parameters: {}, strict: false };
    const { body, notes } = await sent(bench, {
      tools: [{ type: 'tool_search', execution: 'client' }, f],
      parallel_tool_calls: true,
    });
    expect(body).toMatchObject({ parallel_tool_calls: false, tools: [f] });
    expect(notes.map(({ path }) => path)).toEqual(['parallel_tool_calls', 'tools[0]']);
  });

  test('what it cannot read is refused by its place', async () => {
    await using bench = await plainBench();
    const image = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' };
    const response = await post(bench, '/v1/responses', {
      input: [says('hi'), { role: 'user', content: [{ type: 'input_text', text: 'see' }, image] }],
    });
    const { error } = (await response.json()) as { error: Json };
    expect([response.status, error.param]).toEqual([400, 'input[1].content[1]']);
    expect(error.message).toBe('the model gpt-5.5 reads no image');
    expect(bench.backend.asked).toEqual([]);
  });

  test('replies are as long as the configuration says, unless the caller does or the model cannot', async () => {
    await using bench = await plainBench({}, { verbosity: 'low' });
    expect((await sent(bench, {})).body.text).toEqual({ verbosity: 'low' });
    expect((await sent(bench, { text: { verbosity: 'high' } })).body.text).toEqual({ verbosity: 'high' });
    const text = { format: { type: 'json_object' } };
    expect((await sent(bench, { text })).body.text).toEqual({ ...text, verbosity: 'low' });
    await using fixed = await plainBench(plain, { verbosity: 'low' });
    const { body, notes } = await sent(fixed, {});
    expect([body.text, notes]).toEqual([undefined, []]);
  });
});

describe('accounts', () => {
  const [one, two] = [accountId, '22222222-2222-4333-8444-555555555555'];
  const plain = {
    supported_reasoning_levels: [],
    service_tiers: [{ id: 'flex' }],
    input_modalities: ['text'],
  };
  const wish = { reasoning: { effort: 'high' }, service_tier: 'priority' };
  const image = { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' };

  /** The second is offered less than the first, which has been asked. */
  async function twoAccounts(plans: readonly string[]): Promise<Bench> {
    const bench = await startBench({ accounts: [one, two], plans });
    bench.backend.modelsOf.set(two, [{ ...bench.backend.models[0], ...plain }]);
    await list(bench, '/codex/v1/models');
    return bench;
  }
  const limit = () => failure(429, { type: 'usage_limit_reached', message: 'no' }, quotaHeaders(100));
  async function send(bench: Bench, body: Json) {
    const response = await post(bench, '/v1/responses', { input: 'hi', instructions: 'Be brief.', ...body });
    const { account, body: sent } = bench.backend.asked.at(-1)!;
    const notes = bench.records.at(-1)!.notes.map(({ path }) => path);
    return { status: response.status, account, sent, notes };
  }

  test('of different plans are each held to what they are offered', async () => {
    await using bench = await twoAccounts(['pro', 'free']);
    const { backend } = bench;
    backend.answers.push(limit());
    // Nobody has asked for the second one's list; until its first turn has, the backend judges.
    expect(await send(bench, wish)).toMatchObject({ status: 200, account: two, sent: wish, notes: [] });
    for (let tries = 0; tries < 100 && backend.modelQueries.length < 2; tries++) await Bun.sleep(10);
    await Bun.sleep(50);
    const second = await send(bench, wish);
    expect(second).toMatchObject({ status: 200, account: two, notes: ['service_tier', 'reasoning'] });
    expect([second.sent.reasoning, second.sent.service_tier]).toEqual([undefined, undefined]);
    const chat = { messages: [{ role: 'user', content: 'hi' }], reasoning_effort: 'high' };
    expect((await post(bench, '/v1/chat/completions', chat)).status).toBe(200);
    expect(backend.asked.at(-1)!.body.reasoning).toBeUndefined();

    bench.state.health.clear(bench.state.accounts.list()[0]!.id);
    // Another conversation, because one stays with the account that has served it.
    const first = await send(bench, { ...wish, input: 'ho' });
    expect(first).toMatchObject({ status: 200, account: one, sent: wish, notes: [] });
    const seen = await send(bench, { input: [{ role: 'user', content: [image] }] });
    expect(seen).toMatchObject({ status: 200, account: one });
    expect(backend.faults).toEqual([]);
  });

  test('of one plan share what one of them has learnt', async () => {
    await using bench = await startBench({ accounts: [one, two] });
    bench.backend.modelsOf.set(one, [{ ...bench.backend.models[0], ...plain }]);
    await list(bench, '/codex/v1/models');
    bench.backend.answers.push(limit());
    const { account, notes } = await send(bench, { service_tier: 'priority' });
    expect([account, notes]).toEqual([two, ['service_tier']]);
  });

  test('are asked one after another for the list, when the first cannot tell', async () => {
    await using bench = await startBench({ accounts: [one, two] });
    const [[token]] = [...bench.backend.tokens] as [[string, string]];
    bench.backend.tokens.delete(token);
    const { body, headers } = await list(bench, '/codex/v1/models');
    expect(body.data.map(({ id }) => id)).toContain('gpt-5.5');
    expect([bench.backend.modelQueries.length, headers.get('dragoman-notes')]).toEqual([2, null]);
  });

  test('together can what one of them can; what one does not say is not known', () => {
    const models = (...entries: Json[]) => readCatalog({ models: entries as never });
    const levels = (...efforts: string[]) => ({ slug: 'm', supported_reasoning_levels: efforts });
    const [small] = models({ ...levels('low'), input_modalities: ['text'] });
    const [large] = models({ ...levels('low', 'high'), input_modalities: ['text', 'image'] });
    const [silent] = models({ slug: 'm' });
    expect(abilitiesIn([small!, large!])).toEqual({
      reasoning: { by: ['effort'], efforts: ['low', 'high'] },
      inputs: new Set(['text', 'image']),
    });
    expect([abilitiesIn([small!, silent!]), abilitiesIn([])]).toEqual([{}, {}]);
  });
});

describe('the official client', () => {
  const agent = { 'user-agent': 'codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)' };
  const top = { models: { fast: ['demo/tools'] } };
  const others = [{ name: 'demo', type: 'demo' }];
  /** What it does not take a list without. */
  const required = [
    'slug',
    'display_name',
    'supported_reasoning_levels',
    'shell_type',
    'visibility',
    'supported_in_api',
    'support_verbosity',
    'priority',
    'truncation_policy',
    'experimental_supported_tools',
    'base_instructions',
    'supports_parallel_tool_calls',
    'supports_reasoning_summaries',
  ];

  test('is offered every model of the gateway in its own shape, beside that of OpenAI', async () => {
    await using bench = await startBench({ top, others });
    const { body, headers } = await list(bench, '/v1/models?client_version=0.169.0', agent);
    const slugs = body.models!.map(({ slug }) => slug);
    expect(slugs).toEqual(body.data.map(({ id }) => id));
    expect(slugs).toEqual(expect.arrayContaining(['fast', 'codex/gpt-5.5', 'demo/tools']));
    for (const entry of body.models!.filter(({ slug }) => !String(slug).startsWith('codex/')))
      expect(required.filter((name) => entry[name] === undefined)).toEqual([]);
    expect(headers.get('etag')).toMatch(/^W\/"[\w-]{22}"$/);
    const again = await list(bench, '/v1/models?client_version=0.169.0', agent);
    expect(again.headers.get('etag')).toBe(headers.get('etag'));
    const scoped = await list(bench, '/codex/v1/models?client_version=0.169.0', agent);
    expect(scoped.headers.get('etag')).not.toBe(headers.get('etag'));
  });

  test('gets the entries of its own backend as they are, under the name to ask by', async () => {
    await using bench = await startBench();
    bench.backend.models[0] = {
      ...bench.backend.models[0],
      base_instructions: 'Own.',
      use_responses_lite: true,
    };
    const whole = await list(bench, '/v1/models?client_version=0.169.0');
    expect(whole.body.models![0]).toEqual({ ...bench.backend.models[0], slug: 'codex/gpt-5.5' });
    const scoped = await list(bench, '/codex/v1/models', agent);
    expect(scoped.body.models).toEqual(bench.backend.models.slice(0, 2));
  });

  test('is known by its name, its query or its path; nobody else gets its shape', async () => {
    await using bench = await startBench();
    const isShaped = async (path: string, headers = {}) =>
      (await list(bench, path, headers)).body.models !== undefined;
    expect(await isShaped('/v1/models', agent)).toBeTrue();
    expect(await isShaped('/v1/models', { 'user-agent': 'codex-tui/0.169.0 (x)' })).toBeTrue();
    expect(await isShaped('/v1/models?client_version=0.101.0')).toBeTrue();
    expect(await isShaped('/backend-api/codex/models')).toBeTrue();
    expect(await isShaped('/v1/models')).toBeFalse();
    expect(await isShaped('/v1/models', { 'user-agent': 'OpenAI/Python 2.0' })).toBeFalse();
  });
});
