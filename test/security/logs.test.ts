/** What clients and upstreams choose is told in the log as it is and never as a line, a colour or a secret of its own. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { accessLog } from '../../src/telemetry/access-log.ts';
import { startRecord } from '../../src/telemetry/record.ts';
import { redactor } from '../../src/telemetry/redact.ts';
import { startServed, type Served } from '../serve/setup.ts';
import { jsonLines } from '../support/program.ts';
import { sendRaw, statusesIn } from './raw.ts';

setDefaultTimeout(60_000);

/** Line ends of every kind, terminal controls, and marks that turn the direction of writing. */
const nasty =
  '\r\n\u0000\u0007\u001b[2J\u001b]0;title\u0007\u007f\u0085\u009b31m\u2028\u2029\u202e\u2066\ufeff';
const forged = `${nasty}{"level":"info","event":"forged"}`;
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/;

describe.each(['json', 'pretty'] as const)('a record in %s', (format) => {
  test('is one line without any control, whatever its fields hold', async () => {
    let written = '';
    const log = accessLog({
      format,
      level: 'debug',
      color: false,
      write: (text) => void (written += text),
      redactor: redactor([]),
    });
    const failure = {
      kind: 'invalid_request',
      scope: 'request',
      status: 400,
      message: forged,
      code: forged,
      param: forged,
      retryable: false,
      cause: new Error(forged),
    } as const;
    const record = startRecord({
      requestId: forged,
      surface: 'openai-chat',
      method: forged,
      route: forged,
      startedMs: 0,
      client: forged,
      model: forged,
      provider: forged,
      upstreamModel: forged,
      account: forged,
      status: 400,
      outcome: 'error',
      failure,
    });
    record.notes = [{ path: forged, action: 'dropped', why: forged, weight: 'note' }];
    log.record(record);
    log.event('warn', 'store_unavailable', { why: forged });
    await log.flush();
    const lines = written.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines.filter((line) => controls.test(line))).toEqual([]);
    if (format === 'json') {
      const [first] = jsonLines(written);
      expect(first!.model).toBe(forged);
      expect(first!.event).toBe('request');
    }
  });
});

describe.each(['json', 'pretty'])('a gateway that logs in %s', (format) => {
  let served: Served;
  beforeAll(async () => {
    served = await startServed({ log: { format, level: 'debug' } });
  });
  afterAll(() => served.stop());

  test('cannot be made to write lines, controls or keys that a client chooses', async () => {
    const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      fetch(served.url + path, { method: 'POST', headers, body: JSON.stringify(body) }).then((r) => r.text());
    const before = served.program.stdout().split('\n').length;
    await post('/v1/chat/completions', { model: forged, messages: [] });
    await post('/v1/messages', { model: `chat/${forged}`, messages: [], max_tokens: 9, [forged]: forged });
    await post(`/v1beta/models/${encodeURIComponent(forged)}:generateContent`, { contents: [] });
    await post(`/chat/${encodeURIComponent('s\u001b[31m')}/v1/responses`, { model: 'm', input: 'x' });
    await fetch(`${served.url}/v1/models/${encodeURIComponent('m\u001b[31m\u202e')}`).then((r) => r.text());
    // A control in a header is refused before anybody looks at it.
    const raw = await sendRaw(
      served.url,
      `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \u001b[31mred\u009b\r\nX-Request-Id: "forged"\u001b\r\nConnection: close\r\n\r\n`,
    );
    expect(statusesIn(raw)).toEqual([400]);
    const key = 'sk-proj-abcdefghijklmnop';
    await post(
      '/v1/chat/completions',
      { model: key, messages: [] },
      { 'user-agent': key, 'x-request-id': key },
    );
    await Bun.sleep(300);
    const lines = served.program
      .stdout()
      .split('\n')
      .slice(before - 1)
      .filter(Boolean);
    expect(lines).toHaveLength(6);
    expect(lines.filter((line) => controls.test(line))).toEqual([]);
    if (format === 'json')
      expect(jsonLines(lines.join('\n')).map(({ event }) => event)).toEqual(lines.map(() => 'request'));
    expect(lines.join('\n')).not.toContain('abcdefghijklmnop');
  });
});
