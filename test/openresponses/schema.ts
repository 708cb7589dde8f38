import Ajv2020 from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { corpusAvailable, corpusJson } from '../support/corpus.ts';

type Schema = Record<string, unknown>;

/**
 * What the Open Responses description finds wrong with a value; `name` is one of its schemas. Nothing where the
 * description is not at hand.
 *
 * @example
 * schemaFaults('ResponseResource', body) // ["/output/0 must have required property 'id'"]
 */
export function schemaFaults(name: string, value: unknown): string[] {
  if (!corpusAvailable) return [];
  const validate = validatorOf(name);
  if (validate(value)) return [];
  return [...new Set((validate.errors ?? []).map(line))];
}

/** The same for one stream event, by the schema of its own type. */
export function eventFaults(event: Schema): string[] {
  if (!corpusAvailable) return [];
  const name = eventNames().get(String(event['type']));
  if (name === undefined) return [`there is no event ${String(event['type'])}`];
  return schemaFaults(name, event).map((fault) => `${String(event['type'])}: ${fault}`);
}

const line = ({ instancePath, message, params }: ErrorObject): string =>
  `${instancePath || '/'} ${message ?? 'is invalid'}${'allowedValues' in params ? `: ${String(params['allowedValues'])}` : ''}`;

const compiled = new Map<string, ValidateFunction>();
let ajv: Ajv2020 | undefined;
let schemas: Record<string, Schema> = {};

function validatorOf(name: string): ValidateFunction {
  const known = compiled.get(name);
  if (known) return known;
  const made = load().compile({ $ref: `openresponses#/components/schemas/${name}` });
  compiled.set(name, made);
  return made;
}

function load(): Ajv2020 {
  if (ajv) return ajv;
  const document = structuredClone(corpusJson('specs/openresponses.openapi.json')) as {
    components: { schemas: Record<string, Schema> };
  };
  schemas = document.components.schemas;
  // The format's schema is described as null alone, though the description's own request carries it.
  const format = schemas['JsonSchemaResponseFormat'] as { properties: { schema: Schema } };
  format.properties.schema = { type: ['object', 'null'] };
  ajv = new Ajv2020({ strict: false, validateFormats: false, discriminator: true, logger: false });
  ajv.addSchema({ $id: 'openresponses', ...document });
  return ajv;
}

let events: Map<string, string> | undefined;

/** Event type → schema name. */
function eventNames(): Map<string, string> {
  if (events) return events;
  load();
  events = new Map();
  for (const [name, schema] of Object.entries(schemas)) {
    const { type } = (schema['properties'] ?? {}) as { type?: { enum?: string[] } };
    if (name.endsWith('StreamingEvent') && type?.enum?.[0]) events.set(type.enum[0], name);
  }
  return events;
}
