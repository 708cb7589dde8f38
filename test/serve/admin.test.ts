import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLines, projectRoot, startProgram, startServe, type Program } from '../support/program.ts';
import { eventually } from '../support/eventually.ts';

/** Serves whoever shows one of these keys. */
const members = new Set(['Bearer sk-good', 'Bearer sk-other']);
const shown: (string | null)[] = [];
const upstream = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch({ headers, url }) {
    const key = headers.get('authorization');
    shown.push(key);
    if (!members.has(key ?? '')) return Response.json({ error: { message: 'no' } }, { status: 401 });
    if (url.endsWith('/models')) return Response.json({ data: [{ id: 'm' }] });
    const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }];
    return Response.json({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices });
  },
});
afterAll(() => upstream.stop(true));

const home = mkdtempSync(join(tmpdir(), 'dragoman-admin-'));
const cwd = join(home, 'work');
const env = { DRAGOMAN_HOME: home };
let gateway: Program & { readonly url: string };
let admin: string;

/** Runs a command beside the gateway, on the same home. */
async function dragoman(args: string[], input?: string): Promise<string> {
  const main = `${process.execPath} ${join(projectRoot, 'src/cli/main.ts')}`;
  const typed = input === undefined ? '' : `printf '%s\\n' '${input}' | `;
  const program = startProgram({ command: ['sh', '-c', `${typed}${main} ${args.join(' ')}`], cwd, env });
  const status = await program.ended;
  const text = program.stdout();
  if (status !== 0) throw new Error(`${args.join(' ')}: ${program.stderr()}`);
  await program.remove();
  return text.trim();
}

const call = (path: string, body?: unknown, method = body === undefined ? 'GET' : 'POST') =>
  fetch(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function ask(model: string, key?: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
  });
  await response.text();
  return response.status;
}

beforeAll(async () => {
  const providers = [
    {
      name: 'up',
      type: 'openai',
      base_url: `http://127.0.0.1:${upstream.port}/v1`,
      protocols: ['openai-chat'],
    },
  ];
  gateway = await startServe({ config: { providers }, cwd, env });
  admin = await dragoman(['keys', 'create', 'boss', '--admin']);
}, 60_000);
afterAll(async () => {
  await gateway.remove();
  rmSync(home, { recursive: true, force: true });
});

describe('a running gateway', () => {
  test('knows an admin key as soon as it is made, and callers still need none', async () => {
    await eventually(async () => (await call('/admin/keys')).status === 200);
    expect(await ask('demo/echo')).toBe(200);
  });

  test('serves with an API key that is stored while it runs', async () => {
    expect(await ask('up/m')).not.toBe(200);
    expect(await dragoman(['login', 'up', '--token-stdin'], 'sk-good')).toBe('logged in: key-1 at up');
    await eventually(async () => (await ask('up/m')) === 200);
    expect(shown.at(-1)).toBe('Bearer sk-good');
    const added = await call('/admin/accounts', { provider: 'up', api_key: 'sk-other', name: 'second' });
    expect(added.status).toBe(201);
    expect(JSON.parse(await dragoman(['accounts', '--json']))).toMatchObject([
      { name: 'key-1' },
      { name: 'second' },
    ]);
    await dragoman(['logout', 'up', 'key-1']);
    await eventually(async () => (await ask('up/m')) === 200 && shown.at(-1) === 'Bearer sk-other');
  });

  test('takes up a changed configuration, and says so', async () => {
    writeFileSync(join(cwd, 'dragoman.yaml'), `# mine\n${readFileSync(join(cwd, 'dragoman.yaml'), 'utf8')}`);
    await eventually(() => jsonLines(gateway.stdout()).some(({ event }) => event === 'config_taken_up'));
    const set = await call('/admin/config', { path: 'models.fast', value: ['up/m'] }, 'PATCH');
    expect(set.status).toBe(200);
    await eventually(async () => (await ask('fast')) === 200);
    expect(readFileSync(join(cwd, 'dragoman.yaml'), 'utf8')).toStartWith('# mine\n');
    expect((await call('/admin/config?path=models.fast')).status).toBe(200);
    await dragoman(['config', 'set', 'models.fast']);
    await eventually(async () => (await ask('fast')) === 404);
  });

  test('asks everybody for a key once there is one for clients', async () => {
    const made = await call('/admin/keys', { name: 'laptop', rules: { models: ['demo/*'] } });
    const { key } = (await made.json()) as { key: string };
    expect(await ask('demo/echo')).toBe(401);
    expect(await ask('demo/echo', key)).toBe(200);
    expect(await ask('up/m', key)).toBe(403);
    expect(await ask('demo/echo', admin)).toBe(401);
    const usage = JSON.parse(await dragoman(['usage', '--by', 'key', '--json'])) as { by: string }[];
    expect(usage.map(({ by }) => by)).toContain('(none)');
  });

  test('writes no secret to its log', () => {
    const log = gateway.stdout() + gateway.stderr();
    const asked = jsonLines(log).findLast(({ surface }) => surface === 'admin');
    expect(asked).toMatchObject({ key: expect.stringMatching(/^key_/) });
    for (const secret of [admin, 'sk-good', 'sk-other']) expect(log).not.toContain(secret);
  });
});
