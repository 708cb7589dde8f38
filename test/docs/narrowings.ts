import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Provider, ProviderKind } from '../../src/providers/provider.ts';
import type { ProtocolId } from '../../src/turn/part.ts';
import { projectRoot } from '../support/program.ts';

/** For each kind of provider and protocol that it speaks: what it takes of a request. From the providers themselves. */
export async function narrowings(): Promise<string> {
  const rooms = readdirSync(join(projectRoot, 'src/providers'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const rows: string[] = [];
  for (const room of rooms) {
    const kind = await kindIn(room);
    if (kind) rows.push(...rowsOf(kind));
  }
  return ['| type | protocol | takes |', '| --- | --- | --- |', ...rows].join('\n');
}

type AnyKind = ProviderKind<{ name: string }>;

async function kindIn(room: string): Promise<AnyKind | undefined> {
  const exported = (await import(join(projectRoot, 'src/providers', room, 'index.ts'))) as Record<
    string,
    unknown
  >;
  return Object.values(exported).find(
    (value): value is AnyKind => typeof value === 'object' && value !== null && 'configSchema' in value,
  );
}

function rowsOf(kind: AnyKind): string[] {
  const provider = standard(kind);
  const configured = JSON.stringify(kind.configSchema.toJSONSchema({ io: 'input' })).includes(
    '"request_fields"',
  );
  // Which protocol is spoken may hang on the model.
  const spoken = new Map<ProtocolId, string>();
  for (const model of [anyModel, ...(provider.configured ?? []).map(({ id }) => id)])
    for (const protocol of provider.protocols(model)) if (!spoken.has(protocol)) spoken.set(protocol, model);
  return [...spoken].map(([protocol, model]) => {
    const allowed = provider.allows?.(protocol, model);
    const takes = allowed
      ? [...allowed]
          .sort()
          .map((name) => `\`${name}\``)
          .join(', ')
      : configured
        ? 'everything, or what its configuration lists as `request_fields`'
        : 'everything';
    return `| \`${kind.type}\` | \`${protocol}\` | ${takes} |`;
  });
}

const anyModel = 'model';

/** A provider as it is when nothing but what is required is configured. */
function standard(kind: AnyKind): Provider {
  const required = { name: 'docs', type: kind.type };
  const parsed = kind.configSchema.safeParse(required);
  const config = parsed.success ? parsed.data : kind.configSchema.parse({ ...required, api_key: 'docs' });
  return kind.create(config, { fetch, userAgent: 'docs' });
}
