import type { Canonical, Payload } from './canonical.ts';
import { has, list, object, string } from './canonical/read.ts';
import type { Surface } from './finish.ts';
import { joinedParts } from './fold/gemini.ts';

/** What a client asks in one cell: enough for the fixture's reply to be an answer to it. */
export interface Ask {
  readonly model: string;
  readonly stream: boolean;
  readonly tools: readonly { readonly name: string; readonly kind: 'function' | 'custom' }[];
  readonly reasoning: boolean;
  /** Choices, for Chat and Gemini. */
  readonly choices: number;
}

const question = 'Answer as you did before.';

/** The question whose recorded answer is `upstream`. */
export function askFor(upstream: Canonical, model: string, stream: boolean): Ask {
  const tools = new Map(upstream.tools.map(({ name, kind }) => [name, { name, kind }]));
  return {
    model,
    stream,
    tools: [...tools.values()],
    reasoning: upstream.reasoning.length > 0,
    choices: 1 + upstream.others.length,
  };
}

const parameters = { type: 'object', properties: {}, additionalProperties: true };

/**
 * The request body of one surface, without `stream`: the SDK methods set it. For Gemini the model stands in it too,
 * until the oracle takes it out.
 */
export function requestBody(surface: Surface, ask: Ask): Payload {
  const { model, tools } = ask;
  switch (surface) {
    case 'openai-chat':
      return {
        model,
        messages: [{ role: 'user', content: question }],
        ...(ask.stream && { stream_options: { include_usage: true } }),
        ...(ask.reasoning && { reasoning_effort: 'medium' }),
        ...(ask.choices > 1 && { n: ask.choices }),
        ...(tools.length > 0 && {
          tools: tools.map(({ name, kind }) =>
            kind === 'custom'
              ? { type: 'custom', custom: { name } }
              : { type: 'function', function: { name, parameters } },
          ),
        }),
      };
    case 'openai-responses':
      return {
        model,
        input: [{ role: 'user', content: question }],
        store: false,
        ...(ask.reasoning && {
          reasoning: { effort: 'medium', summary: 'auto' },
          include: ['reasoning.encrypted_content'],
        }),
        ...(tools.length > 0 && {
          tools: tools.map(({ name, kind }) =>
            kind === 'custom'
              ? { type: 'custom', name }
              : { type: 'function', name, parameters, strict: false },
          ),
        }),
      };
    case 'anthropic-messages':
      return {
        model,
        max_tokens: 4096,
        messages: [{ role: 'user', content: question }],
        ...(ask.reasoning && { thinking: { type: 'enabled', budget_tokens: 1024 } }),
        ...(tools.length > 0 && { tools: tools.map(({ name }) => ({ name, input_schema: parameters })) }),
      };
    case 'google-gemini':
      return {
        model,
        contents: [{ role: 'user', parts: [{ text: question }] }],
        generationConfig: {
          ...(ask.reasoning && { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } }),
          ...(ask.choices > 1 && { candidateCount: ask.choices }),
        },
        ...(tools.length > 0 && {
          tools: [
            {
              functionDeclarations: tools.map(({ name }) => ({ name, parametersJsonSchema: parameters })),
            },
          ],
        }),
      };
  }
}

/**
 * The request that follows: the SDK's own reply object as history, then a result for each call. Results in Gemini
 * may leave out the calls' ids, as its documents do; `withIds` says whether these have them.
 */
export function followUpBody(
  surface: Surface,
  first: Payload,
  reply: Payload,
  model: string,
  withIds = true,
): Payload {
  switch (surface) {
    case 'openai-chat': {
      const message = object(list(reply['choices'])[0]?.['message']);
      const { parsed: _parsed, ...history } = message;
      return {
        ...first,
        model,
        messages: [
          ...list(first['messages']),
          history,
          ...answers(
            list(message['tool_calls']).map((call) => ({
              role: 'tool',
              tool_call_id: call['id'],
              content: 'done',
            })),
            {
              role: 'user',
              content: 'Go on.',
            },
          ),
        ],
      };
    }
    case 'openai-responses': {
      const output = list(reply['output']);
      const results = output
        .filter((item) => ['function_call', 'custom_tool_call'].includes(string(item['type'])))
        .map((item) => ({
          type: `${string(item['type'])}_output`,
          call_id: item['call_id'],
          output: 'done',
        }));
      return {
        ...first,
        model,
        input: [...list(first['input']), ...output, ...answers(results, { role: 'user', content: 'Go on.' })],
      };
    }
    case 'anthropic-messages': {
      const content = list(reply['content']);
      const results = content
        .filter((block) => block['type'] === 'tool_use')
        .map((block) => ({ type: 'tool_result', tool_use_id: block['id'], content: 'done' }));
      return {
        ...first,
        model,
        messages: [
          ...list(first['messages']),
          { role: 'assistant', content },
          { role: 'user', content: answers(results, { type: 'text', text: 'Go on.' }) },
        ],
      };
    }
    case 'google-gemini': {
      const content = object(list(reply['candidates'])[0]?.['content']);
      const history = has(reply['history']) ? list(reply['history']) : [content];
      const results = joinedParts(list(content['parts']))
        .filter((part) => has(part['functionCall']))
        .map((part) => {
          const { id, name } = object(part['functionCall']);
          return {
            functionResponse: { ...(withIds && has(id) && { id }), name, response: { output: 'done' } },
          };
        });
      return {
        ...first,
        model,
        contents: [
          ...list(first['contents']),
          ...history,
          { role: 'user', parts: answers(results, { text: 'Go on.' }) },
        ],
      };
    }
  }
}

const answers = (results: Payload[], otherwise: Payload): Payload[] =>
  results.length > 0 ? results : [otherwise];
