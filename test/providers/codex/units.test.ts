import { describe, expect, test } from 'bun:test';
import { clientIdentity, explainIdentity } from '../../../src/providers/codex/client-identity.ts';
import { classify } from '../../../src/providers/codex/failure.ts';
import { resolveIdentity, turnMetadata, identityHeaders } from '../../../src/providers/codex/identity.ts';
import { readCatalog } from '../../../src/providers/codex/models.ts';
import { exhaustedUntilMs, readQuota } from '../../../src/providers/codex/quota.ts';
import {
  minimalInstructions,
  neutralInstructions,
  shapeRequest,
  writeRequest,
  type InstructionMode,
} from '../../../src/providers/codex/request.ts';
import { codex } from '../../../src/providers/codex/index.ts';
import { openaiResponses } from '../../../src/protocols/openai-responses/index.ts';
import { says, startBench, post } from './setup.ts';
import { sources, withBlob } from './identity-sources.ts';

describe('instruction modes', () => {
  const modes: InstructionMode[] = ['default', 'minimal', 'disabled'];
  const guided = [{ type: 'message', role: 'developer', content: 'Be kind.' }, says('hi')];
  const requests = {
    own: { instructions: 'Be brief.', input: [says('hi')] },
    none: { input: [says('hi')] },
    blank: { instructions: ' ', input: [says('hi')] },
    null: { instructions: null, input: [says('hi')] },
    developer: { input: guided },
  };
  const both = `${minimalInstructions}\n\nBe brief.`;
  const expected: Record<InstructionMode, Record<keyof typeof requests, string | undefined>> = {
    default: {
      own: 'Be brief.',
      none: neutralInstructions,
      blank: neutralInstructions,
      null: neutralInstructions,
      developer: undefined,
    },
    minimal: {
      own: both,
      none: minimalInstructions,
      blank: minimalInstructions,
      null: minimalInstructions,
      developer: minimalInstructions,
    },
    disabled: { own: 'Be brief.', none: undefined, blank: undefined, null: undefined, developer: undefined },
  };

  test.each(modes)('%s changes the instructions and nothing else', (mode) => {
    for (const [name, request] of Object.entries(requests)) {
      const body = JSON.stringify({ model: 'm', ...request });
      const shaped = JSON.parse(
        Buffer.from(writeRequest(shapeRequest(body, mode, undefined).members)).toString(),
      ) as Record<string, unknown>;
      expect([name, shaped]).toEqual([
        name,
        {
          model: 'm',
          input: request.input,
          store: false,
          stream: true,
          include: ['reasoning.encrypted_content'],
          ...(expected[mode][name as keyof typeof requests] !== undefined && {
            instructions: expected[mode][name as keyof typeof requests],
          }),
        },
      ]);
    }
  });

  test('the setting reaches the backend, and the caller’s prompt with it', async () => {
    await using bench = await startBench({ provider: { instructions: 'minimal' } });
    await post(bench, '/v1/messages', {
      max_tokens: 10,
      system: 'Be brief.',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(bench.backend.asked[0]!.body.instructions).toBe(both);
    expect(bench.backend.asked[0]!.body.tools).toBeUndefined();
  });
});

describe('the order of sources', () => {
  const metadata = withBlob({ session_id: 'blob', thread_id: 'blob' }, { session_id: 'body' });
  const headers = new Headers({ 'session-id': 'header', 'thread-id': 'header' });
  const session = (more: Parameters<typeof sources>[0]) =>
    resolveIdentity(sources({ metadata, headers, ...more })).session;

  test.each([
    ['body', 'http', 'body'],
    ['body', 'socket', 'body'],
    ['header', 'http', 'header'],
    ['header', 'socket', 'header'],
    ['transport', 'http', 'header'],
    ['transport', 'socket', 'body'],
  ] as const)('%s on %s takes the %s', (order, transport, winner) => {
    expect(session({ order, transport })).toBe(winner);
  });

  test('every id is taken from each place where a caller may write it', () => {
    const places = [
      ['session', 'session_id', 'session_id', 'session-id'],
      ['thread', 'thread_id', 'thread_id', 'thread-id'],
      ['turn', 'turn_id', 'turn_id', undefined],
      ['window', 'x-codex-window-id', 'window_id', 'x-codex-window-id'],
      ['installation', 'x-codex-installation-id', 'installation_id', undefined],
      ['parentThread', 'x-codex-parent-thread-id', 'parent_thread_id', 'x-codex-parent-thread-id'],
      ['subagent', 'x-openai-subagent', undefined, 'x-openai-subagent'],
    ] as const;
    for (const [id, member, inBlob, header] of places) {
      const inBody = withBlob(inBlob === undefined ? {} : { [inBlob]: 'blob' }, { [member]: 'body' });
      const head = new Headers(header === undefined ? {} : { [header]: 'header' });
      const from = (metadata: Parameters<typeof sources>[0] & object) =>
        resolveIdentity(sources(metadata))[id];
      expect([id, from({ metadata: inBody, headers: head })]).toEqual([id, 'body']);
      if (inBlob !== undefined)
        expect([id, from({ metadata: withBlob({ [inBlob]: 'blob' }), headers: head })]).toEqual([id, 'blob']);
      if (header !== undefined) expect([id, from({ headers: head })]).toEqual([id, 'header']);
    }
    expect(
      resolveIdentity(sources({ headers: new Headers({ 'x-client-request-id': 'mine' }) })).request,
    ).toBe('mine');
  });

  test('blank and impossible ids count as none', () => {
    for (const bad of ['', '  ', 'a\nb', 'ö', 'x'.repeat(300), 5, null])
      expect(session({ metadata: withBlob({ session_id: bad }, { session_id: bad }) })).toBe('header');
  });

  test('another client’s conversation is a session of the backend’s own shape, for each caller another', () => {
    const of = (caller: string, callerSession: string) =>
      resolveIdentity(sources({ caller, callerSession })).session;
    expect(of('a', 'ses_1')).toMatch(/^[0-9a-f-]{36}$/);
    expect(of('a', 'ses_1')).toBe(of('a', 'ses_1'));
    expect(of('b', 'ses_1')).not.toBe(of('a', 'ses_1'));
    expect(of('a', '01a1fa34-b690-7201-8605-ec0f5ece2546')).toBe('01a1fa34-b690-7201-8605-ec0f5ece2546');
  });

  test('metadata are ASCII in the header, and short', () => {
    const identity = resolveIdentity(
      sources({ metadata: withBlob({ agent_name: 'é😀', tool_namespaces_info: 'x'.repeat(9000) }) }),
    );
    const { header, body } = turnMetadata(identity);
    expect(header).toMatch(/^[\x20-\x7e]+$/);
    expect((JSON.parse(header) as { agent_name: string }).agent_name).toBe('é😀');
    expect(header).not.toContain('tool_namespaces_info');
    expect(body).toContain('tool_namespaces_info');
    const huge = resolveIdentity(sources({ metadata: withBlob({ workspaces: 'x'.repeat(9000) }) }));
    expect(identityHeaders(huge)['x-codex-turn-metadata']!.length).toBeLessThan(1000);
  });
});

describe('the client that is named', () => {
  test('follows from its parts, and every part says where it is from', () => {
    expect(clientIdentity({ version: '1.2.3' }).userAgent).toStartWith('codex_cli_rs/1.2.3 (');
    expect(explainIdentity({ user_agent: 'x/1' })).toMatchObject({
      originator: { origin: 'built-in', checked: '2026-11-20' },
      userAgent: { value: 'x/1', origin: 'config' },
    });
  });

  test('is set by the configuration, which refuses what cannot stand in a header', async () => {
    await using bench = await startBench({
      provider: { identity: { originator: 'mine', version: '1.2.3' } },
    });
    await post(bench, '/v1/responses', { input: 'hi' });
    expect(bench.backend.faults).toEqual([]);
    expect(bench.backend.asked[0]!.headers.get('originator')).toBe('mine');
    const entry = { name: 'c', type: 'codex' };
    for (const identity of [{ version: 'new' }, { user_agent: 'a\r\nb' }, { originator: '' }, { other: 'x' }])
      expect(codex.configSchema.safeParse({ ...entry, identity }).success).toBeFalse();
  });
});

describe('models', () => {
  test('come with their limits; entries without a name are passed over', () => {
    const body = {
      models: [{ slug: 'a', context_window: 9, supported_reasoning_levels: [{ effort: 'low' }] }, {}, 1],
    };
    expect(readCatalog(body)).toMatchObject([{ info: { id: 'a', inputTokensMax: 9 }, efforts: ['low'] }]);
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
});

describe('quota', () => {
  const nowMs = 1_795_000_000_000;
  const headers = new Headers({
    'x-codex-primary-used-percent': '100',
    'x-codex-primary-window-minutes': '300',
    'x-codex-primary-reset-after-seconds': '60',
    'x-codex-secondary-used-percent': '40.5',
    'x-codex-secondary-reset-at': '1795300000',
    'x-codex-secondary-reset-after-seconds': '1',
    'x-codex-credits-has-credits': 'true',
    'x-codex-credits-unlimited': 'false',
    'x-codex-credits-balance': '',
  });

  test('is read from the headers; a time goes before a span, and blank is not zero', () => {
    expect(readQuota(headers, nowMs)).toMatchObject({
      primary: { usedPercent: 100, windowMinutes: 300, resetsMs: nowMs + 60_000 },
      secondary: { usedPercent: 40.5, resetsMs: 1_795_300_000_000 },
      credits: { has: true, unlimited: false, balance: undefined },
    });
    expect(readQuota(new Headers({ 'x-codex-primary-used-percent': '' }), nowMs)).toBeUndefined();
  });

  test('of which only what is used up keeps an account waiting', () => {
    expect(exhaustedUntilMs(readQuota(headers, nowMs))).toBe(nowMs + 60_000);
  });

  const failed = (status: number, error: unknown, more: Record<string, string> = {}) => {
    const head = new Headers(more);
    const text = typeof error === 'string' ? error : JSON.stringify({ error });
    const response = { status, headers: head, text };
    return classify(openaiResponses.decodeFailure(response), { status, headers: head }, nowMs);
  };

  test('of another family counts where the refusal names it', () => {
    const failure = failed(
      429,
      { type: 'usage_limit_reached', message: 'used up' },
      {
        'x-codex-active-limit': 'codex_bengalfox',
        'x-codex-bengalfox-primary-used-percent': '100',
        'x-codex-bengalfox-primary-reset-after-seconds': '5',
        'x-codex-primary-used-percent': '3',
      },
    );
    expect(failure).toMatchObject({ scope: 'account', retryAfterMs: 5_000 });
  });

  test('of the usual family tells the end where the refusal names no time', () => {
    const used = {
      'x-codex-primary-used-percent': '100',
      'x-codex-primary-reset-after-seconds': '60',
      'x-codex-secondary-used-percent': '100',
      'x-codex-secondary-reset-after-seconds': '90',
    };
    const named = { 'x-codex-active-limit': 'codex_other', ...used };
    for (const head of [used, named])
      expect(failed(429, { type: 'usage_limit_reached', message: 'used up' }, head)).toMatchObject({
        retryAfterMs: 90_000,
      });
  });

  test('a session that is over asks for a new login; a plain limit keeps its own time', () => {
    expect(failed(401, { code: 'token_invalidated', message: 'over' })).toMatchObject({
      code: 'login_needed',
    });
    expect(failed(429, { message: 'slow' }, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 });
  });

  test('a model that the plan lacks is the model’s failure, a challenge for browsers the network’s', () => {
    const unsupported = JSON.stringify({ detail: 'The model is not supported when using Codex.' });
    expect(failed(400, unsupported)).toMatchObject({ scope: 'model', status: 404, code: 'model_not_found' });
    expect(failed(403, '<html>', { 'content-type': 'text/html' })).toMatchObject({ scope: 'provider' });
  });

  test('a bad request stays the caller’s', () => {
    expect(failed(400, { code: 'invalid_value', message: 'no' })).toMatchObject({
      scope: 'request',
      status: 400,
    });
  });
});
