import { expect, test } from 'bun:test';
import { clientName, recordTo, startRecord, type Recorder } from '../../src/telemetry/record.ts';
import { turnRecord } from './records.ts';

test.each([
  ['claude-cli/2.1.0 (external, cli)', 'claude-cli/2.1.0'],
  ['OpenAI/Python 1.2.3', 'OpenAI/Python'],
  ['codex_cli_rs/0.1', 'codex_cli_rs/0.1'],
  ['', undefined],
  [null, undefined],
  ['(none)', undefined],
  ['x'.repeat(500), 'x'.repeat(48)],
])('the client %p is called %p', (userAgent, name) => {
  expect(clientName(userAgent)).toBe(name);
});

test('a request that nobody finishes counts as an internal error', () => {
  const record = startRecord({
    requestId: 'r',
    surface: 'models',
    method: 'GET',
    route: '/v1/models',
    startedMs: 5,
  });
  expect(record).toMatchObject({ status: 500, outcome: 'error', lane: 'none', endedMs: 5, notes: [] });
});

test('every recorder is told', () => {
  const told: string[] = [];
  const recorder = (name: string): Recorder => ({
    record: ({ requestId }) => told.push(`${name} ${requestId}`),
    streamsOpen: (change) => told.push(`${name} ${change}`),
  });
  const counting = { ...recorder('c'), socketsOpen: (change: number) => told.push(`sockets ${change}`) };
  const all = recordTo(recorder('a'), recorder('b'), counting);
  all.record(turnRecord());
  all.streamsOpen(1);
  all.socketsOpen!(-1);
  expect(told).toEqual(['a req_1', 'b req_1', 'c req_1', 'a 1', 'b 1', 'c 1', 'sockets -1']);
});
