import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createModelList, parseModels } from '../../../src/providers/gitlab/model-list.ts';
import { protocolsOf, resolveName, usualPreference } from '../../../src/providers/gitlab/models.ts';
import { clientNames, snapshot } from '../../../src/providers/gitlab/snapshot.ts';
import { ask } from '../../gateway/setup.ts';
import { corpusJson, corpusRoot } from '../../support/corpus.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { patAccount, providerFor, send, startGateway } from './setup.ts';
import { eventually } from '../../support/eventually.ts';

const captures = 'captures/gitlab-duo/models';
const hasCaptures = existsSync(join(corpusRoot, captures));
if (!hasCaptures) console.log('skipped: the contract examples are not there');

describe.skipIf(!hasCaptures)('the built-in list', () => {
  test('is what the proxy took on its day', () => {
    const { models } = corpusJson(`${captures}/proxy-allow-list.2026-08-22.json`) as {
      models: Record<string, string | number | null>[];
    };
    expect(
      snapshot.map(({ vendor, id, name, contextTokensMax, outputTokensMax, fixedSampling }) => [
        vendor,
        id,
        name,
        contextTokensMax,
        outputTokensMax,
        fixedSampling ?? false,
      ]),
    ).toEqual(
      models.map((model) => [
        model.proxy_provider,
        model.model,
        model.name,
        model.max_context_tokens,
        model.max_tokens,
        model.fixed_temperature === 1,
      ]) as never,
    );
  });

  type Alias = {
    id: string;
    provider: string;
    model: string;
    openai_api?: string;
    in_allow_list_2026_08_22: boolean;
  };
  const aliases = () =>
    (corpusJson(`${captures}/duo-chat-aliases.json`) as { aliases: Alias[] }).aliases.filter(
      ({ provider }) => provider !== 'workflow',
    );

  test('maps every name of GitLab’s own clients to its model, and to none where the proxy lacks it', () => {
    expect(aliases().length).toBe(clientNames.size);
    for (const { id, model, in_allow_list_2026_08_22: has } of aliases())
      expect([id, resolveName(snapshot, [], id)]).toEqual([id, has ? model : undefined]);
  });

  test('asks each model by the API that GitLab’s own clients use first', () => {
    const apis = { chat: 'openai-chat', responses: 'openai-responses' } as const;
    for (const { model, provider, openai_api } of aliases()) {
      const vendor = provider as 'anthropic' | 'openai';
      const first = openai_api === undefined ? 'anthropic-messages' : apis[openai_api as 'chat'];
      expect([model, protocolsOf({ vendor, id: model })[0]]).toEqual([model, first]);
    }
  });

  test('reads the public list: numbers with underscores, and only what the proxy takes', () => {
    const text = readFileSync(join(corpusRoot, captures, 'models-yml.sample.yml'), 'utf8');
    expect(parseModels(text)).toEqual([
      {
        vendor: 'anthropic',
        id: 'example-a-1',
        name: 'Example A',
        gitlabId: 'example_a',
        contextTokensMax: 1_000_000,
        outputTokensMax: 64_000,
      },
      {
        vendor: 'openai',
        id: 'example-b-1',
        name: 'Example B',
        gitlabId: 'example_b',
        contextTokensMax: 400_000,
        outputTokensMax: 128_000,
      },
    ]);
  });
});

test('no name leads to another vendor', () => {
  for (const [name, id] of clientNames) {
    const isClaude = /opus|sonnet|haiku|fable/.test(name);
    expect([name, id.startsWith('claude')]).toEqual([name, isClaude]);
  }
});

test('the stable name stands for the first that there is', () => {
  expect(resolveName(snapshot, usualPreference, 'gitlab-duo')).toBe('claude-sonnet-5');
  const fewer = snapshot.filter(({ id }) => id !== 'claude-sonnet-5');
  expect(resolveName(fewer, usualPreference, 'gitlab-duo')).toBe('claude-sonnet-4-6');
  expect(resolveName(snapshot, ['no-such', 'duo-chat-gpt-5-4'], 'gitlab-duo')).toBe('gpt-5.4-2026-03-05');
  expect(resolveName(snapshot, ['no-such'], 'gitlab-duo')).toBeUndefined();
});

let simulated: Simulated;
beforeEach(() => (simulated = startInstance()));
afterEach(() => simulated.stop());

describe('at the gateway', () => {
  const listed = async (url: string): Promise<string[]> => {
    const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    return data.map(({ id }) => id);
  };

  test('the list has the stable name and the models by the proxy’s own names, and no others', async () => {
    const running = await startGateway(simulated, { api_key: simulated.office.pat() });
    expect(await listed(running.url)).toEqual(['duo/gitlab-duo', ...snapshot.map(({ id }) => `duo/${id}`)]);
    await running.stop();
  });

  test.each([
    ['duo/gitlab-duo', 'claude-sonnet-5'],
    ['gitlab-duo', 'claude-sonnet-5'],
    ['duo/duo-chat-opus-5', 'claude-opus-5'],
    ['duo-chat-opus-5', 'claude-opus-5'],
    ['duo/duo-chat-gpt-5-6-sol', 'gpt-5.6-sol'],
    ['duo/duo-chat-opus-4-8(high)', 'claude-opus-4-8'],
    ['claude-haiku-4-5-20251001', 'claude-haiku-4-5-20251001'],
    ['duo/claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
  ])('%s is asked as %s', async (asked, model) => {
    const running = await startGateway(simulated, { api_key: simulated.office.pat() });
    const response = await ask(running, 'chat', { model: asked });
    expect([response.status, response.headers.get('dragoman-model')]).toEqual([200, model]);
    expect(simulated.proxy.passed[0]!.body.model).toBe(model);
    await running.stop();
  });

  test.each(['duo/duo-chat-gpt-5-codex', 'duo/gpt-4o', 'duo/claude-sonnet-4-5-20240101'])(
    '%s is refused here, and costs nothing',
    async (model) => {
      const running = await startGateway(simulated, { api_key: simulated.office.pat() });
      const response = await ask(running, 'chat', { model });
      expect(response.status).toBe(404);
      expect(simulated.mints).toEqual([]);
      await running.stop();
    },
  );

  test('no name that is taken leads a client of any surface to another vendor', async () => {
    const vendors = { anthropic: '/v1/messages', openai: '/v1/' } as const;
    simulated.proxy.models = {
      anthropic: snapshot.filter(({ vendor }) => vendor === 'anthropic').map(({ id }) => id),
      openai: snapshot.filter(({ vendor }) => vendor === 'openai').map(({ id }) => id),
    };
    const running = await startGateway(simulated, { api_key: simulated.office.pat() });
    const names = new Map([...snapshot.map(({ id }) => [id, id] as const), ...clientNames]);
    let asked = 0;
    for (const [name, id] of names) {
      const vendor = snapshot.find((model) => model.id === id)?.vendor;
      for (const surface of ['messages', 'chat', 'responses'] as const) {
        simulated.proxy.passed.length = 0;
        const response = await ask(running, surface, { model: `duo/${name}` });
        await response.text();
        // One that the gateway does not have goes nowhere at all, and so not to another.
        expect([name, response.status]).toEqual([name, vendor === undefined ? 404 : 200]);
        const [passed] = simulated.proxy.passed;
        expect([name, passed?.body.model]).toEqual([name, vendor && id]);
        if (vendor === undefined) continue;
        asked++;
        expect(passed!.path.startsWith(vendors[vendor])).toBe(true);
        expect(passed!.path === '/v1/messages').toBe(vendor === 'anthropic');
      }
    }
    expect(asked).toBeGreaterThan(100);
    expect(simulated.proxy.refused).toEqual([]);
    await running.stop();
  }, 60_000);

  test.each([
    [['gpt-5.6-sol'], '/v1/responses', 'gpt-5.6-sol'],
    [['duo-chat-gpt-5-4'], '/v1/responses', 'gpt-5.4-2026-03-05'],
    [['no-such', 'claude-opus-5'], '/v1/messages', 'claude-opus-5'],
  ])(
    'the stable name stands for the first of %p, also for a client of another vendor',
    async (preferred, path, id) => {
      const running = await startGateway(simulated, { api_key: simulated.office.pat(), preferred });
      const response = await ask(running, 'responses', { model: 'gitlab-duo' });
      expect(response.status).toBe(200);
      expect(simulated.proxy.passed[0]).toMatchObject({ path, body: { model: id } });
      await running.stop();
    },
  );

  test('a configuration may name models that no list has yet', async () => {
    const running = await startGateway(simulated, {
      api_key: simulated.office.pat(),
      models: ['claude-opus-9', 'gpt-9'],
      preferred: ['gpt-9'],
    });
    expect(await listed(running.url)).toEqual(['duo/gitlab-duo', 'duo/claude-opus-9', 'duo/gpt-9']);
    // The gateway itself has the last word.
    const response = await ask(running, 'responses', { model: 'duo/gitlab-duo' });
    expect(response.status).toBe(404);
    expect(simulated.proxy.refused).toEqual(['gateway-errors/unsupported-model.400']);
    await running.stop();
  });
});

describe('the public list', () => {
  const entry = (id: string, vendor = 'anthropic') =>
    `  - name: "${id}"\n    max_context_tokens: 1_000\n    proxy_provider: ${vendor}\n    params: {model: ${id}, max_tokens: 100}\n`;
  const day = 24 * 60 * 60_000;

  test('replaces the built-in one once it was read, and is read again after a day', async () => {
    let now = 0;
    const list = createModelList(simulated.listUrl, fetch, () => now);
    simulated.list = `models:\n${entry('claude-a')}`;
    expect(list.models).toBe(snapshot);
    list.look();
    list.look();
    await list.settled;
    expect(list.models.map(({ id }) => id)).toEqual(['claude-a']);
    simulated.list = `models:\n${entry('claude-b')}`;
    now = day - 1;
    list.look();
    await list.settled;
    expect(simulated.listReads).toBe(1);
    now = day;
    list.look();
    await list.settled;
    expect(list.models.map(({ id }) => id)).toEqual(['claude-b']);
  });

  test.each([
    ['cannot be had', undefined],
    ['is no YAML', '{{{'],
    ['has no models', 'models: []'],
    ['has none for the proxy', 'models:\n  - name: x\n    params: {model: y}\n'],
    ['is too large', `models:\n${entry('claude-a')}#${'x'.repeat(2 * 1024 * 1024)}`],
  ])('that %s leaves what is known', async (_why, text) => {
    let now = 0;
    const list = createModelList(simulated.listUrl, fetch, () => now);
    simulated.list = text;
    list.look();
    await list.settled;
    expect(list.models).toBe(snapshot);
    // It is looked for again within the hour, not at once.
    list.look();
    expect(simulated.listReads).toBe(1);
    now = 60 * 60_000;
    list.look();
    await list.settled;
    expect(simulated.listReads).toBe(2);
  });

  test('is looked for behind a turn, which does not wait for it', async () => {
    simulated.list = `models:\n${entry('claude-sonnet-5')}${entry('gpt-5.6-sol', 'openai')}`;
    const provider = providerFor(simulated, { models_url: simulated.listUrl });
    const response = await send(provider, patAccount(simulated.office.pat()));
    await response.text();
    await eventually(() => provider.configured!.length <= 3);
    expect(provider.configured!.map(({ id }) => id)).toEqual([
      'gitlab-duo',
      'claude-sonnet-5',
      'gpt-5.6-sol',
    ]);
  });
});
