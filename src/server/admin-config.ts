import { z } from 'zod';
import { getIn } from '../config/edit.ts';
import { formatProblem } from '../config/problem.ts';
import { isMasked, redacted } from '../config/secrets.ts';
import { refuse } from '../turn/failure.ts';
import { conflict, route, unknown, unprocessable, type AdminRoute } from './admin-route.ts';

/** The configuration: what `dragoman config get` and `config set` do. */
export const configRoutes: readonly AdminRoute[] = [
  route(
    'GET',
    '/config',
    z.strictObject({ path: z.string().max(1000).optional() }),
    async ({ config, configFile }, { input }) => {
      const whole = redacted(config);
      const { path } = input;
      const value = path === undefined ? whole : (getIn(whole, path) ?? unknown(`value at ${path}`));
      return { data: { file: configFile?.name ?? null, config: value } };
    },
  ),

  route(
    'PATCH',
    '/config',
    z.strictObject({ path: z.string().min(1).max(1000), value: z.json().optional() }),
    async ({ configFile }, { input }) => {
      const { path, value = null } = input;
      if (configFile === undefined) {
        conflict('the gateway was started from the environment alone, so that there is no file to change');
      }
      if (isMasked(value)) refuse('a masked value cannot be written back', 'value');
      // Whoever could name any variable could read the process's secrets through the configuration.
      if (/\$\{/.test(JSON.stringify(value))) {
        refuse('references to the environment can be written in the file only', 'value');
      }
      const changed = configFile.change(path, value === null ? undefined : JSON.stringify(value));
      if (!changed.ok) unprocessable(changed.problems.map(formatProblem).join('\n'), 'config_refused');
      return { data: { file: configFile.name, path } };
    },
  ),
];
