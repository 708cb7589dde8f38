/** The programs of docs/clients/sdks.md, each as a process of its own. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../../scripts/runtimes.ts';
import { projectRoot, startServe, type Program } from '../support/program.ts';
import { fencedIn } from './pages.ts';

setDefaultTimeout(60_000);

const programs = fencedIn('docs/clients/sdks.md').filter(({ language }) => language === 'ts');
const folder = mkdtempSync(join(tmpdir(), 'dragoman-sdks-'));
symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
let gateway: Program & { readonly url: string };
beforeAll(async () => {
  gateway = await startServe();
});
afterAll(async () => {
  await gateway.remove();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['openai', 'I have thought about it: Hello\nHello\n'],
  ['@anthropic-ai/sdk', 'Hello'],
  ['@google/genai', 'Hello'],
])('the program with %s says what it was told', async (sdk, said) => {
  const { text } = programs.find((each) => each.text.includes(`from '${sdk}'`))!;
  const file = join(folder, `${sdk.replace(/\W/g, '')}.ts`);
  writeFileSync(file, text.replaceAll('http://127.0.0.1:4242', gateway.url));
  expect(await output([process.execPath, file], folder)).toBe(said);
});

test('there is no program that is not run', () => {
  expect(programs).toHaveLength(3);
});
