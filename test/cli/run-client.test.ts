import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { programs } from '../../src/cli/clients/names.ts';
import { startProgram, startServe, type Program } from '../support/program.ts';
import { newPerson, type Person } from './setup-host.ts';

/** Programs are started, on machines that have other things to do too. */
setDefaultTimeout(60_000);

let person: Person;
let running: Program | undefined;
beforeEach(() => {
  person = newPerson();
});
afterEach(async () => {
  await running?.remove();
  running = undefined;
  person.remove();
});

/** A program of a client's name that does what a script says. */
function install(program: string, script: string): void {
  chmodSync(person.write(`bin/${program}`, `#!/bin/sh\n${script}\n`), 0o755);
  person.env.PATH = `${join(person.home, 'bin')}:${process.env.PATH}`;
}

function start(args: string[], more: { terminal?: boolean; env?: Record<string, string> } = {}): Program {
  running = startProgram({
    args: ['run', ...args],
    env: { ...person.env, ...more.env },
    cwd: person.project,
    terminal: more.terminal,
  });
  return running;
}

const ask = `curl -s -o /dev/null -w 'asked %{http_code}\\n' -H "authorization: Bearer $ANTHROPIC_AUTH_TOKEN" "$ANTHROPIC_BASE_URL/v1/models"`;

const byKey = '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }';

describe('dragoman run', () => {
  test('Gemini CLI is not started where its settings would not let it in', async () => {
    install('gemini', 'echo started');
    const program = start(['gemini']);
    expect(await program.ended).toBe(1);
    expect([program.stdout(), program.stderr()]).toEqual([
      '',
      expect.stringContaining('`dragoman setup gemini`'),
    ]);
  });

  test('the client gets its own arguments, and its status is the status', async () => {
    install('claude', 'for each in "$@"; do echo "<$each>"; done; exit 42');
    const program = start(['claude', '--', '-p', 'two words', '--model', 'x']);
    expect(await program.ended).toBe(42);
    expect(program.stdout()).toContain('<-p>\n<two words>\n<--model>\n<x>\n');
  });

  test.each(Object.keys(programs))(
    '%s is pointed at a gateway that answers, and no file is touched',
    async (name) => {
      install(name, 'env; for each in "$@"; do echo "$each"; done');
      if (name === 'gemini') person.write('.gemini/settings.json', byKey);
      const before = person.snapshot();
      const program = start([name, '--model', 'demo/tools', '--', 'hello']);
      expect(await program.ended).toBe(0);
      expect(program.stdout()).toMatch(/http:\/\/127\.0\.0\.1:\d+/);
      expect(program.stdout()).toContain('demo/tools');
      expect(program.stderr()).toContain('one runs as long as this client does');
      expect(person.snapshot()).toEqual(before);
      const left = join(person.env.DRAGOMAN_HOME!, 'clients');
      expect(existsSync(left) ? readdirSync(left) : []).toEqual([]);
    },
  );

  test('without a gateway one serves as long as the client runs', async () => {
    install('claude', `${ask}; echo "$ANTHROPIC_BASE_URL"`);
    const program = start(['claude']);
    expect(await program.ended).toBe(0);
    expect(program.stdout()).toContain('asked 200');
    const url = /http:\S+/.exec(program.stdout())![0];
    expect(await fetch(url).catch(() => 'gone')).toBe('gone');
  });

  test('a gateway that runs is taken, with a key where it needs one, the same the next time', async () => {
    await person.dragoman(['keys', 'create', 'somebody']);
    const gateway = await startServe({ env: { DRAGOMAN_HOME: person.env.DRAGOMAN_HOME! } });
    try {
      person.env.DRAGOMAN_PORT = new URL(gateway.url).port;
      install('claude', `${ask}; echo "$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN"`);
      const first = start(['claude']);
      expect(await first.ended).toBe(0);
      expect([first.stderr(), first.stdout()]).toEqual(['', expect.stringMatching(/^asked 200\n/)]);
      expect(first.stdout()).toContain(`${gateway.url} drg_`);
      const told = first.stdout();
      await first.remove();
      const second = start(['claude']);
      expect(await second.ended).toBe(0);
      expect(second.stdout()).toBe(told);
      const sealed = person.read('gateway/clients/run.key');
      expect(sealed).not.toContain('drg_');
      expect(person.mode('gateway/clients/run.key')).toBe('600');
    } finally {
      await gateway.remove();
    }
  }, 60_000);

  test('a signal goes on to the client, whose end decides', async () => {
    install('claude', "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    const program = start(['claude']);
    await program.until(/ready/);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(9);
    expect(program.stdout()).toContain('caught');
  });

  test('a client that a signal ends has the status that a shell gives it', async () => {
    install('claude', 'kill -KILL $$');
    expect(await start(['claude']).ended).toBe(137);
  });

  test('the client has the terminal, and Ctrl-C is its own affair', async () => {
    const script = `process.on('SIGINT', () => { console.log('stopped once'); setTimeout(() => process.exit(5), 100); });
      if (process.stdin.isTTY && process.stdout.isTTY) console.log('on a terminal');
      setInterval(() => {}, 1000);`;
    person.write('client.ts', script);
    install('claude', `exec '${process.execPath}' '${join(person.home, 'client.ts')}'`);
    const program = start(['claude'], { terminal: true });
    await program.until(/on a terminal/);
    program.signal('SIGINT');
    expect(await program.ended).toBe(5);
    expect(program.stdout().match(/stopped once/g)).toHaveLength(1);
  });

  test('a client that is not installed is a clear error', async () => {
    const program = start(['claude'], { env: { PATH: '/nowhere' } });
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toContain('there is no program claude');
    expect(program.stderr()).toContain('npm install -g @anthropic-ai/claude-code');
  });

  test('an address where nobody answers is a clear error, and starts nothing', async () => {
    install('claude', 'echo started');
    const program = start(['claude', '--url', 'http://127.0.0.1:1']);
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toContain('nobody answers at http://127.0.0.1:1');
    expect(program.stdout()).toBe('');
  });
});
