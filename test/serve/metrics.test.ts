import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { prometheusContentType } from '../../src/telemetry/prometheus.ts';
import { ask } from '../gateway/setup.ts';
import { parsePrometheus, type ParsedFamily } from '../telemetry/prometheus-text.ts';
import { askAndHold, askWhole, heldReply, refusal, replies, startServed, type Served } from './setup.ts';
import { eventually } from '../support/eventually.ts';

let served: Served;
let families: Map<string, ParsedFamily>;
let contentType: string | null;
/** `dragoman_streams_open` before anything, while one stream is held, and after all. */
const streamsOpen: number[] = [];

const valueOf = (name: string, labels: Record<string, string>, family = name): number | undefined =>
  families
    .get(family)
    ?.samples.find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value;

async function scrape(): Promise<Map<string, ParsedFamily>> {
  const response = await fetch(`${served.url}/metrics`);
  contentType = response.headers.get('content-type');
  return parsePrometheus(await response.text());
}
const openNow = async (): Promise<number> => (await scrape()).get('dragoman_streams_open')!.samples[0]!.value;

beforeAll(async () => {
  served = await startServed();
  const { upstream } = served;
  streamsOpen.push(await openNow());

  // Native and translated, streamed and not.
  upstream.enqueue(replies('chat'), replies('chat'), replies('messages'), replies('chat'));
  await askWhole(served, 'chat', { stream: true });
  await askWhole(served, 'messages', { stream: true, top_k: 3 });
  await askWhole(served, 'messages', { model: 'messages/m' });
  await askWhole(served, 'responses', {});
  // Refused, cut, left, unreachable, unknown.
  upstream.enqueue(refusal(429, 'slow down'), replies('chat', { split: 'event', cutBefore: 2 }));
  await askWhole(served, 'chat', {});
  await askWhole(served, 'chat', { stream: true });
  const { script, hold } = heldReply();
  upstream.enqueue(script);
  const leave = await askAndHold(served, {});
  streamsOpen.push(await openNow());
  leave();
  await askWhole(served, 'chat', { model: 'gone/m' });
  await askWhole(served, 'chat', { model: 'nobody/has-this' });
  await eventually(async () => (await openNow()) === 0);
  hold.open();
  streamsOpen.push(await openNow());
  families = await scrape();
});
afterAll(() => served.stop());

describe('/metrics after a few turns', () => {
  test('is in the text format that scrapers expect', () => {
    expect(contentType).toBe(prometheusContentType);
  });

  test('counts every request by surface, provider, model, status and form', () => {
    const rows = families
      .get('dragoman_requests_total')!
      .samples.map(({ labels: { surface, provider, model, status, stream }, value }) =>
        [surface, provider, model, status, stream, value].join(' '),
      );
    expect(rows.sort()).toEqual(
      [
        // A name that no provider knows has no series of its own.
        'openai-chat  other 404 false 1',
        'openai-chat chat m 200 true 3',
        'openai-chat chat m 429 false 1',
        'openai-chat gone m 502 false 1',
        'openai-responses chat m 200 false 1',
        'anthropic-messages chat m 200 true 1',
        'anthropic-messages messages m 200 false 1',
      ].sort(),
    );
  });

  test('tells durations by how the request ended', () => {
    const name = 'gen_ai_client_operation_duration_seconds';
    const count = (labels: Record<string, string>) => valueOf(`${name}_count`, labels, name);
    const chat = { surface: 'openai-chat', gen_ai_operation_name: 'chat', gen_ai_provider_name: 'chat' };
    expect(count({ ...chat, gen_ai_request_model: 'm', error_type: '' })).toBe(1);
    expect(count({ ...chat, error_type: 'rate_limited' })).toBe(1);
    expect(count({ ...chat, error_type: 'cut' })).toBe(1);
    expect(count({ ...chat, error_type: 'cancelled' })).toBe(1);
    expect(count({ surface: 'openai-chat', gen_ai_provider_name: 'gone', error_type: 'unreachable' })).toBe(
      1,
    );
    expect(count({ surface: 'anthropic-messages', gen_ai_provider_name: 'messages', error_type: '' })).toBe(
      1,
    );
  });

  test('tells tokens, in both lanes and both forms', () => {
    const name = 'gen_ai_client_token_usage';
    const sum = (surface: string, provider: string, type: string) =>
      valueOf(`${name}_sum`, { surface, gen_ai_provider_name: provider, gen_ai_token_type: type }, name);
    // Every reply of the upstream is 5 tokens in and 2 out.
    for (const [surface, provider] of [
      ['openai-chat', 'chat'],
      ['anthropic-messages', 'chat'],
      ['anthropic-messages', 'messages'],
      ['openai-responses', 'chat'],
    ] as const) {
      expect([surface, sum(surface, provider, 'input'), sum(surface, provider, 'output')]).toEqual([
        surface,
        5,
        2,
      ]);
    }
  });

  test('tells the time to the first piece of the streams', () => {
    const name = 'gen_ai_server_time_to_first_token_seconds';
    const count = (surface: string) =>
      valueOf(`${name}_count`, { surface, gen_ai_provider_name: 'chat' }, name);
    expect([count('openai-chat'), count('anthropic-messages'), count('openai-responses')]).toEqual([
      3,
      1,
      undefined,
    ]);
  });

  test('tells the gateway’s own time by lane, not that of clients who left', () => {
    const name = 'dragoman_overhead_seconds';
    const count = (surface: string, lane: string) => valueOf(`${name}_count`, { surface, lane }, name);
    expect(count('openai-chat', 'native')).toBe(4);
    expect(count('anthropic-messages', 'translated')).toBe(1);
    expect(count('anthropic-messages', 'native')).toBe(1);
    expect(count('openai-responses', 'translated')).toBe(1);
    for (const { name: sample, value } of families.get(name)!.samples)
      if (sample.endsWith('_sum')) expect(value).toBeLessThan(1);
  });

  test('counts what could not be carried', () => {
    expect(valueOf('dragoman_notes_total', { field: 'top_k', action: 'dropped' })).toBe(1);
  });

  test('streams that are open go up, and back to none whatever their end', () => {
    expect(streamsOpen).toEqual([0, 1, 0]);
  });

  test('an unknown model gets no series of its own, however often it is asked for', async () => {
    for (let i = 0; i < 20; i++) await ask(served, 'chat', { model: `invented-${i}` });
    const text = await (await fetch(`${served.url}/metrics`)).text();
    expect(text).not.toContain('invented');
  });
});
