import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '../support/eventually.ts';

/** Nothing of a test may lie with the state of whoever runs it. */
const home = mkdtempSync(join(tmpdir(), 'dragoman-cli-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const entry = resolve(import.meta.dir, 'stub-main.ts');

/** Starts the program as a process of its own and waits until it listens. */
async function start(args: string[] = [], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, entry, 'serve', '--port', '0', ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '', DRAGOMAN_HOME: home, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let stdout = '';
  const listening = Promise.withResolvers<string>();
  const read = (async () => {
    for await (const chunk of child.stdout) {
      stdout += new TextDecoder().decode(chunk);
      const url = /http:\/\/[\d.:]+/.exec(stdout)?.[0];
      if (url) listening.resolve(url);
    }
    listening.reject(new Error('it did not listen'));
  })();
  return {
    child,
    url: await listening.promise,
    stdout: () => stdout,
    async ended() {
      const status = await child.exited;
      await read;
      return { status, stdout, stderr: await new Response(child.stderr).text() };
    },
  };
}

const textOf = async (response: Response): Promise<string> => {
  let text = '';
  try {
    for await (const chunk of response.body!) text += new TextDecoder().decode(chunk);
  } catch {
    text += '(cut)';
  }
  return text;
};

describe('serve', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('stops at %s with status 0', async (signal) => {
    const gateway = await start();
    gateway.child.kill(signal);
    const { status, stdout, stderr } = await gateway.ended();
    expect([status, stderr]).toEqual([0, '']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['listening', 'stopping']);
    expect(events[0].url).toBe(gateway.url);
  });

  test('lets open streams end', async () => {
    const gateway = await start();
    const response = await fetch(`${gateway.url}/hold?ms=300`);
    gateway.child.kill('SIGTERM');
    expect(await textOf(response)).toBe('begun\nended\n');
    expect((await gateway.ended()).status).toBe(0);
  });

  test('a second signal does not wait for them', async () => {
    const gateway = await start();
    const response = await fetch(`${gateway.url}/hold`);
    const startMs = performance.now();
    gateway.child.kill('SIGTERM');
    // A second one while the first is pending would be none.
    await eventually(() => gateway.stdout().includes('stopping'));
    gateway.child.kill('SIGTERM');
    expect((await gateway.ended()).status).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(await textOf(response)).not.toContain('ended');
  });

  test('the log has a line for each request, and nothing is lost at the end', async () => {
    const gateway = await start();
    await textOf(await fetch(`${gateway.url}/hold?ms=0`));
    gateway.child.kill('SIGTERM');
    const lines = (await gateway.ended()).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event, route }) => [event, route])).toEqual([
      ['listening', undefined],
      ['request', '/hold'],
      ['stopping', undefined],
    ]);
  });

  test('requests are counted', async () => {
    const gateway = await start();
    await textOf(await fetch(`${gateway.url}/hold?ms=0`));
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    gateway.child.kill('SIGTERM');
    await gateway.ended();
    expect(text).toContain(
      'dragoman_requests_total{surface="stub",provider="",model="",status="200",stream="false"} 1\n',
    );
  });

  test('lines for people without a terminal have neither banner nor colour', async () => {
    const gateway = await start(['--log-format', 'pretty']);
    gateway.child.kill('SIGTERM');
    const { stdout } = await gateway.ended();
    expect(stdout.split('\n')[0]).toBe(`listening on ${gateway.url}`);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('curl');
  });

  test('a port in use is a clear error with status 1', async () => {
    const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() });
    const child = Bun.spawn([process.execPath, entry, 'serve', '--port', String(taken.port)], {
      cwd: tmpdir(),
      env: { PATH: process.env.PATH ?? '', DRAGOMAN_HOME: home },
      stdout: 'pipe',
      stderr: 'pipe',
    });
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toBe(
      `error: 127.0.0.1:${taken.port} is in use; stop what listens there or choose another with --port\n`,
    );
    await taken.stop(true);
  });
});
