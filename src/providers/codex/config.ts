import { z } from 'zod';
import { httpUrl } from '../../config/address.ts';

/** The setting of a provider of this type in `dragoman.yaml`. */
export const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('codex'),
  base_url: httpUrl()
    .default('https://chatgpt.com/backend-api/codex')
    .describe('The backend, up to what stands before /responses'),
  auth_url: httpUrl().default('https://auth.openai.com').describe('The authorization server of logins'),
  access_token: z
    .string()
    .min(1)
    .optional()
    .describe('A ChatGPT access token for where nobody can log in; it ends and is not renewed'),
  models: z.array(z.string().min(1)).min(1).optional().describe('Otherwise discovered'),
  discovery: z
    .boolean()
    .default(true)
    .describe(
      'Whether the backend is asked which models there are and what each of them takes; without it names go up as they are',
    ),
  verbosity: z
    .enum(['low', 'medium', 'high'])
    .optional()
    .describe('How long replies are where the caller does not say; otherwise the model’s own choice'),
  instructions: z
    .enum(['default', 'minimal', 'disabled'])
    .default('default')
    .describe(
      'What is added to the caller’s system prompt: a neutral sentence where the backend needs one (default), one line that names the client (minimal), nothing (disabled)',
    ),
  identity: z
    .strictObject({
      originator: z
        .string()
        .regex(/^[\x21-\x7e]{1,64}$/)
        .optional(),
      version: z
        .string()
        .regex(/^\d+\.\d+\.\d+[\w.-]*$/)
        .optional(),
      user_agent: z
        .string()
        .regex(/^[\x20-\x7e]{1,256}$/)
        .optional(),
      beta_features: z
        .string()
        .regex(/^[\w,-]{0,256}$/)
        .optional(),
      detect: z.boolean().default(false),
    })
    .default({ detect: false })
    .describe(
      'Which client the gateway says it is; built in is the official one. `detect`: of the version that is installed on this machine, as its files say',
    ),
  identity_order: z
    .enum(['body', 'header', 'transport'])
    .default('body')
    .describe('Whose session, thread and turn ids count where a caller’s body and headers disagree'),
  transport: z
    .enum(['http', 'websocket', 'auto'])
    .default('http')
    .describe(
      'How turns reach the backend: http, websocket (HTTP where that does not work), or auto (WebSocket for turns that go on from another)',
    ),
  compression: z
    .enum(['zstd', 'none'])
    .default('zstd')
    .describe(
      'How the bodies of turns over HTTP go up: compressed, as the official client does, or as they are',
    ),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .describe('Further headers for every request, in place of those of the same name'),
});

export type CodexConfig = z.infer<typeof configSchema>;
