import { describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { checkConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { configSchema, isLoopback, reservedNames } from '../../src/config/schema.ts';
import { configOf, kinds, problemsOf } from './kinds.ts';

describe('dragoman.yaml', () => {
  test('an empty file is a gateway on loopback with the demo provider', () => {
    expect(JSON.parse(JSON.stringify(configOf('')))).toEqual({
      server: {
        host: '127.0.0.1',
        hosts: [],
        port: 4242,
        body_bytes_max: 67_108_864,
        drain_ms: 10_000,
        idle_ms: 600_000,
        websocket: 'on',
        keep_alive_ms: 15_000,
      },
      conversations: {
        store: true,
        retention_days: 30,
        conversation_bytes_max: 64 * 1024 * 1024,
        caller_bytes_max: 4 * 1024 ** 3,
        total_bytes_max: 16 * 1024 ** 3,
      },
      fidelity: 'warn',
      log: { format: 'auto', level: 'info' },
      catalog: { refresh: false, url: 'https://models.dev/api.json', every_hours: 24 },
      providers: [{ name: 'demo', type: 'demo' }],
      routing: { strategy: 'balance' },
      models: {},
    });
  });

  test('sections whose lines are all commented out count as absent', () => {
    expect(configOf('server:\n  # port: 1\nproviders:\nmodels:\n').server.port).toBe(4242);
  });

  test('a provider entry keeps what its own kind defines, defaults included', () => {
    const [entry] = configOf('providers: [{ name: a, type: openai, timeout_ms: 5 }]').providers;
    expect({ ...entry }).toEqual({
      name: 'a',
      type: 'openai',
      base_url: 'https://api.openai.test/v1',
      protocols: ['openai-responses'],
      timeout_ms: 5,
    });
  });

  test('a provider that takes the name demo stands in for the built-in one', () => {
    const config = configOf('providers: [{ name: demo, type: openai }]');
    expect(config.providers.map(({ name, type }) => [name, type])).toEqual([['demo', 'openai']]);
  });

  test('hundreds of providers fit in one file', () => {
    const text = `providers:\n${Array.from({ length: 400 }, (_, i) => `  - { name: p${i}, type: openai }`).join('\n')}`;
    expect(configOf(text).providers).toHaveLength(401);
  });

  test.each([...reservedNames])('no provider may be called %s, which is a route', (name) => {
    expect(problemsOf(`providers: [{ name: ${name}, type: openai }]`)).toEqual([
      'dragoman.yaml:1:21: providers[0].name: is a word of the gateway’s own routes; choose another',
    ]);
  });

  test.each(['Upper', '-dash', 'a b', 'a/b', ''])('%p is no provider name', (name) => {
    expect(problemsOf(`providers: [{ name: "${name}", type: openai }]`)).toHaveLength(1);
  });

  test('a loopback address is told from others', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) {
      expect(isLoopback(host)).toBe(true);
    }
    expect(isLoopback('127.0.0.1.example.com')).toBe(false);
    expect(isLoopback('::')).toBe(false);
  });

  test('aliases name targets at configured providers', () => {
    expect({ ...configOf('models: { fast: [demo/echo, demo/tools] }').models }).toEqual({
      fast: [{ target: 'demo/echo' }, { target: 'demo/tools' }],
    });
    expect(problemsOf('models: { fast: [gone/echo], slow: [echo], none: [] }')).toEqual([
      'dragoman.yaml:1:18: models.fast[0]: names a provider that is not configured',
      'dragoman.yaml:1:37: models.slow[0]: must be written provider/model',
      'dragoman.yaml:1:50: models.none: must not be empty',
    ]);
  });

  test('a provider is not the gateway itself, as a client’s variable left in the shell would have it', () => {
    const why = 'is the address of this gateway itself, which would ask itself without end';
    for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
      expect(
        problemsOf(`providers: [{ name: a, type: openai, base_url: "http://${host}:4242/v1" }]`),
      ).toEqual([`dragoman.yaml:1:48: providers[0].base_url: ${why}`]);
    }
    const env = { ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://127.0.0.1:4300' };
    const loaded = checkConfig(undefined, { kinds, env, flags: { port: 4300 } });
    expect(!loaded.ok && loaded.problems.map(formatProblem)).toEqual([
      `ANTHROPIC_BASE_URL: providers[0].base_url: ${why}`,
    ]);
    expect(checkConfig(undefined, { kinds, env }).ok).toBe(true);
    expect(problemsOf('providers: [{ name: a, type: openai, base_url: "http://other:4242" }]')).toEqual([]);
  });

  test('a kind whose schema is no object is a fault of the program', () => {
    expect(() => configSchema({ odd: z.string() })).toThrow('provider kind odd');
    expect(() => configSchema({})).toThrow('no provider kinds');
  });

  test('the rules of a kind that look at several of its fields still hold', () => {
    const paired = z
      .strictObject({ name: z.string(), type: z.literal('paired'), a: z.number(), b: z.number() })
      .refine(({ a, b }) => a < b, { message: 'a must be below b' });
    const result = configSchema({ ...kinds, paired }).safeParse({
      providers: [{ name: 'x', type: 'paired', a: 2, b: 1 }],
    });
    expect(result.error?.issues.map(({ message }) => message)).toEqual(['a must be below b']);
  });
});
