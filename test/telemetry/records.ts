import { startRecord, type TurnRecord } from '../../src/telemetry/record.ts';

/** A turn that went well, with what a test wants different. */
export function turnRecord(more: Partial<TurnRecord> = {}): TurnRecord {
  return startRecord({
    requestId: 'req_1',
    surface: 'anthropic-messages',
    method: 'POST',
    route: '/v1/messages',
    provider: 'claude',
    model: 'claude/haiku',
    upstreamModel: 'haiku',
    upstreamProtocol: 'anthropic-messages',
    lane: 'native',
    stream: true,
    status: 200,
    outcome: 'ok',
    stop: { reason: 'end' },
    usage: { fresh: 100, cacheRead: 20, output: 40, reasoning: 5 },
    startedMs: 1000,
    headersMs: 1200,
    firstTokenMs: 1300,
    endedMs: 3000,
    upstreamMs: 1997,
    bytesIn: 500,
    bytesOut: 9000,
    client: 'claude-cli/2.1.0',
    ...more,
  });
}
