import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../src/turn/json.ts';
import {
  corpusAvailable,
  corpusLines,
  corpusRoot,
  parallelCases,
  requestFixtures,
} from '../support/corpus.ts';
import { type Surface, surfaces } from './finish.ts';
import { oddRequests } from './odd-requests.ts';

/** A body that a client sent, or that a fuzzer made for it. */
export interface RecordedRequest {
  readonly name: string;
  readonly surface: Surface;
  readonly body: JsonObject;
}

/** Requests of real clients and of the recorded cases; of those that differ only in their words, the first. */
export function recordedRequests(): RecordedRequest[] {
  if (!corpusAvailable) return [];
  const seen = new Set<string>();
  return [...fixtureRequests(), ...caseRequests(), ...capturedRequests()].filter(({ surface, body }) => {
    const shape = `${surface} ${shapeOf(body)}`;
    return !seen.has(shape) && seen.add(shape);
  });
}

/**
 * Odd but parseable requests: whatever they say, they must never bring the gateway down. The recorded ones are of
 * the shapes of Chat, Messages and Responses; every surface gets all of them, and those made for Gemini too.
 */
export function fuzzRequests(): RecordedRequest[] {
  if (!corpusAvailable) return [];
  const lines = corpusLines('parallel-cases/fuzz-requests.requests.jsonl') as { request: JsonObject }[];
  const recorded = lines.map(({ request }, i) => ({ name: `fuzz-requests#${i + 1}`, body: request }));
  return [...recorded, ...oddRequests()].flatMap(({ name, body }) =>
    surfaces.map((surface) => ({ name, surface, body })),
  );
}

/** Every recorded tool schema as a function on offer, on each surface, some in one request. */
export function toolRequests(perRequest = 1): RecordedRequest[] {
  if (!corpusAvailable) return [];
  const schemas = toolSchemas();
  const requests: RecordedRequest[] = [];
  for (let from = 0; from < schemas.length; from += perRequest) {
    const batch = schemas.slice(from, from + perRequest);
    for (const surface of surfaces) {
      const name = `tool-schemas#${from + 1}`;
      requests.push({ name, surface, body: toolBody(surface, batch) });
    }
  }
  return requests;
}

/** One request of a surface that offers functions with these schemas. */
export function toolBody(surface: Surface, schemas: readonly unknown[]): JsonObject {
  const named = schemas.map((schema, i) => ({ name: `tool_${i}`, schema: schema as JsonObject }));
  const messages = [{ role: 'user', content: 'Use a tool.' }];
  switch (surface) {
    case 'openai-chat':
      return {
        model: 'm',
        messages,
        tools: named.map(({ name, schema }) => ({
          type: 'function',
          function: { name, parameters: schema },
        })),
      };
    case 'openai-responses':
      return {
        model: 'm',
        input: messages,
        tools: named.map(({ name, schema }) => ({
          type: 'function',
          name,
          parameters: schema,
          strict: false,
        })),
      };
    case 'anthropic-messages':
      return {
        model: 'm',
        max_tokens: 64,
        messages,
        tools: named.map(({ name, schema }) => ({ name, input_schema: schema })),
      };
    case 'google-gemini':
      return {
        contents: [{ role: 'user', parts: [{ text: 'Use a tool.' }] }],
        tools: [
          {
            functionDeclarations: named.map(({ name, schema }) => ({ name, parametersJsonSchema: schema })),
          },
        ],
      };
  }
}

/** The schemas of the corpus, those that no API takes as a tool's arguments among them. */
export function toolSchemas(): unknown[] {
  const agents = corpusLines('tool-schemas/agent-client-tools.schemas.jsonl') as { tool: JsonObject }[];
  const strict = corpusLines('tool-schemas/anthropic-strict-verdicts.schemas.jsonl') as {
    tools: JsonObject[];
  }[];
  const suite = corpusLines('tool-schemas/json-schema-draft2020-12.schemas.jsonl') as { schema: unknown }[];
  return [
    ...agents.map(({ tool }) => tool.parameters),
    ...strict.flatMap(({ tools }) => tools.map((tool) => tool.input_schema)),
    ...suite.map(({ schema }) => schema),
  ].filter((schema) => typeof schema === 'object' && schema !== null);
}

const fixtureRequests = (): RecordedRequest[] =>
  requestFixtures().map(({ name, protocol, body }) => ({
    name,
    surface: protocol,
    body: body as JsonObject,
  }));

const caseRequests = (): RecordedRequest[] =>
  parallelCases().flatMap((one) =>
    Object.entries(one.sides).flatMap(([protocol, side]) =>
      (['request', 'followup_request'] as const).flatMap((which) => {
        const body = side[which];
        if (!body) return [];
        const name = `parallel-cases/${one.name}/${protocol}.${which}`;
        return [{ name, surface: protocol as Surface, body: body as JsonObject }];
      }),
    ),
  );

const clients = [
  'claude-code',
  'codex-cli',
  'opencode',
  'openai-sdk',
  'anthropic-sdk',
  'ai-sdk',
  'openai-agents',
  'gemini-cli',
  'genai-sdk',
];

const routes: readonly (readonly [path: RegExp, surface: Surface])[] = [
  [/\/chat\/completions$/, 'openai-chat'],
  [/\/responses$/, 'openai-responses'],
  [/\/messages$/, 'anthropic-messages'],
  [/:(g|streamG)enerateContent$/, 'google-gemini'],
];

function capturedRequests(): RecordedRequest[] {
  const out: RecordedRequest[] = [];
  for (const client of clients) {
    const folder = join(corpusRoot, 'captures', client);
    for (const file of jsonFiles(folder)) {
      const requests = collect(JSON.parse(readFileSync(join(folder, file), 'utf8')));
      requests.forEach(([path, body], i) => {
        const surface = routes.find(([route]) => route.test(path.split('?')[0]!))?.[1];
        if (surface) out.push({ name: `${client}/${file}#${i + 1}`, surface, body });
      });
    }
  }
  return out;
}

function jsonFiles(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) =>
      statSync(join(folder, name)).isDirectory()
        ? jsonFiles(join(folder, name)).map((inner) => `${name}/${inner}`)
        : name.endsWith('.json')
          ? [name]
          : [],
    );
}

/** The requests anywhere in a capture: recorders nest them differently. */
function collect(value: unknown): [path: string, body: JsonObject][] {
  if (Array.isArray(value)) return value.flatMap(collect);
  if (typeof value !== 'object' || value === null) return [];
  const { path, body } = value as { path?: unknown; body?: unknown };
  const isBody = typeof body === 'object' && body !== null && ('model' in body || 'contents' in body);
  if (typeof path === 'string' && isBody) {
    return [[path, body as JsonObject]];
  }
  return Object.values(value).flatMap(collect);
}

/** Members whose words say what kind of thing something is. */
const telling = new Set([
  'type',
  'role',
  'effort',
  'status',
  'phase',
  'tool_choice',
  'verbosity',
  'summary',
  'mode',
  'thinkingLevel',
]);

const shapeOf = (body: JsonObject): string =>
  JSON.stringify(body, (key, value: unknown) =>
    typeof value === 'string' && !telling.has(key) ? '' : typeof value === 'number' ? 0 : value,
  );
