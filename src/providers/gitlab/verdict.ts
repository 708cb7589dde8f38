import type { Account } from '../../accounts/account.ts';
import { FailureError } from '../../turn/failure.ts';
import type { ProviderDeps } from '../provider.ts';
import { cures, type Trouble } from './account-failure.ts';
import type { ListedModel } from './models.ts';
import { prepare, type GatewayRequest } from './transport.ts';

/** What a login may do, with what cures it where it may not. `unproven`: something else went wrong. */
export interface Verdict {
  readonly word: 'ok' | 'unproven' | Trouble;
  readonly text: string;
}

const judgeMs = 20_000;

/**
 * Tries an account: gets a grant for it, and has the gateway count the tokens of one word, which passes all of its
 * checks and makes no reply.
 */
export async function judge(
  deps: ProviderDeps,
  send: (request: GatewayRequest, signal: AbortSignal) => Promise<Response>,
  models: readonly ListedModel[],
  account: Account,
): Promise<Verdict> {
  const model = (models.find(({ id }) => id.includes('haiku')) ?? models.find(isAnthropic))?.id;
  if (model === undefined) return { word: 'unproven', text: 'there is no model to try it with' };
  const call = {
    protocol: 'anthropic-messages',
    operation: 'count',
    model,
    stream: false,
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
    inbound: new Headers(),
    search: '',
    native: false,
  } as const;
  try {
    const response = await send(prepare(call, account, deps), AbortSignal.timeout(judgeMs));
    await response.body?.cancel();
    // What a vendor refuses, the gateway has let through.
    return { word: 'ok', text: 'it may ask models' };
  } catch (error) {
    const failure = error instanceof FailureError ? error.failure : undefined;
    const { code = '' } = failure ?? {};
    if (code in cures) return { word: code as Trouble, text: cures[code as Trouble] };
    return { word: 'unproven', text: `it could not be tried: ${(error as Error).message}` };
  }
}

const isAnthropic = ({ vendor }: ListedModel): boolean => vendor === 'anthropic';
