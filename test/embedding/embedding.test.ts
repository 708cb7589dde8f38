/** The gateway as a library, in programs that are processes of their own and know it by its name only. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../../scripts/runtimes.ts';
import { projectRoot } from '../support/program.ts';

setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'dragoman-embedding-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(projectRoot, join(folder, 'node_modules', 'dragoman'));

const document = readFileSync(join(projectRoot, 'docs/embedding.md'), 'utf8');
const examples = [...document.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
let written = 0;

/** Runs a program that imports `dragoman`; it must end by itself, and well. */
async function program(text: string): Promise<string> {
  const file = join(folder, `program-${++written}.ts`);
  writeFileSync(file, text);
  return output([process.execPath, file], folder);
}

/** The beginning of programs that need a gateway and no more. */
const begin = `
import { checkConfig, createGateway, providerSchemas } from 'dragoman';
const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
if (!loaded.ok) throw new Error('not valid');
const { config } = loaded;
const body = JSON.stringify({ model: 'demo/echo', stream: true, messages: [{ role: 'user', content: 'Hello' }] });
`;

describe('the examples of docs/embedding.md', () => {
  test('the first one answers', async () => {
    expect(await program(examples[0]!)).toBe('200 Hello\n');
  });

  test('the second one wants its key, and logs both requests without it', async () => {
    const lines = (await program(examples[1]!)).trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual(['401 200']);
    const logged = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).status);
    expect(logged).toEqual([401, 200]);
    expect(lines.join()).not.toContain('drg_');
  });

  test('have types that fit', async () => {
    const files = examples.map((text, index) => {
      const file = join(folder, `example-${index}.ts`);
      writeFileSync(file, text);
      return file;
    });
    const types = ['--types', join(projectRoot, 'node_modules/@types/bun')];
    const flags =
      '--strict --module esnext --moduleResolution bundler --target esnext --skipLibCheck --resolveJsonModule';
    const more = ['--allowImportingTsExtensions', '--ignoreConfig', '--noEmit'];
    const compiler = join(projectRoot, 'node_modules/.bin/tsc');
    expect(await output([compiler, ...flags.split(' '), ...more, ...types, ...files])).toBe('');
  });

  test('name every option and every member', () => {
    const source = readFileSync(join(projectRoot, 'src/gateway.ts'), 'utf8');
    const membersOf = (name: string): string[] => {
      const [, text] = new RegExp(`export interface ${name} \\{([\\s\\S]*?)\\n\\}`).exec(source)!;
      return [...text!.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map((match) => match[1]!);
    };
    const members = [...membersOf('GatewayOptions'), ...membersOf('Gateway')];
    expect(members).toContain('stop');
    expect(members.filter((name) => !new RegExp(`^\\| \`${name}[\`(]`, 'm').test(document))).toEqual([]);
  });
});

describe('a program with the gateway in it', () => {
  test('finds nothing changed after the import, and nothing left after the end', async () => {
    const before = readdirSync(folder).length;
    const said = await program(`
const look = () => JSON.stringify([
  // Its schema library keeps two registries there, for all of its copies.
  Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith('__zod_')).sort(),
  process.eventNames().map(String).sort(),
  process.env, process.cwd(), String(process.exitCode), console.log === console.info,
  Object.getOwnPropertyNames(Object.prototype), Object.getOwnPropertyNames(Array.prototype), String(fetch),
]);
const first = look();
const { checkConfig, createGateway, providerSchemas } = await import('dragoman');
const afterImport = look();
const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
const gateway = createGateway({ config: loaded.config });
const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
const inUse = look();
await gateway.stop({ drainMs: 0 });
const refused = await fetch(url).then(() => 'answered', () => 'refused');
console.log(first === afterImport, first === inUse, first === look(), refused);
`);
    expect(said).toBe('true true true refused\n');
    // One program more, and nothing else.
    expect(readdirSync(folder).length).toBe(before + 1);
  });

  test('can have two of them, each with its own models and its own end', async () => {
    expect(
      await program(`${begin}
const other = checkConfig({ name: 'x', text: 'models: { mine: [demo/echo] }' }, { kinds: providerSchemas, env: {} });
const one = createGateway({ config });
const two = createGateway({ config: other.config });
const a = one.listen({ host: '127.0.0.1', port: 0 }).url;
const b = two.listen({ host: '127.0.0.1', port: 0 }).url;
await one.stop({ drainMs: 0 });
const ids = (await (await fetch(b + '/v1/models')).json()).data.map(({ id }) => id);
console.log(ids.includes('mine'), (await one.models()).models.some(({ id }) => id === 'mine'), a !== b);
await two.stop({ drainMs: 0 });
`),
    ).toBe('true false true\n');
  });

  test('lets open streams end when it stops, and cuts them when that takes too long', async () => {
    expect(
      await program(`${begin}
for (const drainMs of [10_000, 0]) {
  const gateway = createGateway({ config });
  const { url } = gateway.listen({ host: '127.0.0.1', port: 0 });
  const long = body.replace('Hello', 'many words '.repeat(40));
  const reply = await fetch(url + '/v1/chat/completions', { method: 'POST', body: long });
  const reader = reply.body.getReader();
  await reader.read();
  const stopped = gateway.stop({ drainMs });
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
  } catch {}
  await stopped;
  console.log(drainMs, text.endsWith('data: [DONE]\\n\\n'));
}
`),
    ).toBe('10000 true\n0 false\n');
  });

  test('hands requests over without a socket, with a network of its own', async () => {
    expect(
      await program(`${begin}
const text = 'providers: [{ name: up, type: openai, base_url: "https://up.example/v1", models: [m], protocols: [openai-chat] }]';
const own = checkConfig({ name: 'x', text }, { kinds: providerSchemas, env: {} });
const asked = [];
const gateway = createGateway({
  config: own.config,
  fetch: async (url) => {
    asked.push(url);
    return Response.json({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }] });
  },
});
const request = new Request('http://localhost/v1/chat/completions', { method: 'POST', headers: { host: 'localhost' }, body: JSON.stringify({ model: 'up/m', messages: [] }) });
const reply = await gateway.fetch(request);
console.log((await reply.json()).choices[0].message.content, asked.join());
await gateway.stop({ drainMs: 0 });
`),
    ).toBe('Hi https://up.example/v1/chat/completions\n');
  });

  test('is not let onto other addresses without keys', async () => {
    expect(
      await program(`${begin}
import { KeyNeeded } from 'dragoman';
const gateway = createGateway({ config });
try { gateway.listen({ host: '0.0.0.0', port: 0 }); } catch (error) { console.log(error instanceof KeyNeeded); }
await gateway.stop({ drainMs: 0 });
`),
    ).toBe('true\n');
  });
});
