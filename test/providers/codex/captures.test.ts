/** The identity table, field by field, against what the official client sent; nothing of it is in the project. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusRoot } from '../../support/corpus.ts';
import { blobOf, post, startBench } from './setup.ts';

interface Capture {
  readonly request: {
    readonly headers: readonly (readonly [string, string])[];
    readonly body: Record<string, unknown>;
  };
}

const folder = join(corpusRoot, 'captures/codex-cli');
const names = [
  'iii-05-responses-sse',
  'iii-13-sse-tool-2of2',
  'iii-15-review',
  'iii-16-compaction-trigger',
  'iii-17-subagent-child',
  'iii-24-redirected-sse',
  'i-06-tool-turn-2of3',
  'i-07-resume-3-forked',
].filter((name) => existsSync(join(folder, `${name}.json`)));
if (names.length === 0) console.log('skipped: there are no captures of the official client');

const read = (name: string): Capture =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Capture;

/** Headers whose value goes up as it came. */
const same = [
  'session-id',
  'thread-id',
  'x-client-request-id',
  'x-codex-window-id',
  'x-codex-parent-thread-id',
  'x-openai-subagent',
  'x-openai-internal-codex-responses-lite',
  'accept',
  'content-type',
] as const;

describe.each(names)('%s', (name) => {
  test('goes through to the backend with every id, and the body as it was', async () => {
    const { request } = read(name);
    const sent = new Headers(
      request.headers.filter(([header]) => !header.startsWith(':')) as [string, string][],
    );
    for (const header of ['content-encoding', 'content-length', 'host']) sent.delete(header);
    await using bench = await startBench({ provider: { models: ['gpt-5.5', 'gpt-6.1-sol'] } });
    const headers = Object.fromEntries(sent);
    const response = await post(bench, '/v1/responses', request.body, headers);
    await response.text();
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const [asked] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
    for (const header of same)
      expect([header, asked.headers.get(header)]).toEqual([header, sent.get(header)]);
    const own = JSON.parse(sent.get('x-codex-turn-metadata')!) as Record<string, unknown>;
    expect(blobOf(asked)).toEqual(own);
    const { client_metadata: metadata, ...body } = asked.body;
    const { client_metadata: callers, ...rest } = request.body;
    expect(body).toEqual(rest);
    const { 'x-codex-turn-metadata': blob, ...ids } = metadata as Record<string, string>;
    const { 'x-codex-turn-metadata': callersBlob, ...callersIds } = callers as Record<string, string>;
    expect(ids).toEqual(callersIds);
    expect(JSON.parse(blob!)).toEqual(JSON.parse(callersBlob!));
  });

  test('what the gateway makes by itself has the same shape', async () => {
    const { request } = read(name);
    await using bench = await startBench({ provider: { models: ['gpt-5.5', 'gpt-6.1-sol'] } });
    const { client_metadata: _, prompt_cache_key: __, ...body } = request.body;
    await (await post(bench, '/v1/responses', body)).text();
    const [asked] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
    expect(bench.backend.faults).toEqual([]);
    const official = new Set(request.headers.map(([header]) => header));
    const ofTransport = new Set(['accept-encoding', 'connection', 'host', 'content-length']);
    // A custom provider of the official client has no account there.
    const ofAccount = new Set(['chatgpt-account-id', 'x-codex-routing-hint', 'content-encoding']);
    const strange = [...asked.headers.keys()].filter(
      (header) => !official.has(header) && !ofTransport.has(header) && !ofAccount.has(header),
    );
    expect(strange).toEqual([]);
    const shape = (id: unknown) =>
      String(id)
        .replace(/[0-9a-f]/g, 'x')
        .replace(/:\d+$/, ':n');
    const blob = JSON.parse(
      request.headers.find(([header]) => header === 'x-codex-turn-metadata')![1],
    ) as Record<string, unknown>;
    for (const id of ['installation_id', 'session_id', 'thread_id', 'turn_id', 'window_id'])
      expect([id, shape(blobOf(asked)[id])]).toEqual([id, shape(blob[id])]);
  });
});
