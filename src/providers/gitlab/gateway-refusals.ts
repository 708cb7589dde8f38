import type { Account } from '../../accounts/account.ts';
import type { Operation } from '../provider.ts';
import type { Failure } from '../../turn/failure.ts';
import { isObject, asString } from '../../turn/json.ts';
import { accountFailure, type Trouble } from './account-failure.ts';
import { objectOf } from './instance.ts';
import { stableName } from './models.ts';

/** A refusal of the gateway itself, as opposed to one of the model's vendor. */
export interface Refusal {
  readonly failure: Failure;
  /** What may mend it at once: another grant, or asking once more. */
  readonly mend?: 'grant' | 'again';
}

/** Who was refused what. */
export interface Asked {
  readonly account: Account;
  readonly model: string;
  readonly operation: Operation;
}

/**
 * Reads the gateway's own refusals: `{detail}` of its checks, `{error}` of its authentication, and `{error, error_code}`
 * of its quota. `undefined` for the words of a vendor, which its protocol reads.
 */
export function refusalOf(status: number, text: string, asked: Asked): Refusal | undefined {
  const { account, model, operation } = asked;
  const body = objectOf(text);
  const detail = asString(body.detail);
  const error = asString(body.error);
  const upstream = { status };
  const trouble = (code: Trouble, mend?: Refusal['mend']): Refusal => ({
    failure: accountFailure(account, code, upstream),
    mend,
  });

  if (status === 401) {
    // In a vendor's words it is the gateway's own key there that was refused.
    return isObject(body.error)
      ? {
          failure: atFault(
            `the AI gateway was refused by the vendor of ${model}: a gateway of your own needs a key of that vendor, any other is GitLab’s affair`,
            502,
            upstream,
          ),
          mend: 'grant',
        }
      : trouble('gateway_token_refused', 'grant');
  }
  if (status === 402) {
    return trouble(detail === undefined ? 'insufficient_credits' : 'proxy_not_enabled');
  }
  if (status === 403) {
    // The quota service answers so too while it is away.
    if (error === 'not_entitled') return trouble('no_entitlement', 'again');
    if (detail === undefined) return undefined;
    if (/mismatch/i.test(detail)) return trouble('gateway_token_refused', 'grant');
    return trouble('grant_not_for_proxy');
  }
  if (status === 400 && detail !== undefined) {
    if (/unsupported model/i.test(detail)) return { failure: unsupportedModel(model, upstream) };
    if (/unit.primitive|cannot be used for/i.test(detail)) return trouble('grant_not_for_proxy');
    return { failure: badRequest(`the AI gateway refused the request: ${plain(detail)}`, upstream) };
  }
  // Whether a count has a route is for the caller to find out.
  if (status === 404 && detail !== undefined && operation === 'turn')
    return { failure: atFault('the AI gateway does not know this route: check gateway_url', 502, upstream) };
  if (status >= 500 && detail !== undefined)
    return { failure: atFault(`the AI gateway failed: ${plain(detail)}`, status, upstream) };
  if (status >= 400 && status < 500 && text.trim() === '')
    return {
      failure: badRequest(
        `the AI gateway answered ${status} without a word; requests with very many tools are known to end so`,
        upstream,
      ),
    };
  const message = asString(body.message);
  if (message !== undefined && body.error === undefined && status !== 429)
    return status >= 500
      ? { failure: atFault(`the vendor of ${model} failed: ${plain(message)}`, status, upstream) }
      : { failure: badRequest(plain(message), upstream) };
  return undefined;
}

const charsMax = 500;
const plain = (words: string): string => words.replace(/[^\x20-\x7e]/g, ' ').slice(0, charsMax);

const unsupportedModel = (model: string, upstream: Failure['upstream']): Failure => ({
  kind: 'not_found',
  scope: 'model',
  status: 404,
  message: `the AI gateway does not have the model ${model}: ask for one of the list, or for ${stableName}`,
  code: 'model_not_found',
  retryable: false,
  upstream,
});

const badRequest = (message: string, upstream: Failure['upstream']): Failure => ({
  kind: 'invalid_request',
  scope: 'request',
  status: 400,
  message,
  retryable: false,
  upstream,
});

const atFault = (message: string, status: number, upstream: Failure['upstream']): Failure => ({
  kind: 'upstream',
  scope: 'provider',
  status,
  message,
  code: 'upstream_error',
  retryable: true,
  upstream,
});
