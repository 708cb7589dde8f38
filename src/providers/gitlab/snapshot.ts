import type { ListedModel } from './models.ts';

/** The day of the snapshot. */
export const snapshotDay = '2026-08-22';

/**
 * What the model proxy of GitLab's AI gateway took on that day: `params.model` of every entry with a `proxy_provider`
 * in the gateway's `models.yml`. Anything else is answered `400 Unsupported model`.
 */
export const snapshot: readonly ListedModel[] = [
  {
    vendor: 'anthropic',
    id: 'claude-opus-4-5-20251101',
    name: 'Claude Opus 4.5',
    contextTokensMax: 200_000,
    outputTokensMax: 64_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-4-6',
    name: 'Claude Opus 4.6',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-fable-5',
    name: 'Claude Fable 5',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-4-7',
    name: 'Claude Opus 4.7',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-4-8',
    name: 'Claude Opus 4.8',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-5',
    name: 'Claude Opus 5',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-sonnet-5',
    name: 'Claude Sonnet 5',
    contextTokensMax: 1_000_000,
    outputTokensMax: 64_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-sonnet-4-6',
    name: 'Claude Sonnet 4.6',
    contextTokensMax: 1_000_000,
    outputTokensMax: 64_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-sonnet-4-5-20250929',
    name: 'Claude Sonnet 4.5',
    contextTokensMax: 200_000,
    outputTokensMax: 64_000,
  },
  {
    vendor: 'anthropic',
    id: 'claude-haiku-4-5-20251001',
    name: 'Claude Haiku 4.5',
    contextTokensMax: 200_000,
    outputTokensMax: 64_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.6-sol',
    name: 'GPT-5.6 Sol',
    contextTokensMax: 1_050_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.6-terra',
    name: 'GPT-5.6 Terra',
    contextTokensMax: 1_050_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.6-luna',
    name: 'GPT-5.6 Luna',
    contextTokensMax: 1_050_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.5-2026-04-23',
    name: 'GPT-5.5',
    contextTokensMax: 1_050_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.4-2026-03-05',
    name: 'GPT-5.4',
    contextTokensMax: 1_050_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.2-2025-12-11',
    name: 'GPT-5.2',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
    fixedSampling: true,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.1-2025-11-13',
    name: 'GPT-5.1',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
    fixedSampling: true,
  },
  {
    vendor: 'openai',
    id: 'gpt-5-mini-2025-08-07',
    name: 'GPT-5-Mini',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.4-mini',
    name: 'GPT-5.4-Mini',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.4-nano',
    name: 'GPT-5.4-Nano',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5',
    name: 'GPT-5 (alias)',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.1',
    name: 'GPT-5.1 (alias)',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
  {
    vendor: 'openai',
    id: 'gpt-5.3-codex',
    name: 'GPT-5.3-Codex',
    contextTokensMax: 400_000,
    outputTokensMax: 128_000,
  },
];

/**
 * What GitLab's own clients call the models. The gateway takes none of these. Some stand for models that it has lost or
 * does not have yet: those serve again once the list has them.
 */
export const clientNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'duo-chat-fable-5-1': 'claude-fable-5-1',
    'duo-chat-fable-5': 'claude-fable-5',
    'duo-chat-opus-5': 'claude-opus-5',
    'duo-chat-opus-4-8': 'claude-opus-4-8',
    'duo-chat-opus-4-7': 'claude-opus-4-7',
    'duo-chat-opus-4-6': 'claude-opus-4-6',
    'duo-chat-sonnet-5': 'claude-sonnet-5',
    'duo-chat-sonnet-4-6': 'claude-sonnet-4-6',
    'duo-chat-opus-4-5': 'claude-opus-4-5-20251101',
    'duo-chat-sonnet-4-5': 'claude-sonnet-4-5-20250929',
    'duo-chat-haiku-4-5': 'claude-haiku-4-5-20251001',
    'duo-chat-gpt-6-astra': 'gpt-6-astra',
    'duo-chat-gpt-5-1': 'gpt-5.1-2025-11-13',
    'duo-chat-gpt-5-2': 'gpt-5.2-2025-12-11',
    'duo-chat-gpt-5-4': 'gpt-5.4-2026-03-05',
    'duo-chat-gpt-5-5': 'gpt-5.5-2026-04-23',
    'duo-chat-gpt-5-mini': 'gpt-5-mini-2025-08-07',
    'duo-chat-gpt-5-4-mini': 'gpt-5.4-mini',
    'duo-chat-gpt-5-4-nano': 'gpt-5.4-nano',
    'duo-chat-gpt-5-6-sol': 'gpt-5.6-sol',
    'duo-chat-gpt-5-6-terra': 'gpt-5.6-terra',
    'duo-chat-gpt-5-6-luna': 'gpt-5.6-luna',
    'duo-chat-gpt-5-codex': 'gpt-5-codex',
    'duo-chat-gpt-5-2-codex': 'gpt-5.2-codex',
    'duo-chat-gpt-5-3-codex': 'gpt-5.3-codex',
  }),
);
