/** Every route that the documents name is there, and every route that is there is named. */
import { expect, test } from 'bun:test';
import { checkConfig } from '../../src/config/load.ts';
import { createGateway, providerSchemas } from '../../src/gateway.ts';
import { allAdminRoutes } from '../../src/server/admin.ts';
import { pages, spansIn } from './pages.ts';
import { flatRoutes, gatewayRoutes, meanings } from './routes.ts';

const routes = [
  ...flatRoutes(),
  ...allAdminRoutes.map(({ method, path }) => ({ method: method as string, path: `/admin${path}` })),
];

test('every route has a meaning, and every meaning its route', () => {
  const known = gatewayRoutes().map(({ method, path }) => `${method} ${path}`);
  expect(known.toSorted()).toEqual(Object.keys(meanings).toSorted());
});

test('every route answers', async () => {
  const loaded = checkConfig(undefined, { kinds: providerSchemas, env: {} });
  if (!loaded.ok) return expect(loaded.problems).toEqual([]);
  const gateway = createGateway({ config: loaded.config });
  const fillers: Readonly<Record<string, string>> = { provider: 'demo', model: 'echo' };
  for (const { method, path } of routes) {
    const url = `http://127.0.0.1${path.replace(/\{(\w+)\}/g, (_, name: string) => fillers[name] ?? 'x')}`;
    const response = await gateway.fetch(
      new Request(url, { method, ...(method === 'POST' && { body: '{}' }) }),
    );
    const text = await response.text();
    expect([method, path, text.includes('there is no route')]).toEqual([method, path, false]);
    // Without an upgrade this one says how it is to be asked.
    if (!(method === 'GET' && path.endsWith('/responses')))
      expect([method, path, response.status]).not.toEqual([method, path, 405]);
  }
  const lost = await gateway.fetch(new Request('http://127.0.0.1/v1/nothing'));
  expect([lost.status, await lost.text()]).toEqual([404, expect.stringContaining('there is no route')]);
  await gateway.stop({ drainMs: 0 });
});

test('every route that a document names is one of them', () => {
  const patterns = routes.map(({ method, path }) => ({
    method,
    path: new RegExp(`^${path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}$`),
  }));
  const named = pages.flatMap((page) =>
    spansIn(page).flatMap((span) => {
      const found =
        /^(?:(GET|POST|PATCH|DELETE) )?(\/(?:v1|v1beta|admin|backend-api|healthz|readyz|metrics|\{provider\}|codex\/v1)(?:[/:][^\s?]*)?)(?:\?\S*)?$/.exec(
          span,
        );
      return found === null ? [] : [{ page, method: found[1], path: found[2]! }];
    }),
  );
  const strays = named.filter(({ method, path }) => {
    // A root, or everything behind one.
    if (
      path.endsWith('…') ||
      /^\/(?:admin|(?:.*\/)?v1\w*|\{provider\}|backend-api\/\{provider\})$/.test(path)
    )
      return false;
    return !patterns.some((each) => (method === undefined || each.method === method) && each.path.test(path));
  });
  expect(named.length).toBeGreaterThan(60);
  expect(strays).toEqual([]);
});
