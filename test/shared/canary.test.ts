/** Known secrets in every place where one can stand, and a search for them in everything that comes out. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createVault, keyFromSecret } from '../../src/accounts/vault.ts';
import { storedAccounts } from '../../src/accounts/stored-accounts.ts';
import { openStore } from '../../src/store/open.ts';
import { ask, surfaceNames } from '../gateway/setup.ts';
import { eventually } from '../support/eventually.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startProgram } from '../support/program.ts';
import { echoes, startEcho, type Echo } from './echo.ts';

/** Nothing of them looks like a credential, so that only knowing them helps. */
const canary = (name: string): string => `canary${name}Zq7Zt1Xw9`;

const secrets = {
  apiKey: canary('ApiKey'),
  accountOne: canary('AccountOne'),
  accountTwo: canary('AccountTwo'),
  header: canary('Header'),
  anthropicKey: canary('AnthropicKey'),
  googleKey: canary('GoogleKey'),
  vault: canary('Vault'),
  storedToken: canary('StoredToken'),
  storedRefresh: canary('StoredRefresh'),
  storedMore: canary('StoredMoreIdToken'),
  newKey: canary('NewKey'),
  badConfig: canary('BadConfig'),
  wrongClientKey: canary('WrongClientKey'),
};
const prompt = canary('Prompt');
const reply = canary('Reply');

let echo: Echo;
let gateway: Gateway;
/** Everything that came out, by where. Responses to the client who sent the prompt are kept apart. */
const outputs = new Map<string, string>();
const responses = new Map<string, string>();
let clientKey: string;
let adminKey: string;

const providersWith = (apiKey: string) => [
  {
    name: 'chat',
    type: 'openai',
    base_url: `${echo.url}/v1`,
    api_key: apiKey,
    headers: { 'x-org': secrets.header },
    protocols: ['openai-chat'],
    models: ['m'],
  },
  {
    name: 'several',
    type: 'openai',
    base_url: `${echo.url}/v1`,
    accounts: [
      { name: 'one', api_key: secrets.accountOne },
      { name: 'two', api_key: secrets.accountTwo },
    ],
    protocols: ['openai-responses'],
    models: ['m'],
  },
  { name: 'messages', type: 'anthropic', base_url: echo.url, api_key: secrets.anthropicKey, models: ['m'] },
  { name: 'gemini', type: 'google', base_url: echo.url, api_key: secrets.googleKey, models: ['m'] },
  { name: 'stored', type: 'openai', base_url: `${echo.url}/v1`, protocols: ['openai-chat'], models: ['m'] },
];
const models = ['chat/m', 'several/m', 'messages/m', 'gemini/m', 'stored/m'];

async function command(name: string, args: string[]): Promise<string> {
  const program = startProgram({
    args: [...args, '--config', gateway.configPath],
    env: { DRAGOMAN_HOME: gateway.home, DRAGOMAN_SECRET: secrets.vault },
  });
  await program.ended;
  outputs.set(`${name}, stderr`, program.stderr());
  const text = program.stdout();
  await program.remove();
  return text;
}

async function call(name: string, path: string, init: RequestInit = {}): Promise<void> {
  const response = await fetch(gateway.url + path, init);
  const head = JSON.stringify([...response.headers]);
  responses.set(
    name,
    `${response.status} ${head} ${await response.text().catch((error: Error) => error.message)}`,
  );
}

beforeAll(async () => {
  echo = startEcho(reply);
  gateway = await startGateway({
    providers: providersWith(secrets.apiKey),
    extra: { log: { level: 'info' } },
    env: { DRAGOMAN_SECRET: secrets.vault },
  });
  clientKey = (await command('keys create', ['keys', 'create', 'laptop'])).trim();
  adminKey = (await command('keys create', ['keys', 'create', 'boss', '--admin'])).trim();
  const store = await openStore(`sqlite:${join(gateway.home, 'dragoman.db')}`);
  const vault = createVault(keyFromSecret(secrets.vault));
  await storedAccounts(store, vault, Date.now).put({
    provider: 'stored',
    name: 'me@example.com',
    kind: 'oauth',
    secret: {
      token: secrets.storedToken,
      refreshToken: secrets.storedRefresh,
      more: { id_token: secrets.storedMore },
    },
  });
  await store.announce('accounts');
  await store.close();
  const auth = { 'content-type': 'application/json', authorization: `Bearer ${clientKey}` };
  // Until the gateway has heard of the keys and of the login.
  await eventually(async () => {
    const messages = [{ role: 'user', content: `fine ${prompt}` }];
    await (await ask(gateway, 'chat', { model: 'stored/m', messages }, { headers: auth })).text();
    return echo.seen().includes(secrets.storedToken);
  });

  for (const how of echoes) {
    for (const model of models) {
      const turns = surfaceNames.flatMap((surface) =>
        [false, true].map(async (stream) => {
          const words = `${how} ${prompt}`;
          const messages = [{ role: 'user', content: words }];
          const response = await ask(
            gateway,
            surface,
            {
              model,
              stream,
              ...(surface === 'gemini'
                ? { contents: [{ role: 'user', parts: [{ text: words }] }] }
                : surface === 'responses'
                  ? { input: messages }
                  : { messages }),
            },
            { headers: auth },
          );
          const head = JSON.stringify([...response.headers]);
          const text = await response.text().catch((error: Error) => error.message);
          responses.set(`${how} ${model} ${surface} ${stream}`, `${response.status} ${head} ${text}`);
        }),
      );
      await Promise.all(turns);
    }
  }
  const post = { method: 'POST', headers: auth };
  await call('malformed', '/v1/chat/completions', {
    ...post,
    body: `{"model":"chat/m","messages":"${prompt}`,
  });
  await call('wrong shape', '/v1/messages', {
    ...post,
    body: JSON.stringify({ model: 'chat/m', messages: prompt }),
  });
  await call('no such model', '/v1/responses', {
    ...post,
    body: JSON.stringify({ model: 'nowhere', input: prompt }),
  });
  await call('wrong key', '/v1/chat/completions', {
    method: 'POST',
    headers: { authorization: `Bearer ${secrets.wrongClientKey}`, 'x-api-key': secrets.wrongClientKey },
    body: prompt,
  });
  await call(
    'wrong key in the query',
    `/v1beta/models/chat/m:generateContent?key=${secrets.wrongClientKey}`,
    {
      method: 'POST',
      body: prompt,
    },
  );
  await call('wrong route', `/v1/nowhere/${prompt}`, { headers: auth });
  await call('count', '/v1/messages/count_tokens', {
    ...post,
    body: JSON.stringify({ model: 'messages/m', messages: [{ role: 'user', content: `echo400 ${prompt}` }] }),
  });
  await call('embeddings', '/v1/embeddings', {
    ...post,
    body: JSON.stringify({ model: 'chat/m', input: `echo400 ${prompt}` }),
  });
  await call('models', '/v1/models', { headers: auth });
  for (const path of ['/healthz', '/readyz', '/metrics', '/']) await call(path, path);
  const admin = { headers: { authorization: `Bearer ${adminKey}` } };
  for (const path of ['state', 'accounts', 'keys', 'usage', 'config', 'export', 'health']) {
    await call(`/admin/${path}`, `/admin/${path}`, admin);
    await call(`/admin/${path} without a key`, `/admin/${path}`, { headers: auth });
  }

  // Edits: a new key, with which requests fail; then one that is not valid.
  writeFileSync(gateway.configPath, stringify({ providers: providersWith(secrets.newKey) }));
  await until('config_taken_up');
  for (const how of echoes) {
    const messages = [{ role: 'user', content: `${how} ${prompt}` }];
    await (await ask(gateway, 'chat', { model: 'chat/m', messages }, { headers: auth })).text();
  }
  writeFileSync(
    gateway.configPath,
    `providers:\n  - name: chat\n    type: openai\n    api_key: { ${secrets.badConfig}: 1 }\n    accounts: ${secrets.badConfig}\n    headers: "${secrets.badConfig}"\nserver: { port: ${secrets.badConfig} }\n`,
  );
  await until('config_refused');
  outputs.set('config check', await command('config check', ['config', 'check', gateway.configPath]));
  writeFileSync(gateway.configPath, `providers: [ { api_key: "${secrets.badConfig}\n`);
  outputs.set(
    'config check of no YAML',
    await command('config check', ['config', 'check', gateway.configPath]),
  );
  outputs.set('serve of no YAML', await command('serve', ['serve', '--port', '0']));
  writeFileSync(gateway.configPath, stringify({ providers: providersWith(secrets.newKey) }));

  const commands: [name: string, args: string[]][] = [
    ['keys list', ['keys', 'list']],
    ['keys list --json', ['keys', 'list', '--json']],
    ['accounts', ['accounts']],
    ['accounts --json', ['accounts', '--json']],
    ['usage', ['usage', '--json', '--by', 'account']],
    ['export', ['export']],
    ['config get', ['config', 'get', 'providers']],
    ['config get of a key', ['config', 'get', 'providers.chat.api_key']],
    ['models', ['models', '--json']],
    ['serve on a port in use', ['serve', '--port', new URL(gateway.url).port]],
  ];
  await Promise.all(
    commands.map(async ([name, args]) => {
      outputs.set(name, await command(name, args));
    }),
  );

  await Bun.sleep(800);
  for (const file of readdirSync(gateway.home, { recursive: true, encoding: 'utf8' })) {
    const path = join(gateway.home, file);
    // The file is where its owner has written the keys.
    if (path === gateway.configPath || file.endsWith('/')) continue;
    try {
      outputs.set(`file ${file}`, readFileSync(path, 'latin1'));
    } catch (error) {
      if ((error as { code?: string }).code !== 'EISDIR') throw error;
    }
  }
  await gateway.end();
  outputs.set('log', gateway.logs());
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await echo?.stop();
});

test('the log has an upstream’s words where its owner asked for them, and no secret with them', async () => {
  const own = await startGateway({
    providers: providersWith(secrets.apiKey).slice(0, 1),
    extra: { log: { level: 'debug' } },
    env: { DRAGOMAN_SECRET: secrets.vault },
  });
  try {
    for (const how of ['echo400', 'echo400', 'echolate']) {
      const messages = [{ role: 'user', content: `${how} ${prompt}` }];
      const response = await ask(own, 'chat', { model: 'chat/m', messages, stream: true });
      await response.text();
    }
    await eventually(() => own.logs().split('"request"').length > 3);
    expect(own.logs()).toContain(prompt);
    expect(own.logs()).not.toContain(secrets.apiKey);
    expect(own.logs()).not.toContain(secrets.header);
  } finally {
    await own.stop();
  }
}, 60_000);

const until = (event: string): Promise<void> => eventually(() => gateway.logs().includes(event));

/** The text as it is, and as the usual encodings write it, wherever it begins within them. */
function spellings(text: string): string[] {
  const inner = [0, 1, 2].map((skip) => {
    const bytes = Buffer.from('x'.repeat(skip) + text);
    const base64 = bytes.toString('base64').replace(/=+$/, '');
    // What depends on neighbours is cut off at both ends.
    return base64.slice(skip === 0 ? 0 : 4, -3);
  });
  return [text, Buffer.from(text).toString('hex'), ...inner];
}

const found = (where: ReadonlyMap<string, string>, text: string): string[] =>
  [...where]
    .filter(([, out]) => spellings(text).some((spelling) => out.includes(spelling)))
    .map(([name]) => name);

describe('what comes out', () => {
  test('is all there to be searched', () => {
    expect(outputs.get('log')!.length).toBeGreaterThan(10_000);
    expect(outputs.get('export')).toContain('"table":"accounts"');
    expect(outputs.get('accounts --json')).toContain('me@example.com');
    expect(outputs.get('config get')).toContain('***');
    expect([...outputs.keys()]).toContain('file dragoman.db');
    // The vendor has repeated what it was sent, and each secret was sent.
    const sent = Object.entries(secrets).filter(([name]) => !/vault|Refresh|More|bad|wrong/i.test(name));
    for (const [, secret] of sent) expect(echo.seen()).toContain(secret);
    expect(responses.get('echo400 chat/m chat false')).toContain(prompt);
    // Whatever way the vendor repeats them, natively or translated.
    for (const how of ['echo400', 'echostream', 'echolate', 'echo500']) {
      for (const [model, surface] of [
        ['chat/m', 'chat'],
        ['chat/m', 'messages'],
        ['messages/m', 'messages'],
        ['gemini/m', 'gemini'],
      ]) {
        expect(responses.get(`${how} ${model} ${surface} true`)).toContain('[redacted]');
      }
    }
  });

  test.each(Object.entries(secrets))('has nothing of %s', (_name, secret) => {
    expect(found(outputs, secret)).toEqual([]);
    expect(found(responses, secret)).toEqual([]);
  });

  test('has no gateway key but where it was made', () => {
    for (const key of [clientKey, adminKey]) {
      expect(found(outputs, key)).toEqual([]);
      expect(found(responses, key)).toEqual([]);
      expect(found(outputs, key.slice(-32))).toEqual([]);
    }
  });

  test('has no prompt and no reply but for the client', () => {
    expect(found(outputs, prompt)).toEqual([]);
    expect(found(outputs, reply)).toEqual([]);
    expect(
      ['/metrics', '/admin/state', '/admin/usage', '/admin/export'].filter((each) =>
        responses.get(each)!.includes(prompt),
      ),
    ).toEqual([]);
  });
});
