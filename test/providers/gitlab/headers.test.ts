/** Which headers reach the gateway of GitLab Duo: all of the grant's, the client's few, and no others. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
beforeAll(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
});
beforeEach(() => {
  simulated.proxy.passed.length = 0;
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

const claude = 'duo/claude-sonnet-5';
const gpt = 'duo/gpt-5.4-2026-03-05';
const messages = [{ role: 'user', content: 'hi' }];

const routes: readonly [path: string, body: Record<string, unknown>][] = [
  ['/v1/messages', { model: claude, max_tokens: 9, messages }],
  ['/v1/messages', { model: claude, max_tokens: 9, messages, stream: true }],
  ['/v1/messages/count_tokens', { model: claude, messages }],
  ['/v1/chat/completions', { model: gpt, messages }],
  ['/v1/responses', { model: gpt, input: 'hi' }],
  ['/v1/chat/completions', { model: claude, messages }],
  ['/v1/messages', { model: gpt, max_tokens: 9, messages }],
  ['/v1/embeddings', { model: gpt, input: 'hi' }],
];

/** What a client says of itself, and what somebody might try to say of another. */
const clients = {
  'x-api-key': 'the-clients-own',
  cookie: 'session=1',
  'user-agent': 'a-client/1',
  'x-forwarded-for': '10.0.0.1',
  'x-stainless-os': 'Linux',
  'openai-organization': 'org-1',
  'x-gitlab-user-id': '1',
  'x-gitlab-global-user-id': 'somebody-else',
  'x-gitlab-root-namespace-id': '2',
  'private-token': 'glpat-of-the-client',
  'anthropic-dangerous-direct-browser-access': 'true',
};

/** The transport's own. */
const ours = new Set(['authorization', 'content-type', 'accept', 'accept-encoding', 'user-agent']);
const connection = new Set(['host', 'connection', 'content-length']);

test.each(routes)('%s %#', async (path, body) => {
  const response = await fetch(running.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-beta': 'b-1', ...clients },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  await response.text();
  const { headers } = simulated.proxy.passed[0]!;
  const token = headers.get('authorization')!.replace('Bearer ', '');
  const { claims } = simulated.proxy.issued.get(token)!;
  expect(Object.keys(claims).length).toBeGreaterThan(10);
  for (const [name, value] of Object.entries(claims))
    expect([name, headers.get(name)]).toEqual([name, name === 'x-api-key' ? null : value]);
  const isNativeMessages = path.startsWith('/v1/messages') && body.model === claude;
  const allowed = (name: string) =>
    ours.has(name) ||
    connection.has(name) ||
    name in claims ||
    (name === 'anthropic-version' && body.model === claude) ||
    (name === 'anthropic-beta' && isNativeMessages);
  expect([...headers.keys()].filter((name) => !allowed(name))).toEqual([]);
  expect(headers.get('anthropic-beta')).toBe(isNativeMessages ? 'b-1' : null);
  expect(headers.get('user-agent')).toBe('dragoman/test');
  expect(simulated.proxy.strays).toEqual([]);
});

test('nothing of the grant, and no header of the vendor, comes back to the client', async () => {
  const response = await fetch(`${running.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: claude, max_tokens: 9, messages }),
  });
  const names = [...response.headers.keys()];
  expect(names.filter((name) => /gitlab|anthropic|openai/.test(name))).toEqual([]);
  expect(JSON.stringify([...response.headers])).not.toContain('gateway-token');
});
