import type { InspectedWord, Inspection } from '../provider.ts';
import { explainIdentity } from './client-identity.ts';
import type { CodexConfig } from './config.ts';
import { installedClient } from './installed-client.ts';

/** What `dragoman codex …` shows. */
export const inspections: readonly Inspection<CodexConfig>[] = [
  {
    name: 'identity',
    about: 'Show which client the gateway says it is to the backend, and where each word of it comes from',
    inspect({ identity, headers }, env): InspectedWord[] {
      return [
        ...explainIdentity(identity, installedClient(env)),
        ...Object.entries(headers ?? {}).map(([name, value]) => ({
          name: name.toLowerCase(),
          value,
          origin: 'config' as const,
          // What people add is often a secret.
          secret: true,
        })),
      ];
    },
  },
];
