import { beforeEach, describe, expect, test } from 'bun:test';
import { createGatekeeper, type Gatekeeper } from '../../src/access/gatekeeper.ts';
import { openKeyRing, type KeyRing } from '../../src/access/keys.ts';
import { createLimits } from '../../src/access/limits.ts';
import { openStore } from '../../src/store/open.ts';
import { FailureError, type Failure } from '../../src/turn/failure.ts';

let ring: KeyRing;
let gate: Gatekeeper;
let laptop: string;
let boss: string;

beforeEach(async () => {
  const store = await openStore('sqlite::memory:');
  ring = await openKeyRing(store, (text) => Bun.hash(text).toString(16).padStart(64, '0'), Date.now);
  gate = createGatekeeper(ring, createLimits(Date.now));
});

async function withKeys(): Promise<void> {
  ({ secret: laptop } = await ring.create({
    name: 'laptop',
    rules: {
      models: ['claude/*', 'fast'],
      providers: ['claude'],
      requests_per_minute: 2,
      per_day: { usd: 1 },
    },
  }));
  ({ secret: boss } = await ring.create({ name: 'boss', role: 'admin' }));
}

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    return (error as FailureError).failure;
  }
  throw new Error('nothing was refused');
}
const headers = (values: Record<string, string>) => new Headers(values);

describe('the gatekeeper', () => {
  test('lets everybody in as long as there are no keys, whatever they show', () => {
    expect(gate.identify(headers({ authorization: 'Bearer anything' }))).toEqual({ id: '' });
    expect(createGatekeeper(undefined, createLimits(Date.now)).identify(headers({}))).toEqual({ id: '' });
  });

  test('knows a key in each place where clients put it, beside others', async () => {
    await withKeys();
    const places: Record<string, string>[] = [
      { authorization: `Bearer ${laptop}` },
      { authorization: `bearer ${laptop}` },
      { 'x-api-key': laptop },
      { 'x-goog-api-key': laptop },
      { 'x-api-key': 'sk-ant-of-the-vendor', authorization: `Bearer ${laptop}` },
    ];
    for (const shown of places) {
      expect(gate.identify(headers(shown)).key?.name).toBe('laptop');
    }
  });

  test('says why a key is not taken', async () => {
    await withKeys();
    const why = (shown: Record<string, string>) => failureOf(() => gate.identify(headers(shown)));
    expect(why({})).toMatchObject({ status: 401, code: 'missing_api_key', retryable: false });
    expect(why({ 'x-api-key': 'sk-other' })).toMatchObject({
      status: 401,
      message: 'the key is not one of this gateway',
    });
    expect(why({ 'x-api-key': boss }).message).toContain('/admin only');
    await ring.revoke('laptop');
    expect(why({ 'x-api-key': laptop }).message).toBe('the key was revoked');
    expect(JSON.stringify(why({ 'x-api-key': 'sk-other' }))).not.toContain('sk-other');
  });

  test('opens the administration to admin keys only', async () => {
    expect(failureOf(() => gate.admin(headers({ authorization: 'Bearer x' }))).status).toBe(401);
    await withKeys();
    expect(gate.admin(headers({ authorization: `Bearer ${boss}` })).name).toBe('boss');
    expect(failureOf(() => gate.admin(headers({ authorization: `Bearer ${laptop}` }))).status).toBe(403);
  });

  test('names the model or provider that a key may not use', async () => {
    await withKeys();
    const caller = gate.identify(headers({ 'x-api-key': laptop }));
    gate.permit(caller, 'claude/claude-haiku-4-5', 'claude');
    gate.permit(caller, 'fast', 'claude');
    expect(failureOf(() => gate.permit(caller, 'fast', 'openai'))).toMatchObject({
      status: 403,
      message: 'this key may not use the provider openai',
    });
    expect(failureOf(() => gate.permit(caller, 'slow', 'claude')).message).toContain('slow');
    expect(gate.mayUse(caller, 'slow', 'claude')).toBe(false);
  });

  test('a rate is a 429 with a wait that clients sit out, a budget a 402 that they do not repeat', async () => {
    await withKeys();
    const caller = gate.identify(headers({ 'x-api-key': laptop }));
    const first = gate.admit(caller);
    gate.admit(caller);
    expect(failureOf(() => gate.admit(caller))).toMatchObject({
      status: 429,
      retryable: true,
      retryAfterMs: 30_000,
    });
    first.end({ nanoUsd: 2e9, tokens: 1 });
    expect(failureOf(() => gate.admit(caller))).toMatchObject({
      status: 402,
      kind: 'billing',
      retryable: false,
    });
  });
});
