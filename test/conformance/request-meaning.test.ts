import { describe, expect, test } from 'bun:test';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/index.ts';
import { openaiChat } from '../../src/protocols/openai-chat/index.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/index.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import type { JsonObject } from '../../src/turn/json.ts';
import { corpusAvailable, corpusLines, corpusRoot, parallelCases } from '../support/corpus.ts';
import { canonicalRequest, type CanonicalRequest } from './canonical-request.ts';
import type { Payload } from './canonical.ts';
import { list, object } from './canonical/read.ts';
import { type Surface, surfaces } from './finish.ts';
import { recordedRequests } from './recorded-requests.ts';

const protocols: Readonly<Record<Surface, Protocol>> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  'anthropic-messages': anthropicMessages,
};

/** What a translation may change of a request's meaning, and why. */
interface Difference {
  readonly field: keyof CanonicalRequest;
  readonly to?: Surface;
  /** Whether this is the difference: what went up, what was asked, and the client's request. */
  readonly is?: (got: unknown, asked: unknown, source: JsonObject) => boolean;
  readonly why: string;
}

const differences: readonly Difference[] = [
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
    is: (_got, _asked, source) => /"type":"(custom|namespace|additional_tools)"/.test(JSON.stringify(source)),
    why: 'Free-text tools and namespaces go up as functions; tools that join later, from the start.',
  },
  {
    field: 'turns',
    is: (_got, _asked, source) => list(source.input).some(({ namespace }) => namespace !== undefined),
    why: 'The call of a tool in a namespace goes up under the flat name.',
  },
  {
    field: 'turns',
    is: (got, _asked, source) => {
      const texts = [
        ...JSON.stringify(source).matchAll(/"type":"text","media_type":"text\/plain","data":("[^"]*")/g),
      ];
      return texts.length > 0 && texts.every(([, data]) => JSON.stringify(got).includes(data!.slice(1, -1)));
    },
    why: 'A document of text goes up as that text.',
  },
  {
    field: 'turns',
    is: (_got, asked) => /server_tool_use|tool_reference/.test(JSON.stringify(asked)),
    why: 'What a hosted tool did is told to its own vendor only; a found tool is told by its name.',
  },
];

function isEmpty(got: unknown): boolean {
  return Array.isArray(got) && got.length === 0;
}

const offersFunctions = (source: JsonObject): boolean =>
  list(source.tools).some((tool) => tool['type'] === 'function' || 'input_schema' in tool);

const isKnown = (
  field: keyof CanonicalRequest,
  to: Surface,
  got: unknown,
  asked: unknown,
  source: JsonObject,
): boolean =>
  differences.some(
    (one) => one.field === field && (one.to ?? to) === to && (one.is?.(got, asked, source) ?? true),
  );

const translate = (from: Surface, to: Surface, body: Payload): Payload => {
  const request = protocols[from].decodeRequest(structuredClone(body) as JsonObject);
  const target = { model: 'm', issuer: 'up', abilities: { modernChat: true } };
  return JSON.parse(JSON.stringify(protocols[to].encodeRequest(request, target).body)) as Payload;
};

const recorded = corpusAvailable ? describe : describe.skip;

recorded(`what recorded requests mean (${corpusRoot})`, () => {
  for (const from of surfaces) {
    for (const to of surfaces.filter((other) => other !== from)) {
      test(`a request of ${from} asks the same of ${to}`, () => {
        const changed: string[] = [];
        let compared = 0;
        for (const { name, surface, body } of recordedRequests()) {
          if (surface !== from || body.thread) continue;
          const asked = canonicalRequest(from, body);
          const got = canonicalRequest(to, translate(from, to, body));
          for (const field of Object.keys(asked) as (keyof CanonicalRequest)[]) {
            compared += 1;
            if (Bun.deepEquals(got[field], asked[field])) continue;
            const known = isKnown(field, to, got[field], asked[field], body);
            if (!known) {
              const shown = [got[field], asked[field]].map((value) => JSON.stringify(value)?.slice(0, 300));
              changed.push(`${name}: ${field} is ${shown[0]}, was ${shown[1]}`);
            }
          }
        }
        expect(changed).toEqual([]);
        expect(compared).toBeGreaterThan(100);
      });
    }
  }
});

recorded('requests asked natively of two vendors', () => {
  /** Members in which the recorded requests themselves agree must agree after a translation too. */
  test('come out alike where the vendors were asked alike', () => {
    const unlike: string[] = [];
    let compared = 0;
    for (const { name, sides } of parallelCases()) {
      for (const from of surfaces) {
        for (const to of surfaces.filter((other) => other !== from)) {
          const source = sides[from]?.request;
          const native = sides[to]?.request;
          if (!source || !native) continue;
          const asked = canonicalRequest(from, source);
          const wanted = canonicalRequest(to, native);
          const got = canonicalRequest(to, translate(from, to, source));
          for (const field of Object.keys(asked) as (keyof CanonicalRequest)[]) {
            if (!Bun.deepEquals(asked[field], wanted[field])) continue;
            compared += 1;
            const known = isKnown(field, to, got[field], asked[field], source as JsonObject);
            if (!known && !Bun.deepEquals(got[field], wanted[field])) {
              const shown = [got[field], wanted[field]].map((value) => JSON.stringify(value));
              unlike.push(`${name} ${from} → ${to}: ${field} is ${shown[0]}, natively ${shown[1]}`);
            }
          }
        }
      }
    }
    expect(unlike).toEqual([]);
    expect(compared).toBeGreaterThan(100);
  });
});

recorded('requests that a vendor refused', () => {
  const refused = (pair: string, name: string): boolean =>
    (
      corpusLines('parallel-cases/provider-rejections.verdicts.jsonl') as { pair: string; case: string }[]
    ).some((verdict) => verdict.pair === pair && verdict.case === name);

  test('a document of plain text is not sent to Chat as a file', () => {
    expect(refused('anthropic_to_chat-completions', 'documentContentParam')).toBe(true);
    const source = parallelCases().find(({ name }) => name === 'documentContentParam')!.sides[
      'anthropic-messages'
    ]!.request!;
    const sent = translate('anthropic-messages', 'openai-chat', source);
    const kinds = list(sent['messages']).flatMap(({ content }) => list(content).map(({ type }) => type));
    expect(new Set(kinds)).toEqual(new Set(['text']));
  });

  test('a budget for thinking always fits into the limit', () => {
    expect(refused('responses_to_anthropic', 'responsesGpt56ReasoningMaxProContextParam')).toBe(true);
    for (const effort of ['minimal', 'low', 'medium', 'high', 'xhigh', 'max']) {
      for (const limit of [undefined, 16, 1024, 2048, 2049, 4096, 16_384, 32_000, 64_000]) {
        const sent = translate('openai-responses', 'anthropic-messages', {
          model: 'm',
          input: 'hi',
          reasoning: { effort },
          ...(limit && { max_output_tokens: limit }),
        });
        const budget = object(sent['thinking'])['budget_tokens'] as number | undefined;
        if (budget === undefined) continue;
        expect(budget).toBeGreaterThanOrEqual(1024);
        expect(budget).toBeLessThan(sent['max_tokens'] as number);
      }
    }
  });
});
