import { join } from 'node:path';
import { dotenv } from './dotenv.ts';
import { noKey, type Client } from './client.ts';
import { valueAt } from './format.ts';
import { jsonc } from './jsonc.ts';
import { findFile } from './plan.ts';

/** Without this it refuses to start, whatever the variables say. */
const auth = ['security', 'auth', 'selectedType'] as const;
const byKey = 'gemini-api-key';

/** Gemini CLI: variables, which it reads from its own `.env`, and the way to log in, which stands in its settings. */
export const geminiCli: Client = {
  name: 'gemini',
  title: 'Gemini CLI',
  program: 'gemini',
  install: 'npm install -g @google/gemini-cli',
  ownModels: /^gemini-/,
  settings(to, { home }) {
    const folder = join(home, '.gemini');
    return [
      {
        path: join(folder, '.env'),
        format: dotenv,
        settings: [
          { path: ['GOOGLE_GEMINI_BASE_URL'], value: to.url, role: 'url' },
          { path: ['GEMINI_API_KEY'], value: to.key ?? noKey, role: 'key' },
        ],
      },
      {
        path: join(folder, 'settings.json'),
        format: jsonc,
        settings: [
          { path: auth, value: byKey },
          ...(to.model === undefined
            ? []
            : [{ path: ['model', 'name'], value: to.model, role: 'model' } as const]),
        ],
      },
    ];
  },
  stronger: [
    'GOOGLE_GEMINI_BASE_URL',
    'GEMINI_API_KEY',
    'GEMINI_MODEL',
    'GOOGLE_GENAI_USE_VERTEXAI',
    'GOOGLE_GENAI_USE_GCA',
  ],
  probe: (model) => ({
    path: `/v1beta/models/${model}:generateContent`,
    body: { contents: [{ role: 'user', parts: [{ text: 'Say ok.' }] }] },
  }),
  obstacle({ home }) {
    const settings = join(home, '.gemini', 'settings.json');
    try {
      if (valueAt(jsonc.parse(findFile(settings)?.text ?? ''), auth) === byKey) return undefined;
    } catch {
      // It cannot read them either.
    }
    return `Gemini CLI takes the way to log in from ${settings} only, and it is not by key there; \`dragoman setup gemini\` writes that`;
  },
  launch: (to) => ({
    args: [],
    env: {
      GOOGLE_GEMINI_BASE_URL: to.url,
      GEMINI_API_KEY: to.key ?? noKey,
      ...(to.model === undefined ? {} : { GEMINI_MODEL: to.model }),
      GOOGLE_GENAI_USE_VERTEXAI: undefined,
      GOOGLE_GENAI_USE_GCA: undefined,
    },
  }),
};
