import type { Payload } from '../canonical.ts';
import { has, list, object } from '../canonical/read.ts';
import type { Surface } from '../finish.ts';
import type { CanonicalRequest } from './canonical.ts';
import { unlikeArguments } from './schemas.ts';

/** What a translation may change of a request's meaning, and why. */
export interface Difference {
  readonly field: keyof CanonicalRequest;
  readonly from?: Surface;
  readonly to?: Surface;
  /** Whether this is the difference: what went up, what was asked, and the client's request. */
  readonly is?: (got: unknown, asked: unknown, source: Payload) => boolean;
  readonly why: string;
}

export const differences: readonly Difference[] = [
  {
    field: 'system',
    from: 'anthropic-messages',
    is: (got, asked) => got === (asked as string).replace(/^x-anthropic-billing-header: [^\n]*\n*/, ''),
    why: 'A line about billing between Claude Code and its vendor goes to nobody else.',
  },
  {
    field: 'limit',
    to: 'anthropic-messages',
    is: (_got, asked) => asked === undefined,
    why: 'Messages requires a limit.',
  },
  {
    field: 'limit',
    to: 'openai-responses',
    is: (got, asked) => got === 16 && (asked as number) < 16,
    why: 'Responses takes no limit below 16.',
  },
  { field: 'stop', to: 'openai-responses', is: isEmpty, why: 'Responses has no stop sequences.' },
  {
    field: 'effort',
    to: 'anthropic-messages',
    is: (got) => got === undefined || /^budget:\d+$/.test(got as string),
    why: 'An effort goes up as a budget, and not at all where the API refuses to think.',
  },
  {
    field: 'effort',
    is: (got, asked, { reasoning }) =>
      /^(low|medium|high)$/.test(got as string) &&
      (asked === undefined ? reasoning !== undefined : (asked as string).startsWith('budget:')),
    why: 'A budget goes up as an effort; in Chat, a reasoning object holds either.',
  },
  {
    field: 'format',
    to: 'anthropic-messages',
    is: (got, asked) => got === undefined && (asked === 'json_object' || asked === 'text'),
    why: 'Messages knows formats with a schema only; text is what it writes anyway.',
  },
  { field: 'hosted', to: 'openai-chat', is: isEmpty, why: 'Chat hosts no tools.' },
  {
    field: 'hosted',
    to: 'anthropic-messages',
    is: (got, asked) => (got as string[]).every((name) => (asked as string[]).includes(name)),
    why: 'Of the hosted tools, both sides have web search.',
  },
  {
    field: 'parallel',
    is: (got, asked, source) => got === undefined && (asked === true || list(source.tools).length === 0),
    why: 'Parallel calls are what the API does anyway, and without tools there are none.',
  },
  {
    field: 'toolChoice',
    is: (got, asked, source) =>
      asked === 'auto'
        ? got === undefined && !offersFunctions(source)
        : asked === undefined && got === 'auto',
    why: 'Auto is what the API does anyway; Messages can say only within it that calls come one by one.',
  },
  {
    field: 'tools',
    is: (got, asked, source) =>
      /"type":"(custom|namespace|additional_tools)"/.test(JSON.stringify(source)) &&
      (asked as CanonicalRequest['tools']).every(({ name, schema }) =>
        (got as CanonicalRequest['tools']).some(
          (tool) => tool.name === name && unlikeArguments(schema, tool.schema) === undefined,
        ),
      ),
    why: 'Free-text tools and namespaces go up as functions; tools that join later, from the start.',
  },
  {
    field: 'effort',
    to: 'google-gemini',
    is: (got) => (got as string | undefined)?.startsWith('budget:') === true,
    why: 'An effort goes up as a number of tokens, which every model of Gemini takes, within the bounds of all of them.',
  },
  {
    field: 'parallel',
    to: 'google-gemini',
    is: (got) => got === undefined,
    why: 'Gemini cannot be told to call one tool at a time.',
  },
  {
    field: 'toolChoice',
    to: 'google-gemini',
    is: (got, asked) => got === undefined && asked === 'auto',
    why: 'Auto is what the API does anyway; Messages can say only within it that calls come one by one.',
  },
  {
    field: 'hosted',
    to: 'google-gemini',
    is: (got, asked) => (got as string[]).every((name) => (asked as string[]).includes(name)),
    why: 'Of the hosted tools, both sides have web search.',
  },
  {
    field: 'format',
    to: 'anthropic-messages',
    is: (got, asked) => Bun.deepEquals(membersOf(got), membersOf(asked)),
    why: 'Messages takes schemas whose objects are closed, and says bounds in words.',
  },
  ...(['temperature', 'topP'] as const).map((field): Difference => ({
    field,
    to: 'anthropic-messages',
    is: (got, _asked, { generationConfig }) =>
      got === undefined && has(object(generationConfig)['thinkingConfig']),
    why: 'Messages takes neither temperature nor top_p while the model thinks.',
  })),
];

/** Names and types of the members of a schema, wherever they are. */
function membersOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const members = Object.entries(object((schema as Payload)['properties']));
  return [
    ...members.map(([name, member]) => `${name}: ${JSON.stringify(object(member)['type'])?.toLowerCase()}`),
    ...Object.values(schema).flatMap(membersOf),
  ].sort();
}

function isEmpty(got: unknown): boolean {
  return Array.isArray(got) && got.length === 0;
}

const offersFunctions = (source: Payload): boolean =>
  list(source.tools).some((tool) => tool['type'] === 'function' || 'input_schema' in tool);
