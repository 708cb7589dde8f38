import type { Gateway } from '../support/gateway.ts';
import type { Miss } from './check.ts';

/** How long the gateway's log may lag behind its answers. */
const logMs = 30_000;

/**
 * N1's other half: what is lost must be said. For each answer with lost content, a miss unless the gateway's log has
 * notes under the id of its request.
 */
export async function silentLosses(
  gateway: Pick<Gateway, 'logs'>,
  answers: readonly { readonly misses: readonly Miss[]; readonly requestId: string }[],
): Promise<Miss[][]> {
  const lossy = answers.filter(({ misses }) => misses.some(({ check }) => check === 'N1'));
  const isWritten = (): boolean => lossy.every(({ requestId }) => gateway.logs().includes(requestId));
  for (const end = Date.now() + logMs; !isWritten() && Date.now() < end;) await Bun.sleep(20);
  const noted = notedRequests(gateway.logs());
  return answers.map((answer): Miss[] =>
    lossy.includes(answer) && !noted.has(answer.requestId)
      ? [{ check: 'N1', detail: 'what is lost is said nowhere' }]
      : [],
  );
}

/** The ids of the requests that the log has notes for. */
function notedRequests(log: string): Set<string> {
  const ids = new Set<string>();
  for (const line of log.split('\n')) {
    if (!line.includes('"notes_count"')) continue;
    ids.add((JSON.parse(line) as { request_id: string }).request_id);
  }
  return ids;
}
