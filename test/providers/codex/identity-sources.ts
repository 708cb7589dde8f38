import { readConversation } from '../../../src/providers/codex/conversation.ts';
import type { IdentitySources } from '../../../src/providers/codex/identity.ts';
import { uuidV7 } from '../../../src/providers/codex/uuid.ts';
import type { Json } from '../../../src/turn/json.ts';
import { says } from './setup.ts';

export const v7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const v4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What a caller without any ids of its own gives; each test adds what it is about. */
export const sources = (more: Partial<IdentitySources> = {}): IdentitySources => ({
  metadata: undefined,
  headers: new Headers(),
  order: 'body',
  transport: 'http',
  conversation: conversation([says('hi')]),
  caller: '',
  installation: 'account-installation',
  mint: () => uuidV7(Date.now()),
  ...more,
});

export const conversation = (
  items: readonly Json[],
  instructions: Json | undefined = 'Be kind.',
  caller = '',
) => readConversation(caller, instructions, items);

/** `client_metadata` with turn metadata in it. */
export const withBlob = (blob: Json, more: Record<string, Json> = {}): Json => ({
  ...more,
  'x-codex-turn-metadata': typeof blob === 'string' ? blob : JSON.stringify(blob),
});
