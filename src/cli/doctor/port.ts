import type { Config } from '../../config/schema.ts';
import { listenerAt, ownUrl } from '../reach.ts';
import { version } from '../version.ts';
import type { Finding } from './finding.ts';

/** What listens where the gateway is to. */
export async function checkPort(
  config: Config,
): Promise<{ findings: Finding[]; isListening: boolean; skewsMs: number[] }> {
  const url = ownUrl(config);
  const listener = await listenerAt(url);
  if (listener.kind === 'nobody') {
    const what = `nothing listens at ${url}`;
    const finding: Finding = {
      check: 'port',
      level: 'note',
      what,
      cure: 'start the gateway: `dragoman serve`',
    };
    return { findings: [finding], isListening: false, skewsMs: [] };
  }
  if (listener.kind === 'stranger') {
    const what = `something else listens at ${url}`;
    const cure = 'end it, or choose another port: `dragoman config set server.port 4300`';
    return { findings: [{ check: 'port', level: 'problem', what, cure }], isListening: false, skewsMs: [] };
  }
  const isSame = listener.version === version;
  const finding: Finding = {
    check: 'port',
    level: isSame ? 'ok' : 'note',
    what: `a gateway of version ${listener.version} listens at ${url}`,
    ...(isSame ? {} : { cure: `this is version ${version}: start the gateway anew` }),
  };
  const skewsMs = listener.dateMs === undefined ? [] : [listener.dateMs - Date.now()];
  return { findings: [finding], isListening: true, skewsMs };
}
