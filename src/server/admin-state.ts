import { z } from 'zod';
import { publicName } from '../routing/catalog.ts';
import { conversationBackup } from '../sessions/backup.ts';
import { BackupError, exportStore, importStore } from '../store/backup.ts';
import { route, unprocessable, type AdminRoute } from './admin-route.ts';
import { shownUsage, usageOf } from './shown.ts';

/** Usage, models and backups: what `dragoman usage`, `models`, `export` and `import` do. */
export const stateRoutes: readonly AdminRoute[] = [
  route(
    'GET',
    '/usage',
    z.strictObject({
      by: z.enum(['key', 'provider', 'account', 'model', 'day']).default('day'),
      days: z.coerce.number().int().min(1).max(3660).default(30),
    }),
    async ({ state, nowMs }, { input }) => {
      const rows = await usageOf({ ...state, usage: state.usage! }, input, nowMs());
      return { data: { ...input, data: rows.map(shownUsage) } };
    },
  ),

  route('GET', '/models', z.strictObject({}), async ({ catalog }) => {
    const { models, failed } = await catalog.list();
    const data = models.map((entry) => ({
      id: publicName(entry),
      provider: entry.provider,
      alias_of: entry.aliasOf ?? null,
      name: entry.name ?? entry.facts?.name ?? null,
      embeds: entry.embeds === true,
      input_tokens_max:
        entry.inputTokensMax ?? entry.facts?.inputTokensMax ?? entry.facts?.contextTokensMax ?? null,
      output_tokens_max: entry.outputTokensMax ?? entry.facts?.outputTokensMax ?? null,
    }));
    return { data: { data, unreachable: failed } };
  }),

  route('GET', '/export', z.strictObject({}), async ({ state, nowMs }) => {
    // What was used until now is in it, too.
    await state.usage!.flush();
    return {
      lines: exportStore(state.stored!.store, conversationBackup),
      fileName: `dragoman-${new Date(nowMs()).toISOString().slice(0, 10)}.jsonl`,
    };
  }),

  {
    method: 'POST',
    path: '/import',
    takes: 'lines',
    async answer({ state }, { input }) {
      try {
        return {
          data: {
            imported: await importStore(state.stored!.store, String(input), 'beside', conversationBackup),
          },
        };
      } catch (error) {
        if (error instanceof BackupError) unprocessable(error.message, 'import_failed');
        throw error;
      }
    },
  },
];
