import type { Queries } from '../store/store.ts';
import type { Name } from './sessions.ts';

/** What is told of a conversation now, sealed: a turn that began before may know it otherwise. */
export async function aboutOf(queries: Queries, caller: string, id: string): Promise<string | undefined> {
  const [row] = await queries.all(
    'SELECT about FROM session_snapshots WHERE caller = ? AND conversation = ?',
    [caller, id],
  );
  return row?.about == null ? undefined : String(row.about);
}

/** Takes a name away. Returns the branch that it was in. */
export async function unname(
  queries: Queries,
  caller: string,
  by: Name,
  name: string,
): Promise<string | undefined> {
  const [row] = await queries.all(`SELECT branch FROM session_snapshots WHERE caller = ? AND ${by} = ?`, [
    caller,
    name,
  ]);
  if (row === undefined) return undefined;
  await queries.run(cleared[by], [caller, name]);
  return String(row.branch);
}

const cleared: Record<Name, string> = {
  id: 'UPDATE session_snapshots SET id = NULL WHERE caller = ? AND id = ?',
  conversation:
    'UPDATE session_snapshots SET conversation = NULL, about = NULL WHERE caller = ? AND conversation = ?',
};
