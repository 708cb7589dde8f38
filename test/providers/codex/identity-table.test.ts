/**
 * Every header and every field of the official client's requests, over HTTP and over sockets, has a fate here: it goes
 * up as it came, the gateway has its own, or it stays behind for a reason. Nothing of the recordings is in the project.
 */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtIn, clientIdentity } from '../../../src/providers/codex/client-identity.ts';
import { corpusRoot } from '../../support/corpus.ts';
import type { Asked } from './backend/backend.ts';
import { events, post, startBench, type Bench } from './setup.ts';

type Json = Record<string, unknown>;

interface Capture {
  readonly request: { readonly headers: readonly (readonly [string, string])[]; readonly body: Json };
  readonly frames?: readonly { readonly dir: string; readonly data?: Json }[];
}

const folder = join(corpusRoot, 'captures/codex-cli');
const there = (names: readonly string[]) => names.filter((name) => existsSync(join(folder, `${name}.json`)));
const read = (name: string): Capture =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Capture;

const overHttp = there([
  'iii-05-responses-sse',
  'iii-13-sse-tool-1of2',
  'iii-13-sse-tool-2of2',
  'iii-14-fast-tier',
  'iii-15-review',
  'iii-16-after-compaction',
  'iii-16-compaction-trigger',
  'iii-17-subagent-child',
  'iii-17-subagent-parent-after',
  'iii-20-tui-responses',
  'iii-24-redirected-sse',
  'i-01-custom-provider-text',
  'i-12-subagent-child',
]);
const overSockets = there([
  'iii-10-websocket-text',
  'iii-11-websocket-tool',
  'iii-12-websocket-resume-1',
  'iii-12-websocket-resume-2',
  'iii-24-redirected-websocket',
  'ii-02-openai-base-url-apikey-websocket',
  'i-08-websocket-custom-provider',
]);
if (overHttp.length + overSockets.length === 0)
  console.log('skipped: there are no captures of the official client');

/** What becomes of each header. */
const fates: Record<string, 'same' | 'own' | 'socket' | 'left'> = {
  'session-id': 'same',
  'thread-id': 'same',
  'x-client-request-id': 'same',
  'x-codex-window-id': 'same',
  'x-codex-parent-thread-id': 'same',
  'x-openai-subagent': 'same',
  'x-openai-internal-codex-responses-lite': 'same',
  'x-codex-routing-hint': 'same',
  accept: 'same',
  'content-type': 'same',
  // The client that the gateway says it is, and the account that it asks for.
  originator: 'own',
  'user-agent': 'own',
  authorization: 'own',
  'chatgpt-account-id': 'own',
  // The official client's, on sockets as it sends them; over HTTP docs/decisions/0004-codex-identity.md says why not.
  'openai-beta': 'socket',
  version: 'socket',
  // The gateway has it from the backend, keeps it for the turn and sends its own; a caller never got one.
  'x-codex-turn-state': 'left',
  // What the gateway itself takes, whatever its clients try out.
  'x-codex-beta-features': 'own',
  // Compressed as the official client does, whoever asks; a custom provider of that client does not.
  'content-encoding': 'own',
};
const ofTransport =
  /^(?::.*|host|connection|upgrade|content-length|accept-encoding|cookie|sec-websocket-.*)$/;

const headersOf = ({ request }: Capture): Headers =>
  new Headers(
    request.headers.filter(([name]) => !ofTransport.test(name.toLowerCase())) as [string, string][],
  );

function compareHeaders(sent: Headers, came: Headers, isSocket: boolean): void {
  for (const [name, value] of sent) {
    if (name === 'x-codex-turn-metadata') continue;
    const fate = fates[name];
    expect([name, fate]).toEqual([name, expect.any(String)]);
    const own: Record<string, string | null> = {
      originator: builtIn.originator,
      'user-agent': clientIdentity().userAgent,
      'openai-beta': 'responses_websockets=2026-02-06',
      version: builtIn.version,
      'x-codex-beta-features': builtIn.betaFeatures,
      'content-encoding': 'zstd',
    };
    if (fate === 'same') expect([name, came.get(name)]).toEqual([name, value]);
    else if (fate === 'left') expect([name, came.get(name)]).toEqual([name, null]);
    else if (fate === 'socket') {
      expect([name, came.get(name)]).toEqual([name, isSocket ? own[name]! : null]);
      expect([name, value]).toEqual([name, own[name]!]);
    } else if (own[name] === undefined) expect(came.get(name)).not.toBeNull();
    else expect([name, came.get(name)]).toEqual([name, own[name]!]);
  }
  const strange = [...came.keys()].filter(
    (name) => !sent.has(name) && !ofTransport.test(name) && !ofAccounts.has(name),
  );
  expect(strange).toEqual([]);
}

/** What a custom provider or an API key of the official client does not send. */
const ofAccounts = new Set(['chatgpt-account-id', 'x-codex-routing-hint', 'version', 'content-encoding']);

const models = ['gpt-5.5', 'gpt-6.1-sol', 'gpt-5.6-luna'];
const start = async (transport: string): Promise<Bench> => {
  const bench = await startBench({ provider: { models, transport } });
  for (const slug of models) bench.backend.models.push({ slug });
  return bench;
};

const blob = (text: unknown): Json => JSON.parse(String(text)) as Json;

function compareMetadata(came: Json, sent: Json): void {
  expect(Object.keys(came).toSorted()).toEqual(Object.keys(sent).toSorted());
  for (const [name, value] of Object.entries(sent)) {
    if (name === 'x-codex-turn-metadata') expect(blob(came[name])).toEqual(blob(value));
    else if (name === 'x-codex-ws-stream-request-start-ms') expect(String(came[name])).toMatch(/^\d{13}$/);
    else expect([name, came[name]]).toEqual([name, value]);
  }
}

describe.each(overHttp)('over HTTP, %s', (name) => {
  test('has every field in its place', async () => {
    const capture = read(name);
    const sent = headersOf(capture);
    await using bench = await start('http');
    const { body } = capture.request;
    const inbound = Object.fromEntries([...sent].filter(([header]) => header !== 'content-encoding'));
    const response = await post(bench, '/v1/responses', { ...body, model: `codex/${body.model}` }, inbound);
    await response.text();
    expect([response.status, bench.backend.faults]).toEqual([200, []]);
    const [asked] = bench.backend.asked as [Asked];
    compareHeaders(sent, asked.headers, false);
    expect(blob(asked.headers.get('x-codex-turn-metadata'))).toEqual(blob(sent.get('x-codex-turn-metadata')));
    const { client_metadata: came, ...rest } = asked.body;
    const { client_metadata: own, ...others } = body;
    expect(rest).toEqual(others);
    compareMetadata(came as Json, own as Json);
  });
});

describe.each(overSockets)('over a socket, %s', (name) => {
  test('has every field in its place, in the upgrade and in the frames', async () => {
    const capture = read(name);
    const sent = headersOf(capture);
    const inbound = Object.fromEntries(sent);
    await using bench = await start('websocket');
    const { backend } = bench;
    // The official client warms its connection first, which costs a turn its time; the first frame that asks is next.
    const [warm, ...turns] = capture.frames!.flatMap(({ dir, data }) =>
      dir === 'client' && data ? [data] : [],
    );
    expect(warm!.generate).toBe(false);
    const replies = repliesOf(capture);
    let items: unknown[] = [];
    for (const [i, frame] of turns.entries()) {
      const { type: _, previous_response_id: __, ...body } = frame;
      items = [...items, ...(body.input as unknown[])];
      backend.answers.push({ frames: replies[i]! });
      const request = { ...body, input: items, model: `codex/${body.model}` };
      const response = await post(bench, '/v1/responses', request, inbound);
      for (const { type: kind, item } of await events(response))
        if (kind === 'response.output_item.done') items.push(item);
      expect([response.status, backend.faults]).toEqual([200, []]);
      const came = backend.asked[i]!.frame!;
      const { client_metadata: metadata, previous_response_id: previous, ...rest } = came;
      const { client_metadata: own, previous_response_id: before, ...others } = frame;
      expect(rest).toEqual(others);
      // Without a turn that warms it there is nothing before the first.
      expect(previous).toBe(i === 0 ? undefined : before!);
      compareMetadata(metadata as Json, own as Json);
    }
    expect(new Set(backend.asked.map(({ connection }) => connection)).size).toBe(1);
    const [socket] = backend.connections;
    const { upgrade } = socket!.data;
    compareHeaders(sent, upgrade, true);
    // What it says of the turn is of the first one, as it was of the first frame there.
    expect(blob(upgrade.get('x-codex-turn-metadata'))).toEqual(
      blob((turns[0]!.client_metadata as Json)['x-codex-turn-metadata']),
    );
  });
});

/** The frames of the backend for each turn after the first, which has only warmed the connection. */
function repliesOf({ frames }: Capture): Json[][] {
  const replies: Json[][] = [];
  for (const { dir, data } of frames!) {
    if (data === undefined) continue;
    if (dir === 'client') replies.push([]);
    else replies.at(-1)!.push(data);
  }
  return replies.slice(1);
}
