/** What a GitLab instance and its AI gateway say when they refuse, by the name of the contract example that has it. */
export interface Refusal {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

const at = (status: number, body: unknown, headers?: Record<string, string>): Refusal => ({
  status,
  body,
  headers,
});
const detail = (status: number, words: string): Refusal => at(status, { detail: words });
const error = (words: string): Refusal => at(401, { error: words });
const message = (status: number, words: string): Refusal => at(status, { message: words });

const waiting = (word: string): Refusal => at(400, { error: word, error_description: 'text' });
const chooseNamespace =
  "I'm sorry, you have not selected a default GitLab Duo namespace. Please go to GitLab and in user Preferences - Behavior, select a default namespace for GitLab Duo.";

export const refusals = {
  'auth/unauthorized.401': message(401, '401 Unauthorized'),
  'auth/token-expired.401': at(401, {
    error: 'invalid_token',
    error_description: 'Token is expired. You can either do re-authorization or token refresh.',
  }),
  'auth/token-revoked.401': at(401, {
    error: 'invalid_token',
    error_description: 'Token was revoked. You have to re-authorize from the user.',
  }),
  'auth/insufficient-scope.403': at(403, {
    error: 'insufficient_scope',
    error_description: 'The request requires higher privileges than provided by the access token.',
    scope: 'api',
  }),
  'auth/pat-self.oauth-token.400': message(
    400,
    '400 Bad request - This endpoint requires token type to be a personal access token',
  ),
  'oauth/invalid-grant.400': at(400, {
    error: 'invalid_grant',
    error_description:
      'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.',
  }),
  'oauth/device-poll.authorization_pending.400': waiting('authorization_pending'),
  'oauth/device-poll.slow_down.400': waiting('slow_down'),
  'oauth/device-poll.expired_token.400': waiting('expired_token'),
  'oauth/device-poll.access_denied.400': waiting('access_denied'),
  'gateway-token/third-party-direct-access.not-entitled.403': message(403, '403 Forbidden'),
  'gateway-token/third-party-direct-access.no-default-namespace.503': message(
    503,
    'Missing default GitLab Duo namespace user preference',
  ),
  'gateway-token/third-party-direct-access.token-creation-failed.503': message(503, 'Token creation failed'),
  'gateway-token/third-party-direct-access.token-missing.503': message(503, 'Token is missing in response'),
  'gateway-token/third-party-direct-access.http-error.503': message(
    503,
    'An HTTP error occurred when creating a Direct Access Token.',
  ),
  'gateway-token/code-suggestions-direct-access.disabled.403': message(
    403,
    '403 Forbidden - Direct connections are disabled',
  ),
  'gateway-token/code-suggestions-direct-access.unpaid.403': message(
    403,
    '403 Forbidden - Code suggestions tokens can only be generated for users belonging to paid, non-trial namespaces',
  ),
  'gateway-token/code-suggestions-direct-access.quota.402': at(402, {
    message: 'Token creation failed',
    error_description: 'text',
    error_code: 'USAGE_QUOTA_EXCEEDED',
    error: 'insufficient_credits',
  }),
  'gateway-token/code-suggestions-direct-access.not-rolled-out.400': at(400, {
    message: 'Code Completion direct access is not yet available',
    error_description: null,
    error_code: null,
    error:
      'Direct connections are not enabled for this instance yet. Code completion uses the standard connection instead.',
  }),
  'gateway-token/code-suggestions-direct-access.no-default-namespace.422': at(422, {
    error: 'missing_default_duo_group',
    error_description: chooseNamespace,
    message: { error: chooseNamespace },
  }),
  'gateway-token/code-suggestions-direct-access.503': at(503, {
    message: 'Token creation failed',
    error_description: null,
    error_code: null,
    error: null,
  }),
  'gateway-token/rate-limited.429': at(
    429,
    { message: { error: 'This endpoint has been requested too many times. Try again later.' } },
    { 'retry-after': '60' },
  ),
  'rest/code-suggestions.not-entitled.401': at(
    401,
    { message: '401 Unauthorized' },
    { 'x-gitlab-error-origin': 'monolith' },
  ),
  'rest/chat.disabled.404': message(404, '404 Not Found'),
  'rest/code-suggestions.too-large.413': message(413, '413 Request Entity Too Large'),
  'gateway-errors/no-authorization.401': error('No authorization header presented'),
  'gateway-errors/bad-authorization.401': error('Invalid authorization header'),
  'gateway-errors/not-oidc.401': error('Invalid authentication token type - only OIDC is supported'),
  'gateway-errors/token-rejected.401': error('Forbidden by auth provider'),
  'gateway-errors/realm-mismatch.401': error("Header mismatch 'X-Gitlab-Realm'"),
  'gateway-errors/instance-mismatch.401': error("Header mismatch 'X-Gitlab-Instance-Id'"),
  'gateway-errors/user-mismatch.401': error("Header mismatch 'X-Gitlab-Global-User-Id'"),
  'gateway-errors/namespace-not-allowlisted.402': detail(
    402,
    'Proxy endpoints are not enabled for this namespace',
  ),
  'gateway-errors/instance-not-allowlisted.402': detail(
    402,
    'Proxy endpoints are not enabled for this instance',
  ),
  'gateway-errors/missing-unit-primitive.400': detail(400, 'Missing x-gitlab-unit-primitive header'),
  'gateway-errors/unknown-unit-primitive.400': detail(400, 'Unknown unit primitive header no_such_primitive'),
  'gateway-errors/scope-not-in-token.403': detail(
    403,
    'Unauthorized to access ai_gateway_model_provider_proxy',
  ),
  'gateway-errors/namespace-mismatch.403': detail(403, 'Gitlab namespace id mismatch'),
  'gateway-errors/root-namespace-mismatch.403': detail(403, 'Gitlab root namespace id mismatch'),
  'gateway-errors/project-mismatch.403': detail(403, 'Gitlab project id mismatch'),
  'gateway-errors/instance-uid-mismatch.403': detail(403, 'Gitlab instance uid mismatch'),
  'gateway-errors/wrong-purpose.400': detail(400, 'This endpoint cannot be used for complete_code purpose'),
  'gateway-errors/path-not-allowed.404': detail(404, 'Not found'),
  'gateway-errors/bad-json.400': detail(400, 'Invalid JSON'),
  'gateway-errors/no-model.400': detail(400, 'Failed to extract model name'),
  'gateway-errors/unsupported-model.400': detail(400, 'Unsupported model'),
  'gateway-errors/insufficient-credits.402': at(402, {
    error: 'insufficient_credits',
    error_code: 'USAGE_QUOTA_EXCEEDED',
    message: 'Consumer does not have sufficient credits for this request',
  }),
  'gateway-errors/not-entitled.403': at(403, {
    error: 'not_entitled',
    error_code: 'USAGE_QUOTA_NOT_ENTITLED',
    message: 'Consumer does not have entitlements to use this feature.',
  }),
  'gateway-errors/bad-gateway.502': detail(502, 'Bad Gateway'),
  'gateway-errors/upstream-anthropic-context.400': at(400, {
    type: 'error',
    error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
  }),
  'gateway-errors/upstream-non-json.400': message(400, 'upstream answered with text that is not JSON'),
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof refusals;

export function refuse(name: RefusalName): Response {
  const { status, body, headers }: Refusal = refusals[name];
  return Response.json(body, { status, headers });
}
