import { z } from 'zod';
import { configSchema, type ProviderSchemas } from './schema.ts';

/** A string that is replaced from the environment, wherever a value is asked for. */
const reference = { type: 'string', pattern: '\\$\\{' } as const;

/**
 * The JSON Schema of dragoman.yaml, for editors and other tools. Numbers, choices and formatted text may also
 * be written `${NAME}`, which is what the gateway itself accepts.
 */
export function configJsonSchema(kinds: ProviderSchemas): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema(kinds), {
    io: 'input',
    override: ({ jsonSchema, path }) => {
      if (path.at(-1) === 'propertyNames') return;
      const { type, enum: choices, format, pattern, description, default: preset, ...limits } = jsonSchema;
      const narrow =
        type === 'integer' ||
        type === 'number' ||
        type === 'boolean' ||
        choices !== undefined ||
        !!(format ?? pattern);
      if (!narrow) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      const own = defined({ type, enum: choices, format, pattern, ...limits });
      Object.assign(jsonSchema, defined({ description, default: preset }), {
        anyOf: [own, { ...reference }],
      });
    },
  });
  return schema as Record<string, unknown>;
}

const defined = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
