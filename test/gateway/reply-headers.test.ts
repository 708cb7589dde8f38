import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { refusal } from './fault-scripts.ts';
import { ask, hello, startBench, surfaceNames } from './setup.ts';

const bench = startBench();
afterEach(() => bench.upstream.reset());
afterAll(() => bench.stop());

/** What vendors say of their limits, by which clients pace themselves. */
const limits = {
  'x-ratelimit-limit-requests': '500',
  'x-ratelimit-remaining-requests': '7',
  'x-ratelimit-remaining-tokens': '29000',
  'x-ratelimit-reset-tokens': '6m0s',
  'anthropic-ratelimit-requests-remaining': '3',
  'anthropic-ratelimit-input-tokens-reset': '2026-11-20T10:00:40Z',
  'anthropic-ratelimit-unified-status': 'allowed_warning',
  'anthropic-ratelimit-unified-5h-utilization': '0.93',
};
const theirs = { 'request-id': 'req_upstream', 'x-request-id': 'req_upstream', 'x-internal': 'secret' };

const told = ({ headers }: Response): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.includes('ratelimit')));

describe.each(surfaceNames)('a client of %s', (surface) => {
  const ownIds = surface === 'messages' ? ['request-id', 'x-request-id'] : ['x-request-id'];

  /** The gateway's own id, under which its log has the request, where the client looks for one. */
  function expectOwnId(response: Response): void {
    const { requestId } = bench.records.at(-1)!;
    expect(ownIds.map((name) => response.headers.get(name))).toEqual(ownIds.map(() => requestId));
    expect([...response.headers.values()].join()).not.toContain('req_upstream');
    expect(response.headers.get('x-internal')).toBeNull();
  }

  test.each(surfaceNames)(
    'is told of the limits of a %s upstream with an answer, and of its id',
    async (upstream) => {
      const { blocks } = hello[upstream];
      bench.upstream.enqueue({ kind: 'stream', blocks, headers: { ...limits, ...theirs } });
      const response = await ask(bench, surface, { model: `${upstream}/m`, stream: true });
      expect(response.status).toBe(200);
      await response.text();
      expect(told(response)).toEqual(limits);
      expectOwnId(response);
    },
  );

  test.each(surfaceNames)(
    'is told of the limits of a %s upstream that refuses it, when to ask again, and of its id',
    async (upstream) => {
      bench.upstream.enqueue(refusal(429, {}, { ...limits, ...theirs, 'retry-after': '7' })(upstream));
      const response = await ask(bench, surface, { model: `${upstream}/m`, stream: true });
      expect(response.status).toBe(429);
      await response.text();
      expect(told(response)).toEqual(limits);
      expect(response.headers.get('retry-after')).toBe('7');
      expectOwnId(response);
    },
  );
});
