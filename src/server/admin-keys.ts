import { z } from 'zod';
import type { KeyRing } from '../access/keys.ts';
import { rulesSchema } from '../access/rules.ts';
import { route, unknown, type AdminDeps, type AdminRoute } from './admin-route.ts';
import { shownKey } from './shown.ts';

/** Gateway keys: what `dragoman keys` does. */
export const keyRoutes: readonly AdminRoute[] = [
  route('GET', '/keys', z.strictObject({}), async (deps) => {
    const keys = ring(deps);
    return { data: { data: keys.list().map(shownKey), required: keys.required } };
  }),

  route(
    'POST',
    '/keys',
    z.strictObject({
      name: z.string().trim().min(1).max(100),
      role: z.enum(['client', 'admin']).default('client'),
      rules: rulesSchema.default({}),
      expires: z.iso.datetime({ offset: true }).optional(),
    }),
    async (deps, { input }) => {
      const { name, role, rules, expires } = input;
      const expiresMs = expires === undefined ? undefined : Date.parse(expires);
      const { key, secret } = await ring(deps).create({ name, role, rules, expiresMs });
      return { status: 201, data: { ...shownKey(key), key: secret } };
    },
  ),

  route('DELETE', '/keys/{id}', z.strictObject({}), async (deps, { param }) => {
    const keys = ring(deps);
    const id = param('id');
    // By its id only: a name may be that of several.
    const known = keys.list().find((key) => key.id === id && key.revokedMs === undefined);
    const key = (known && (await keys.revoke(id))) ?? unknown(`key ${id} in force`);
    return { data: shownKey(key) };
  }),
];

/** Whoever was let in has shown a key of it. */
const ring = ({ state }: AdminDeps): KeyRing => state.keys!;
