import { openPostgres } from './postgres.ts';
import { openSqlite } from './sqlite.ts';
import type { Store } from './store.ts';

/**
 * Opens the store that an address names: `sqlite:PATH` (relative paths from the working directory, or
 * `sqlite::memory:`) or `postgres://…`. The schema is brought up to date.
 */
export function openStore(address: string): Promise<Store> {
  if (/^postgres(?:ql)?:\/\//.test(address)) return openPostgres(address);
  if (address.startsWith('sqlite:')) return openSqlite(address.slice('sqlite:'.length));
  throw new Error('a store is sqlite:PATH or postgres://USER@HOST/DATABASE');
}
