import { z } from 'zod';
import { LoginNeeded } from '../../src/accounts/accounts.ts';
import { sendHttp } from '../../src/providers/http.ts';
import type { ProviderKind } from '../../src/providers/provider.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('rotating'),
  base_url: z.url(),
});

/** A kind of upstream whose logins are renewed, and whose refresh tokens are good once; see `vendor.ts`. */
export const rotating: ProviderKind<z.infer<typeof configSchema>> = {
  type: 'rotating',
  configSchema,
  create: ({ name, base_url }, deps) => ({
    name,
    type: 'rotating',
    protocols: () => ['openai-chat'],
    abilities: () => ({}),
    configured: [{ id: 'm' }],
    accounts: [],
    anonymous: false,
    async renew({ secret }, signal) {
      const response = await deps.fetch(`${base_url}/token`, {
        method: 'POST',
        body: JSON.stringify({ refresh_token: secret.refreshToken, pid: process.pid }),
        signal,
      });
      const answer = (await response.json()) as Record<string, string | number>;
      if (answer.error !== undefined) throw new LoginNeeded(String(answer.error));
      return {
        secret: { token: String(answer.access_token), refreshToken: String(answer.refresh_token) },
        expiresMs: Date.now() + Number(answer.expires_ms),
      };
    },
    discover: async () => [],
    prepare: ({ body }, { secret }) => ({
      url: `${base_url}/v1/chat/completions`,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${secret.token}`,
        'x-pid': String(process.pid),
      },
      body,
    }),
    send: (request, signal) => sendHttp(deps.fetch, request, signal),
  }),
};
