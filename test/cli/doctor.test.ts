import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { clockFindings } from '../../src/cli/doctor/upstreams.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { startServe } from '../support/program.ts';
import { newPerson, type Person } from './setup-host.ts';

/** Programs are started, on machines that have other things to do too. */
setDefaultTimeout(60_000);

let person: Person;
beforeEach(() => {
  person = newPerson();
});
afterEach(() => person.remove());

async function examine(): Promise<{ status: number; findings: Finding[]; text: string }> {
  const { status, stdout, stderr } = await person.dragoman(['doctor', '--json']);
  expect(stderr).toBe('');
  return { status, findings: JSON.parse(stdout) as Finding[], text: stdout };
}
const of = (findings: readonly Finding[], check: string): Finding[] =>
  findings.filter((each) => each.check === check);
const problems = (findings: readonly Finding[]): Finding[] =>
  findings.filter(({ level }) => level === 'problem');

/** An upstream that answers as it is told, with a date of its own. */
async function upstream(status: number, aheadMs = 0): Promise<{ url: string; stop(): void }> {
  const server = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(status, {
      'content-type': 'application/json',
      date: new Date(Date.now() + aheadMs).toUTCString(),
    });
    response.end(
      JSON.stringify(
        status === 200
          ? { object: 'list', data: [{ id: 'm' }] }
          : { error: { message: 'no, not with sk-tops3cret-key' } },
      ),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () => void server.close(),
  };
}
const configure = (url: string): void =>
  void person.write(
    'project/dragoman.yaml',
    `providers:\n  - name: far\n    type: openai\n    base_url: ${url}\n    api_key: \${FAR_KEY}\n`,
  );

describe('dragoman doctor', () => {
  test('finds no problem with nothing there yet, and leaves nothing behind', async () => {
    const { status, findings } = await examine();
    expect([status, problems(findings)]).toEqual([0, []]);
    expect(new Set(findings.map(({ check }) => check))).toEqual(
      new Set([
        'runtime',
        'configuration',
        'secrets',
        'store',
        'port',
        'accounts',
        'upstreams',
        'clock',
        'clients',
      ]),
    );
    expect(existsSync(person.env.DRAGOMAN_HOME!)).toBe(false);
  });

  test('tells people line by line, each problem with its cure', async () => {
    person.write('project/dragoman.yaml', 'server: { prot: 1 }\n');
    const { status, stdout } = await person.dragoman(['doctor']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ok +runtime +Bun \d/);
    expect(stdout).toMatch(/^problem +configuration dragoman\.yaml:1:\d+.*prot.*\n +→ mend it/m);
  });

  test('a secret that others may read', async () => {
    await person.dragoman(['keys', 'create', 'x']);
    const file = join(person.env.DRAGOMAN_HOME!, 'vault.key');
    chmodSync(file, 0o644);
    const { status, findings } = await examine();
    expect(status).toBe(1);
    expect(problems(findings)).toEqual([
      {
        check: 'secrets',
        level: 'problem',
        what: `others on this machine may read ${file} (mode 644)`,
        cure: `chmod 600 ${file}`,
      },
    ]);
  });

  test('a store that cannot be opened', async () => {
    await person.dragoman(['keys', 'create', 'x']);
    writeFileSync(
      join(person.env.DRAGOMAN_HOME!, 'dragoman.db'),
      'this is no database, whatever it is called, and long enough',
    );
    const { status, findings } = await examine();
    expect([status, of(findings, 'store')[0]?.level]).toEqual([1, 'problem']);
  });

  test('something else at the port, and a gateway there', async () => {
    const other = Bun.serve({
      hostname: '127.0.0.1',
      port: Number(person.env.DRAGOMAN_PORT),
      fetch: () => new Response('hello'),
    });
    const found = await examine();
    expect([found.status, of(found.findings, 'port')[0]?.level]).toEqual([1, 'problem']);
    await other.stop(true);
    const gateway = await startServe({ env: { DRAGOMAN_HOME: person.env.DRAGOMAN_HOME! } });
    try {
      person.env.DRAGOMAN_PORT = new URL(gateway.url).port;
      const { status, findings } = await examine();
      expect([status, of(findings, 'port')[0]?.level, of(findings, 'clock')[0]?.level]).toEqual([
        0,
        'ok',
        'ok',
      ]);
    } finally {
      await gateway.remove();
    }
  });

  test('an upstream that answers, refuses, or cannot be reached; no secret is told', async () => {
    person.env.FAR_KEY = 'sk-tops3cret-key';
    const good = await upstream(200);
    configure(good.url);
    const first = await examine();
    expect(of(first.findings, 'upstreams')).toContainEqual({
      check: 'upstreams',
      level: 'ok',
      what: 'far answers (1 model)',
    });
    good.stop();
    const bad = await upstream(401);
    configure(bad.url);
    const second = await examine();
    expect([second.status, problems(second.findings)[0]]).toMatchObject([
      1,
      { check: 'upstreams', cure: expect.stringContaining('dragoman login far') },
    ]);
    expect(second.text).not.toContain('tops3cret');
    bad.stop();
    configure('http://127.0.0.1:1/v1');
    const third = await examine();
    expect(problems(third.findings)[0]).toMatchObject({
      check: 'upstreams',
      cure: expect.stringContaining('base_url'),
    });
  });

  test('a clock that is wrong', async () => {
    person.env.FAR_KEY = 'sk-tops3cret-key';
    const far = await upstream(200, 3_600_000);
    configure(far.url);
    const { findings } = await examine();
    expect(of(findings, 'clock')[0]).toMatchObject({
      level: 'problem',
      what: expect.stringMatching(/^this clock is 3\d{3} s behind/),
    });
    expect(clockFindings([-90_000])[0]!.what).toBe('this clock is 90 s ahead of those who answered');
    expect(clockFindings([-2_000, 500, 900_000])[0]!.level).toBe('ok');
    far.stop();
  });

  test('clients: pointed here with a key that is good, revoked, or nobody listening', async () => {
    await person.dragoman(['setup', 'codex', '--yes']);
    await person.dragoman(['setup', 'claude-code', '--yes']);
    const quiet = await examine();
    expect(
      of(quiet.findings, 'clients')
        .filter(({ level }) => level === 'problem')
        .map(({ cure }) => cure),
    ).toEqual(['`dragoman serve`', '`dragoman serve`']);
    const gateway = await startServe({
      env: { DRAGOMAN_HOME: person.env.DRAGOMAN_HOME!, DRAGOMAN_PORT: '0' },
    });
    try {
      person.env.DRAGOMAN_PORT = new URL(gateway.url).port;
      await person.dragoman(['setup', 'codex', '--yes']);
      await person.dragoman(['setup', 'claude-code', '--yes']);
      const well = await examine();
      expect([well.status, of(well.findings, 'clients').map(({ what }) => what)]).toEqual([
        0,
        [
          'Claude Code is pointed here and asks for demo/tools',
          'Codex CLI is pointed here and asks for demo/tools',
          'opencode is not pointed here',
          'Gemini CLI is not pointed here',
        ],
      ]);
      await person.dragoman(['keys', 'revoke', 'codex']);
      person.write(
        '.claude/settings.json',
        person
          .read('.claude/settings.json')
          .replace('"ANTHROPIC_MODEL": "demo/tools"', '"ANTHROPIC_MODEL": "demo/gone"'),
      );
      const ill = await examine();
      expect(problems(ill.findings).map(({ what, cure }) => [what, cure])).toEqual([
        [
          'Claude Code asks for demo/gone, which nobody offers',
          '`dragoman setup claude-code --model demo/echo`',
        ],
        ['Codex CLI is pointed here with a key that is revoked', '`dragoman setup codex`'],
      ]);
    } finally {
      await gateway.remove();
    }
  }, 60_000);
});
