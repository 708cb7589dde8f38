import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, type Program } from '../support/program.ts';
import { startReplay, type ReplayUpstream } from '../support/replay.ts';
import { newPerson, type Person } from './setup-host.ts';

/** Programs are started, on machines that have other things to do too. */
setDefaultTimeout(60_000);

let person: Person;
let program: Program | undefined;
let vendor: ReplayUpstream;
beforeEach(() => {
  person = newPerson();
  vendor = startReplay({ models: ['real-1'] });
  chmodSync(person.write('bin/codex', '#!/bin/sh\n'), 0o755);
  // Only this one client is to be found.
  person.env.PATH = join(person.home, 'bin');
});
afterEach(async () => {
  await program?.remove();
  program = undefined;
  await vendor.stop();
  person.remove();
});

function start(env: Record<string, string> = {}, terminal = true): Program {
  program = startProgram({ terminal, env: { ...person.env, ...env }, cwd: person.project });
  return program;
}

describe('dragoman alone', () => {
  test('at a terminal leads from nothing to a client that is set up and a gateway that serves', async () => {
    const first = start();
    await first.until(/Whose models[\s\S]*demo models need no account\r?\n1-\d+ \[1\]: $/);
    const none = /(\d+)\) none yet/.exec(first.stdout())![1]!;
    first.type(`${none}\r`);
    await first.until(/Which client[\s\S]*1\) Codex CLI\r?\n\s+2\) none\r?\n1-2 \[1\]: $/);
    first.type('\r');
    await first.until(/Which model[\s\S]*demo\/tools[\s\S]*or a name \[1\]: $/);
    first.type('demo/tools\r');
    await first.until(/Set up Codex CLI like that\? \[Y\/n\] $/);
    expect(first.stdout()).toContain('+model = "demo/tools"');
    first.type('y\r');
    await first.until(/listening on http/);
    expect(person.read('.codex/config.toml')).toContain('model_provider = "dragoman"');
    const token = /drg_\w+/.exec(person.read('.codex/config.toml'))![0];
    const reply = await fetch(`http://127.0.0.1:${person.env.DRAGOMAN_PORT}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ model: 'demo/echo', input: 'hello there' }),
    });
    expect(await reply.text()).toContain('hello there');
    first.signal('SIGINT');
    expect(await first.ended).toBe(0);

    // The next time there is nothing left to ask about clients.
    await first.remove();
    const second = start();
    await second.until(/Whose models[\s\S]*\[1\]: $/);
    second.type(`${none}\r`);
    await second.until(/listening on http/);
    expect(second.stdout()).not.toContain('Which client');
    second.signal('SIGINT');
    expect(await second.ended).toBe(0);
  }, 60_000);

  test('takes a key, which is not shown, and offers what it opens', async () => {
    const first = start({ OPENAI_BASE_URL: `${vendor.url}/v1` });
    await first.until(/1\) openai \(an API key\)[\s\S]*\[1\]: $/);
    first.type('1\r');
    await first.until(/it is not shown\): $/);
    first.type('sk-typed-by-a-person\r');
    await first.until(/Which client[\s\S]*\[1\]: $/);
    first.type('1\r');
    await first.until(/1\) openai\/real-1[\s\S]*\[1\]: $/);
    expect(first.stdout()).not.toContain('typed-by-a-person');
    first.type('\u0004');
    expect(await first.ended).toBe(1);
    expect(first.stdout()).toContain('Nothing more was done');
  }, 60_000);

  test('without a terminal prints help and asks nothing', async () => {
    const quiet = start({}, false);
    expect(await quiet.ended).toBe(2);
    expect(quiet.stdout() + quiet.stderr()).toContain('Usage: dragoman');
    expect(quiet.stdout() + quiet.stderr()).not.toContain('Whose models');
  });
});
