import Ajv, { type ErrorObject, type ValidateFunction } from 'ajv';
import { corpusAvailable, corpusJson } from '../support/corpus.ts';
import type { Payload } from './canonical.ts';
import { has, list, object, string } from './canonical/read.ts';
import type { Surface } from './finish.ts';

type Schema = Record<string, unknown>;
interface Spec {
  readonly ajv: Ajv;
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly compiled: Map<string, ValidateFunction>;
  /** Event type → schema name. */
  readonly events: Map<string, string>;
  /** Every constant that a `type` property may have anywhere in the description. */
  readonly types: Set<string>;
}

/**
 * What the vendor's published description finds wrong with one streamed event; Responses events are also
 * held against Open Responses. Known disagreements between descriptions and the vendors' real replies are
 * lifted from the schemas when they are loaded. Nothing is found where the descriptions are not at hand.
 */
export function eventSchemaFaults(surface: Surface, event: Payload): string[] {
  if (!corpusAvailable) return [];
  const type = string(event['type']);
  switch (surface) {
    case 'openai-chat':
      if (has(event['error'])) return [];
      return faults(openai(), 'CreateChatCompletionStreamResponse', event);
    case 'openai-responses': {
      const own = openai().events.get(type);
      const open = openResponses().events.get(type);
      return [
        ...(own ? faults(openai(), own, event) : [`no schema for event ${type}`]),
        ...(open ? openFaults(open, event) : []),
      ];
    }
    case 'anthropic-messages': {
      if (type === 'error') return faults(anthropic(), 'ErrorResponse', event);
      const name = anthropic().events.get(
        isBeta([event['content_block'], event['delta']]) ? `beta ${type}` : type,
      );
      return name ? faults(anthropic(), name, event) : [`no schema for event ${type}`];
    }
    case 'google-gemini':
      return has(event['error'])
        ? geminiErrorFaults(object(event['error']))
        : faults(gemini(), 'GenerateContentResponse', event);
  }
}

/** The same for a one-shot body. */
export function resultSchemaFaults(surface: Surface, body: Payload): string[] {
  if (!corpusAvailable) return [];
  switch (surface) {
    case 'openai-chat':
      return faults(openai(), 'CreateChatCompletionResponse', body);
    case 'openai-responses':
      return [...faults(openai(), 'Response', body), ...openFaults('ResponseResource', body)];
    case 'anthropic-messages':
      return faults(anthropic(), isBeta(list(body['content'])) ? 'BetaMessage' : 'Message', body);
    case 'google-gemini':
      return faults(gemini(), 'GenerateContentResponse', body);
  }
}

/** The same for a request that goes to an upstream of this protocol. */
export function requestSchemaFaults(protocol: Surface, body: Payload): string[] {
  if (!corpusAvailable) return [];
  switch (protocol) {
    case 'openai-chat':
      return faults(openai(), 'CreateChatCompletionRequest', body);
    case 'openai-responses':
      return faults(openai(), 'CreateResponse', body);
    case 'anthropic-messages':
      return faults(anthropic(), 'CreateMessageParams', body);
    case 'google-gemini':
      return faults(gemini(), 'GenerateContentRequest', body);
  }
}

/** The description has no schema for the error body: `{code, message, status, details?}`. */
function geminiErrorFaults({ code, message, status }: Payload): string[] {
  const isError = Number.isInteger(code) && typeof message === 'string' && /^[A-Z_]+$/.test(string(status));
  return isError ? [] : ['error lacks code, message or status'];
}

/** Whether a block or delta is of a kind that only the beta description has. */
function isBeta(values: readonly unknown[]): boolean {
  const { schemas } = anthropic();
  const kinds = ['ContentBlockStartEvent/content_block', 'ContentBlockDeltaEvent/delta'].flatMap((path) => {
    const [name, key] = path.split('/') as [string, string];
    const union = object(object(object(schemas[name])['properties'])[key]);
    return object(object(union['properties'])['type'])['enum'] as string[];
  });
  return values.map(object).some((value) => has(value['type']) && !kinds.includes(string(value['type'])));
}

/** Open Responses describes no hosted tools: what holds an item of a kind it does not know is not its matter. */
function openFaults(name: string, value: Payload): string[] {
  const known = openResponses().types;
  const response = object(value['response'] ?? value);
  const parts = [
    value['item'],
    value['part'],
    value['annotation'],
    ...list(response['output']),
    ...list(response['tools']),
  ];
  const foreign = parts.map(object).some((part) => {
    const inner = list(part['annotations']).concat(
      list(part['content']).flatMap((content) => list(content['annotations'])),
    );
    return [part, ...inner].some((one) => has(one['type']) && !known.has(string(one['type'])));
  });
  return foreign ? [] : faults(openResponses(), name, value).map((fault) => `Open Responses: ${fault}`);
}

/** Required by a description and often absent from the vendor's own replies: property names, wherever they occur. */
const lifted: Readonly<Record<string, readonly string[]>> = {
  'openai.openapi.json': ['cache_write_tokens', 'finish_reason'],
  'anthropic.openapi.json': [
    'citations',
    'stop_details',
    'context_management',
    'container',
    // Of the usage object, each recorded reply of Anthropic's own lacks some of these.
    'cache_creation',
    'inference_geo',
    'iterations',
    'output_tokens_details',
    'server_tool_use',
    'service_tier',
    'speed',
    'web_fetch_requests',
    'file_id',
  ],
  'openresponses.openapi.json': [],
  'gemini.openapi.json': [],
};

const loaded = new Map<string, Spec>();

const openai = (): Spec => spec('openai.openapi.json', (name) => /^Response.*Event$/.test(name));
const anthropic = (): Spec =>
  spec('anthropic.openapi.json', (name) =>
    /^(Beta)?(Message(Start|Delta|Stop)|ContentBlock(Start|Delta|Stop))Event$|^Ping$/.test(name),
  );
const openResponses = (): Spec =>
  spec('openresponses.openapi.json', (name) => name.endsWith('StreamingEvent'));
const gemini = (): Spec => spec('gemini.openapi.json', () => false);

function spec(file: string, isEvent: (name: string) => boolean): Spec {
  const known = loaded.get(file);
  if (known) return known;
  const document = corpusJson(`specs/${file}`) as { components: { schemas: Record<string, Schema> } };
  const rules: Rules = {
    lifted: new Set(lifted[file]),
    nullOptionals: file === 'openai.openapi.json',
    protobuf: file === 'gemini.openapi.json',
    named: document.components.schemas,
  };
  const schemas = Object.fromEntries(
    Object.entries(document.components.schemas).map(([name, schema]) => [
      name,
      relaxed(schema, rules) as Schema,
    ]),
  );
  const argumentsDone = schemas['ResponseFunctionCallArgumentsDoneEvent'];
  if (argumentsDone && file === 'openai.openapi.json') {
    argumentsDone['required'] = (argumentsDone['required'] as string[]).filter((name) => name !== 'name');
  }
  const ajv = new Ajv({ strict: false, validateFormats: false, inlineRefs: false, logger: false });
  ajv.addSchema({ components: { schemas } }, 'spec');
  const events = new Map<string, string>();
  const types = new Set<string>();
  for (const name of Object.keys(schemas)) {
    const tags = tagsOf(document.components.schemas[name]);
    for (const tag of tags) types.add(tag);
    const type = tags[0] ?? '';
    if (!isEvent(name)) continue;
    const key = name.startsWith('Beta') ? `beta ${type}` : type;
    if (type && !events.has(key)) events.set(key, name);
  }
  const made = { ajv, schemas, compiled: new Map(), events, types };
  loaded.set(file, made);
  return made;
}

/** The values that the `type` property of a tagged object may have. */
function tagsOf(schema: Schema | undefined): string[] {
  const type = object(object(schema?.['properties'])['type']);
  if (has(type['const'])) return [string(type['const'])];
  return Array.isArray(type['enum']) ? type['enum'].map(string) : [];
}

interface Rules {
  readonly lifted: ReadonlySet<string>;
  /** Optional properties may be null. */
  readonly nullOptionals: boolean;
  /**
   * The description was made from protocol buffers, whose JSON readers refuse unknown members, take 64-bit integers
   * as numbers too, and read bytes as base64.
   */
  readonly protobuf: boolean;
  /** The description's own schemas, by name. */
  readonly named: Readonly<Record<string, Schema>>;
}

/**
 * A copy of an OpenAPI schema as plain JSON Schema: `nullable` becomes a null alternative, a union is chosen by
 * its tag where it has one and else needs one match, and the names in `lifted` are optional.
 */
function relaxed(node: unknown, rules: Rules): unknown {
  if (Array.isArray(node)) return node.map((item) => relaxed(item, rules));
  if (typeof node !== 'object' || node === null) return node;
  const out: Schema = {};
  for (const [key, value] of Object.entries(node as Schema)) {
    switch (key) {
      case 'description':
      case 'default':
      case 'example':
      case 'examples':
      case 'discriminator':
      case '$recursiveRef':
        break;
      case 'oneOf':
      case 'anyOf':
        Object.assign(out, union(value as Schema[], rules));
        break;
      case 'required':
        if (Array.isArray(value)) out['required'] = value.filter((name) => !rules.lifted.has(string(name)));
        break;
      case '$ref':
        out['$ref'] = string(value).replace('#/', 'spec#/');
        break;
      case 'properties':
        out['properties'] = properties(value as Record<string, Schema>, node as Schema, rules);
        break;
      default:
        out[key] = relaxed(value, rules);
    }
  }
  if (rules.protobuf) {
    if (out['properties'] && !out['additionalProperties']) out['additionalProperties'] = false;
    if (out['format'] === 'int64' && out['type'] === 'string') out['type'] = ['string', 'integer'];
    if (out['format'] === 'byte') out['pattern'] = '^[A-Za-z0-9+/_-]*={0,2}$';
  }
  if (out['nullable'] !== true) return out;
  delete out['nullable'];
  return { anyOf: [out, { type: 'null' }] };
}

function properties(of: Record<string, Schema>, parent: Schema, rules: Rules): Schema {
  const required = new Set(parent['required'] as string[] | undefined);
  return Object.fromEntries(
    Object.entries(of).map(([name, schema]) => {
      const property = relaxed(schema, rules);
      const mayBeNull = (rules.nullOptionals && !required.has(name)) || rules.lifted.has(name);
      return [name, mayBeNull ? { anyOf: [property, { type: 'null' }] } : property];
    }),
  );
}

/** A union whose branches are told apart by `type` is checked by that branch alone, so that its errors are about it. */
function union(branches: readonly Schema[], rules: Rules): Schema {
  const byTag = new Map<string, Schema[]>();
  for (const branch of branches) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(string(branch['$ref']))?.[1];
    const tags = tagsOf(name ? rules.named[name] : branch);
    if (tags.length === 0) return { anyOf: relaxed(branches, rules) };
    for (const tag of tags) byTag.set(tag, [...(byTag.get(tag) ?? []), branch]);
  }
  return {
    type: 'object',
    required: ['type'],
    properties: { type: { enum: [...byTag.keys()] } },
    allOf: [...byTag].map(([tag, schemas]) => ({
      if: { type: 'object', required: ['type'], properties: { type: { const: tag } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema, in data that is never awaited
      then: { anyOf: relaxed(schemas, rules) },
    })),
  };
}

function faults(from: Spec, name: string, value: Payload): string[] {
  let validate = from.compiled.get(name);
  if (!validate) {
    validate = from.ajv.compile({ $ref: `spec#/components/schemas/${name}` });
    from.compiled.set(name, validate);
  }
  if (validate(value)) return [];
  const error = deepest(validate.errors ?? []);
  return [`${name}${error?.instancePath ?? ''} ${error?.message ?? 'is invalid'}${detail(error)}`];
}

/** Of the errors of all branches of a union, the one that got furthest tells most. */
function deepest(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const depth = (error: ErrorObject): number =>
    error.instancePath.split('/').length - (['anyOf', 'if'].includes(error.keyword) ? 0.5 : 0);
  return errors.reduce<ErrorObject | undefined>(
    (best, error) => (best && depth(best) >= depth(error) ? best : error),
    undefined,
  );
}

const detail = (error: ErrorObject | undefined): string =>
  error?.keyword === 'enum' || error?.keyword === 'const' || error?.keyword === 'additionalProperties'
    ? `: ${JSON.stringify(Object.values(error.params)[0]).slice(0, 60)}`
    : '';
