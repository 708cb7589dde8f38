import { afterEach, describe, expect, test } from 'bun:test';
import { ask } from '../gateway/setup.ts';
import { jsonLines, projectRoot, startProgram, startServe } from '../support/program.ts';
import { openSocket } from '../support/socket.ts';
import { heldReply, startServed, type Served } from './setup.ts';

let served: Served | undefined;
afterEach(async () => {
  await served?.stop();
  served = undefined;
});

const textOf = async (response: Response): Promise<string> => {
  let text = '';
  try {
    for await (const chunk of response.body!) text += new TextDecoder().decode(chunk);
    return text;
  } catch {
    return `${text}(cut)`;
  }
};
const eventsOf = (stdout: string): unknown[] => jsonLines(stdout).map(({ event }) => event);

describe('Ctrl-C', () => {
  test('lets an open stream finish, takes no new one, and ends with status 0', async () => {
    served = await startServed();
    const { script, hold } = heldReply();
    served.upstream.enqueue(script);
    const response = await ask(served, 'chat', { stream: true });
    const text = textOf(response);
    served.program.signal('SIGINT');
    await served.program.until(/"stopping"/);
    expect(await ask(served, 'chat', {}).then(String, (error: Error) => error.name)).toBe('TypeError');
    setTimeout(hold.open, 200);
    expect(await served.program.ended).toBe(0);
    expect(await text).toEndWith('data: [DONE]\n\n');
    expect(served.requests()).toMatchObject([{ status: 200, outcome: 'ok', stream: true }]);
    expect(served.program.stderr()).toBe('');
  });

  test('ends WebSockets with 1012: the idle one at once, the other after its turn', async () => {
    served = await startServed();
    const { script, hold } = heldReply();
    served.upstream.enqueue(script);
    const [idle, busy] = [await openSocket(served.url), await openSocket(served.url)];
    busy.send({ type: 'response.create', model: 'chat/m', input: 'hi' });
    await busy.next();
    served.program.signal('SIGTERM');
    expect(await idle.closed).toMatchObject({ code: 1012 });
    hold.open();
    expect((await busy.turn()).at(-1)!.type).toBe('response.completed');
    expect(await busy.closed).toMatchObject({ code: 1012 });
    expect(await served.program.ended).toBe(0);
    expect(served.requests()).toMatchObject([{ status: 200, outcome: 'ok', transport: 'websocket' }]);
  });

  test('cuts what is still open after drain_ms, in a way that its client sees', async () => {
    served = await startServed({ server: { drain_ms: 300 } });
    const { script, hold } = heldReply();
    served.upstream.enqueue(script, { kind: 'silent' });
    const text = textOf(await ask(served, 'chat', { stream: true }));
    const waiting = ask(served, 'chat', {}).then(String, (error: Error) => error.name);
    while (served.upstream.requests.length < 2) await Bun.sleep(5);
    const startMs = performance.now();
    served.program.signal('SIGINT');
    expect(await served.program.ended).toBe(0);
    expect(performance.now() - startMs).toBeWithin(290, 10_000);
    expect(await text).toEndWith('(cut)');
    expect(await text).not.toContain('[DONE]');
    expect(await waiting).toBe('TypeError');
    // Both have their line, the one that had no answer yet as well.
    expect(served.requests().map(({ status }) => status)).toEqual([200, 499]);
    hold.open();
  });

  test('a second time does not wait', async () => {
    served = await startServed({ server: { drain_ms: 50_000 } });
    const { script, hold } = heldReply();
    served.upstream.enqueue(script);
    const text = textOf(await ask(served, 'chat', { stream: true }));
    const startMs = performance.now();
    served.program.signal('SIGINT');
    await served.program.until(/"stopping"/);
    served.program.signal('SIGINT');
    expect(await served.program.ended).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(await text).toEndWith('(cut)');
    expect(eventsOf(served.program.stdout())).toEqual(['listening', 'stopping', 'stopping_now', 'request']);
    hold.open();
  });

  test('typed into the terminal of npm start lets an open stream finish', async () => {
    const program = await startServe({ command: ['npm', 'start', '--'], cwd: projectRoot, terminal: true });
    try {
      const response = await ask(program, 'chat', {
        model: 'demo/echo',
        stream: true,
        messages: [{ role: 'user', content: 'word '.repeat(30) }],
      });
      const text = textOf(response);
      await Bun.sleep(100);
      program.signal('SIGINT');
      expect(await text).toEndWith('data: [DONE]\n\n');
      await program.ended;
      expect(program.stdout()).toMatch(/Ctrl-C stops it\.[\s\S]*stopping[\s\S]*demo\/echo/);
      expect(program.stdout()).not.toContain('stopping_now');
    } finally {
      await program.remove();
    }
  }, 60_000);
});

test('a port in use is said in one clear line, with status 1', async () => {
  const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() });
  const program = startProgram({ args: ['serve', '--port', String(taken.port)] });
  expect(await program.ended).toBe(1);
  expect(program.stdout()).toBe('');
  expect(program.stderr()).toBe(
    `error: 127.0.0.1:${taken.port} is in use; stop what listens there or choose another with --port\n`,
  );
  await program.remove();
  await taken.stop(true);
});

test('a port that another gateway has is in use as well', async () => {
  served = await startServed();
  const { port } = new URL(served.url);
  const program = startProgram({ args: ['serve', '--port', port] });
  expect(await program.ended).toBe(1);
  expect(program.stderr()).toStartWith(`error: 127.0.0.1:${port} is in use`);
  await program.remove();
});

test.each(['warn', 'error'])('programs learn the address also with log.level: %s', async (level) => {
  served = await startServed({ log: { level } });
  expect(jsonLines(served.program.stdout())).toMatchObject([{ event: 'listening', url: served.url }]);
});
