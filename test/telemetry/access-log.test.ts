import { describe, expect, test } from 'bun:test';
import { accessLog, type AccessLogOptions } from '../../src/telemetry/access-log.ts';
import { redactor } from '../../src/telemetry/redact.ts';
import { turnRecord } from './records.ts';

const nowMs = () => Date.UTC(2026, 10, 21, 12, 0, 0, 500);

function openLog(more: Partial<AccessLogOptions> = {}) {
  const written: string[] = [];
  const log = accessLog({
    format: 'json',
    write: (text) => void written.push(text),
    redactor: redactor(),
    nowMs,
    ...more,
  });
  return { log, written, text: () => written.join('') };
}

describe('JSON lines', () => {
  test('a request is one line with the same flat fields', async () => {
    const { log, text } = openLog();
    log.record(turnRecord());
    await log.flush();
    expect(text().split('\n')).toHaveLength(2);
    expect(JSON.parse(text())).toEqual({
      time: '2026-11-21T12:00:00.500Z',
      level: 'info',
      event: 'request',
      request_id: 'req_1',
      surface: 'anthropic-messages',
      method: 'POST',
      route: '/v1/messages',
      status: 200,
      outcome: 'ok',
      provider: 'claude',
      model: 'claude/haiku',
      upstream_model: 'haiku',
      upstream_protocol: 'anthropic-messages',
      lane: 'native',
      stream: true,
      stop: 'end',
      input_tokens: 120,
      output_tokens: 45,
      cache_read_tokens: 20,
      reasoning_tokens: 5,
      duration_ms: 2000,
      headers_ms: 200,
      first_token_ms: 300,
      upstream_ms: 1997,
      bytes_in: 500,
      bytes_out: 9000,
      client: 'claude-cli/2.1.0',
    });
  });

  test('a failure is a warning that names its kind, the gateway’s own an error', async () => {
    const { log, text } = openLog();
    log.record(
      turnRecord({
        outcome: 'error',
        status: 429,
        failure: { kind: 'rate_limited', scope: 'account', code: 'slow' },
      }),
    );
    log.record(
      turnRecord({ outcome: 'error', status: 500, failure: { kind: 'internal', scope: 'gateway' } }),
    );
    log.record(turnRecord({ outcome: 'cancelled', status: 499 }));
    await log.flush();
    const lines = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ level, failure, failure_code }) => [level, failure, failure_code])).toEqual([
      ['warn', 'rate_limited', 'slow'],
      ['error', 'internal', undefined],
      ['info', undefined, undefined],
    ]);
  });

  test('less severe lines than asked for are not written', async () => {
    const { log, text } = openLog({ level: 'warn' });
    log.event('info', 'quiet');
    log.record(turnRecord());
    log.event('warn', 'loud');
    await log.flush();
    expect(
      text()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(['loud']);
  });
});

describe('nothing a client sends can forge a line or drive a terminal', () => {
  const evil = 'x\n{"event":"forged"}\r\u001b[2J\u009b31m\u2028\u202e\u0000"\\';
  test.each(['json', 'pretty'] as const)('%s', async (format) => {
    const { log, text } = openLog({ format });
    const failure = { kind: 'upstream', scope: 'provider', code: evil } as const;
    log.record(turnRecord({ outcome: 'error', provider: undefined, model: evil, client: evil, failure }));
    log.record(turnRecord({ upstreamModel: evil, model: evil }));
    log.event('warn', evil, { value: evil });
    await log.flush();
    expect(text().split('\n')).toHaveLength(4);
    // oxlint-disable-next-line no-control-regex
    expect(text().replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  });

  test('the values in JSON are the ones that came', async () => {
    const { log, text } = openLog();
    log.record(turnRecord({ client: evil }));
    await log.flush();
    expect(JSON.parse(text()).client).toBe(evil);
  });
});

describe('secrets', () => {
  test.each(['json', 'pretty'] as const)('are masked in every value of a %s log', async (format) => {
    const { log, text } = openLog({ format, redactor: redactor(['hunter2hunter2']) });
    log.record(
      turnRecord({ model: 'hunter2hunter2', upstreamModel: 'hunter2hunter2', client: 'Bearer abcdefghijkl' }),
    );
    log.record(
      turnRecord({
        outcome: 'error',
        failure: { kind: 'upstream', scope: 'provider', code: 'bad key sk-proj-0123456789' },
      }),
    );
    log.event('error', 'failed hunter2hunter2', { why: 'x-api-key: abcdefgh' });
    await log.flush();
    expect(text()).toContain('***');
    expect(text()).not.toMatch(/hunter2|abcdefgh|0123456789/);
  });
});

describe('lines for people', () => {
  const plain = (text: string): string => text.replace(/^\d\d:\d\d:\d\d/gm, 'TIME');

  test('are aligned', async () => {
    const { log, text } = openLog({ format: 'pretty' });
    log.record(turnRecord());
    log.record(
      turnRecord({
        surface: 'openai-chat',
        provider: 'demo',
        model: 'demo/echo',
        upstreamModel: 'demo/echo',
        outcome: 'error',
        status: 429,
        usage: undefined,
        stop: undefined,
        firstTokenMs: undefined,
        endedMs: 1012,
        notes: [{ path: 'top_k', action: 'dropped', why: 'x', weight: 'note' }],
        failure: { kind: 'rate_limited', scope: 'account' },
      }),
    );
    log.event('info', 'listening', { url: 'http://127.0.0.1:1' });
    await log.flush();
    expect(plain(text())).toBe(
      [
        'TIME  200  anthropic-messages  claude/haiku                            2.00s  first 300ms  120→45 tok  20 cached',
        'TIME  429  openai-chat         demo/echo                                12ms  1 notes  error rate_limited',
        'TIME  info   listening  url=http://127.0.0.1:1',
        '',
      ].join('\n'),
    );
  });

  test('have colour only where it is welcome', async () => {
    for (const color of [true, false]) {
      const { log, text } = openLog({ format: 'pretty', color });
      log.record(turnRecord({ status: 500 }));
      log.event('error', 'x');
      await log.flush();
      expect(text().includes('\u001b[31m')).toBe(color);
    }
  });
});

describe('writing', () => {
  test('many lines of one moment go out in one write, soon', async () => {
    const { log, written } = openLog({ flushMs: 20 });
    for (let i = 0; i < 100; i++) log.event('info', `e${i}`);
    expect(written).toEqual([]);
    await Bun.sleep(100);
    expect(written).toHaveLength(1);
    expect(written[0]!.trim().split('\n')).toHaveLength(100);
  });

  test('writes never overlap and keep the order', async () => {
    let open = 0;
    let most = 0;
    let text = '';
    const write = async (part: string): Promise<void> => {
      most = Math.max(most, ++open);
      await Bun.sleep(5);
      text += part;
      open--;
    };
    const { log } = openLog({ write, flushMs: 0 });
    for (let i = 0; i < 20; i++) {
      log.event('info', `e${i}`);
      await Bun.sleep(1);
    }
    await log.flush();
    expect(most).toBe(1);
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
    ).toEqual(Array.from({ length: 20 }, (_, i) => `e${i}`));
  });

  test('when the destination does not keep up, lines are dropped, and their number is told', async () => {
    const free = Promise.withResolvers<void>();
    let text = '';
    const write = (part: string): Promise<void> => {
      text += part;
      return free.promise;
    };
    const { log } = openLog({ write, flushMs: 0, pendingCharsMax: 500 });
    log.event('info', 'first');
    await Bun.sleep(10);
    for (let i = 0; i < 100; i++) log.event('info', 'more');
    free.resolve();
    await log.flush();
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ level: 'warn', event: 'log_lines_dropped' });
    expect(lines.length - 2 + lines.at(-1).lines).toBe(100);
  });

  test('a destination that fails does not reach the request', async () => {
    const { log } = openLog({ write: () => Promise.reject(new Error('disk full')), flushMs: 0 });
    log.record(turnRecord());
    await log.flush();
    expect(() => log.record(turnRecord())).not.toThrow();
    await log.flush();
  });
});
