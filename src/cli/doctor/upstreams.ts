import type { Config } from '../../config/schema.ts';
import type { Gateway } from '../../gateway.ts';
import type { State } from '../../server/state.ts';
import type { Provider } from '../../providers/provider.ts';
import { FailureError } from '../../turn/failure.ts';
import type { Finding } from './finding.ts';

const answerMs = 10_000;

/** Asks every upstream for its models, which costs nothing. */
export const checkUpstreams = (config: Config, gateway: Gateway, state: State): Promise<Finding[]> =>
  Promise.all(config.providers.map(({ name }) => checkUpstream(gateway.provider(name)!, state)));

async function checkUpstream(provider: Provider, state: State): Promise<Finding> {
  const { name } = provider;
  const [account] = state.accounts.of(name).filter(({ enabled }) => enabled);
  if (account === undefined) {
    const cure = `\`dragoman login ${name}\`, or give it an api_key in the configuration`;
    return { check: 'upstreams', level: 'problem', what: `${name} has no account`, cure };
  }
  try {
    const fresh = await state.accounts.fresh(account, provider.renew);
    const models = await provider.discover(AbortSignal.timeout(answerMs), fresh);
    return {
      check: 'upstreams',
      level: 'ok',
      what: `${name} answers (${models.length} ${models.length === 1 ? 'model' : 'models'})`,
    };
  } catch (error) {
    const what = `${name} does not tell its models: ${(error as Error).message}`;
    // Its models stand in the configuration, and not every server has such a route.
    const level = provider.configured !== undefined && !isRefused(error) ? 'note' : 'problem';
    const cure = isRefused(error)
      ? `\`dragoman login ${name}\`, or mend its key in the configuration`
      : `see that its base_url is right and can be reached from here (proxy, DNS), or state its models in the configuration`;
    return { check: 'upstreams', level, what, cure };
  }
}

/** Lists of models are asked for by plain functions, which know the upstream's status only. */
const isRefused = (error: unknown): boolean =>
  error instanceof FailureError
    ? ['authentication', 'permission'].includes(error.failure.kind)
    : /\banswered 40[13]\b/.test((error as Error).message);

/** A fetch that remembers how far the clocks of those that answer are ahead of this one. */
export function noteDates(under: typeof fetch): { fetch: typeof fetch; skewsMs(): number[] } {
  const skews: number[] = [];
  const noting = async (...asked: Parameters<typeof fetch>): Promise<Response> => {
    const response = await under(...asked);
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) skews.push(date - Date.now());
    return response;
  };
  return { fetch: noting as typeof fetch, skewsMs: () => skews };
}

/** Headers have whole seconds, and answers take a while. */
const skewNotedMs = 30_000;

/** Logins are refused where the clock is wrong; the middle of all answers is believed. */
export function clockFindings(skewsMs: readonly number[]): Finding[] {
  if (skewsMs.length === 0)
    return [{ check: 'clock', level: 'note', what: 'nobody answered by whom to tell the time' }];
  const skewMs = skewsMs.toSorted((a, b) => a - b)[Math.floor(skewsMs.length / 2)]!;
  if (Math.abs(skewMs) < skewNotedMs)
    return [{ check: 'clock', level: 'ok', what: 'right by those who answered' }];
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const what = `this clock is ${seconds} s ${skewMs < 0 ? 'ahead of' : 'behind'} those who answered`;
  return [
    {
      check: 'clock',
      level: 'problem',
      what,
      cure: 'have it set by the network (NTP): logins and limits go by it',
    },
  ];
}
