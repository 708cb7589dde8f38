import { count, has, list, object, string } from '../conformance/canonical/read.ts';
import { itemsOf, textOf, type Exchange, type Json } from './exchange.ts';
import { digest, tokens } from './upstreams/model.ts';

export type UpstreamName = 'responses' | 'messages' | 'gemini' | 'chat';

/** One request and what its reply must say, whatever upstream gave it. */
export interface Case {
  readonly name: string;
  /** Without model and `stream`. */
  readonly request: Json;
  /** The request that follows the reply to the first; its reply is the one that is judged. */
  readonly next?: (first: Exchange) => Json;
  /** Faults of the reply's meaning; its form is checked for every case alike. */
  readonly expects: (exchange: Exchange) => (string | false)[];
  /** Upstreams whose protocol has no such thing: what their replies say instead. */
  readonly instead?: Partial<Record<UpstreamName, Case['expects']>>;
}

const user = (content: unknown): Json => ({ type: 'message', role: 'user', content });

const status =
  (wanted: string) =>
  ({ response }: Exchange): string | false =>
    response['status'] !== wanted && `status is ${String(response['status'])}, not ${wanted}`;

const says =
  (wanted: string) =>
  ({ response }: Exchange): string | false =>
    textOf(response) !== wanted &&
    `the text is ${JSON.stringify(textOf(response))}, not ${JSON.stringify(wanted)}`;

const completed = (text: string) => (exchange: Exchange) => [
  status('completed')(exchange),
  says(text)(exchange),
];

const echoes =
  (wanted: Json) =>
  ({ response }: Exchange): string | false => {
    const differs = Object.keys(wanted).filter((key) => !Bun.deepEquals(response[key], wanted[key]));
    return (
      differs.length > 0 &&
      `not repeated: ${differs.map((key) => `${key} ${JSON.stringify(response[key])}`).join(', ')}`
    );
  };

const filtered = (exchange: Exchange) => [
  status('incomplete')(exchange),
  echoes({ incomplete_details: { reason: 'content_filter' } })(exchange),
];

const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'Get the current weather for a location',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string', description: 'The city and state' } },
    required: ['location'],
  },
};
const search = { ...weather, name: 'search_news', description: 'Search the news' };

const calls =
  (...wanted: [name: string, location: string][]) =>
  ({ response }: Exchange): string | false => {
    const found = itemsOf(response, 'function_call').map((call) => [
      call['name'],
      object(JSON.parse(string(call['arguments']) || '{}'))['location'],
    ]);
    const ids = itemsOf(response, 'function_call').map((call) => string(call['call_id']));
    if (new Set(ids).size < ids.length || ids.includes('')) return `call ids are ${ids.join(', ')}`;
    return !Bun.deepEquals(found, wanted) && `the calls are ${JSON.stringify(found)}`;
  };

/** Streamed calls arrive in pieces, each with its end. */
const callEvents = ({ stream, events }: Exchange): string | false => {
  if (!stream) return false;
  const types = events.map((event) => string(event['type']));
  const kind = 'response.function_call_arguments';
  const lacking = [`${kind}.delta`, `${kind}.done`].filter((type) => !types.includes(type));
  return lacking.length > 0 && `no ${lacking.join(' and no ')}`;
};

/** A PNG of one red pixel. */
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const imageUrl = 'https://example.com/red.png';
const pdf = Buffer.from('%PDF-1.4\n%%EOF\n').toString('base64');

/** The history of a tool call: the reply's own items, then the result of each call. */
const withResults =
  (output: (call: Json) => unknown) =>
  ({ request, response }: Exchange): Json => ({
    ...request,
    input: [
      ...list(request['input']),
      ...list(response['output']),
      ...itemsOf(response, 'function_call').map((call) => ({
        type: 'function_call_output',
        call_id: call['call_id'],
        output: output(call),
      })),
    ],
  });

const placeOf = (call: Json): string => string(object(JSON.parse(string(call['arguments'])))['location']);

export const cases: readonly Case[] = [
  {
    name: 'a user message gets an answer',
    request: { input: [user('Say hello in exactly 3 words.')] },
    expects: completed('Hello there, friend!'),
  },
  {
    name: 'an answer comes in pieces',
    request: { input: [user('Count from 1 to 5.')] },
    expects: (exchange) => [
      ...completed('1, 2, 3, 4, 5')(exchange),
      exchange.stream &&
        exchange.events.filter(({ type }) => type === 'response.output_text.delta').length < 2 &&
        'the text came in one piece',
    ],
  },
  {
    name: 'a bare string is a user message',
    request: { input: 'Say hello in exactly 3 words.' },
    expects: completed('Hello there, friend!'),
  },
  {
    name: 'a system message is obeyed',
    request: {
      input: [
        { type: 'message', role: 'system', content: 'You are a pirate. Always respond in pirate speak.' },
        user('Say hello.'),
      ],
    },
    expects: completed('Arr, hello matey!'),
  },
  {
    name: 'a developer message is obeyed',
    request: {
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'You are a pirate.' }] },
        user('Say hello.'),
      ],
    },
    expects: completed('Arr, hello matey!'),
  },
  {
    name: 'instructions are obeyed and repeated',
    request: { instructions: 'You are a pirate.', input: [user('Say hello.')] },
    expects: (exchange) => [
      ...completed('Arr, hello matey!')(exchange),
      echoes({ instructions: 'You are a pirate.' })(exchange),
    ],
  },
  {
    name: 'a function is called',
    request: { input: [user("What's the weather like in San Francisco?")], tools: [weather] },
    expects: (exchange) => [
      status('completed')(exchange),
      calls(['get_weather', 'San Francisco'])(exchange),
      callEvents(exchange),
      list(exchange.response['tools'])[0]?.['name'] !== 'get_weather' && 'the tools are not repeated',
    ],
  },
  {
    name: 'two functions are called at once',
    request: { input: [user('What is the weather in Oslo and Rome?')], tools: [weather] },
    expects: (exchange) => [
      status('completed')(exchange),
      calls(['get_weather', 'Oslo'], ['get_weather', 'Rome'])(exchange),
      callEvents(exchange),
    ],
  },
  {
    name: 'parallel calls can be switched off',
    request: {
      input: [user('What is the weather in Oslo and Rome?')],
      tools: [weather],
      parallel_tool_calls: false,
    },
    expects: (exchange) => [
      calls(['get_weather', 'Oslo'])(exchange),
      echoes({ parallel_tool_calls: false })(exchange),
    ],
    // It has no such switch; the wish is noted.
    instead: { gemini: (exchange) => [calls(['get_weather', 'Oslo'], ['get_weather', 'Rome'])(exchange)] },
  },
  {
    name: 'a result goes back to the call that asked for it',
    request: { input: [user('What is the weather in Oslo and Rome?')], tools: [weather] },
    next: withResults((call) => `12 degrees in ${placeOf(call)}`),
    expects: completed('The tool said: 12 degrees in Oslo. The tool said: 12 degrees in Rome.'),
  },
  {
    name: 'a result may be a list of content',
    request: { input: [user('What is the weather in Oslo?')], tools: [weather] },
    next: withResults(() => [{ type: 'input_text', text: '12 degrees' }]),
    expects: completed('The tool said: 12 degrees.'),
  },
  {
    name: 'tool_choice none forbids calls',
    request: { input: [user('What is the weather in Oslo?')], tools: [weather], tool_choice: 'none' },
    expects: (exchange) => [
      ...completed('Hello there, friend!')(exchange),
      calls()(exchange),
      echoes({ tool_choice: 'none' })(exchange),
    ],
  },
  {
    name: 'tool_choice required forces a call',
    request: { input: [user('Say hello.')], tools: [weather, search], tool_choice: 'required' },
    expects: (exchange) => [
      calls(['get_weather', 'Oslo'])(exchange),
      echoes({ tool_choice: 'required' })(exchange),
    ],
  },
  {
    name: 'tool_choice names the function to call',
    request: {
      input: [user('Say hello.')],
      tools: [weather, search],
      tool_choice: { type: 'function', name: 'search_news' },
    },
    expects: (exchange) => [
      calls(['search_news', 'Oslo'])(exchange),
      echoes({ tool_choice: { type: 'function', name: 'search_news' } })(exchange),
    ],
  },
  {
    name: 'allowed_tools narrows what may be called',
    request: {
      input: [user('What is the weather in Oslo?')],
      tools: [weather, search],
      tool_choice: {
        type: 'allowed_tools',
        mode: 'required',
        tools: [{ type: 'function', name: 'search_news' }],
      },
    },
    expects: (exchange) => [calls(['search_news', 'Oslo'])(exchange)],
  },
  {
    name: 'an image is seen',
    request: {
      input: [
        user([
          { type: 'input_text', text: 'What do you see in this image? Answer in one sentence.' },
          { type: 'input_image', image_url: `data:image/png;base64,${png}` },
        ]),
      ],
    },
    expects: completed(`I see image image/png ${digest(png)}.`),
  },
  {
    name: 'an image may stand at a URL',
    request: {
      input: [
        user([
          { type: 'input_text', text: 'What do you see?' },
          { type: 'input_image', image_url: imageUrl, detail: 'low' },
        ]),
      ],
    },
    expects: completed(`I see image at a URL ${digest(btoa(imageUrl))}.`),
  },
  {
    name: 'a file is read',
    request: {
      input: [
        user([
          { type: 'input_text', text: 'Summarize this document.' },
          { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` },
        ]),
      ],
    },
    expects: completed(`I see file application/pdf ${digest(pdf)}.`),
  },
  {
    name: 'earlier turns are remembered',
    request: {
      input: [
        user('My name is Alice.'),
        {
          type: 'message',
          role: 'assistant',
          content: 'Hello Alice! Nice to meet you. How can I help you today?',
        },
        user('What is my name?'),
      ],
    },
    expects: completed('Your name is Alice.'),
  },
  {
    name: 'items of a reply are the input of the next request',
    request: { input: [user('Say hello.')] },
    next: ({ request, response }) => ({
      ...request,
      input: [...list(request['input']), ...list(response['output']), user('Count from 1 to 5.')],
    }),
    expects: completed('1, 2, 3, 4, 5'),
  },
  {
    name: 'output is held to a JSON schema',
    request: {
      input: [user('Where is it cold?')],
      text: {
        format: {
          type: 'json_schema',
          name: 'place',
          strict: true,
          schema: {
            type: 'object',
            properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
            required: ['city', 'degrees'],
            additionalProperties: false,
          },
        },
      },
    },
    expects: (exchange) => [
      ...completed('{"city":"Oslo","degrees":12}')(exchange),
      object(object(exchange.response['text'])['format'])['name'] !== 'place' && 'the format is not repeated',
    ],
  },
  {
    name: 'a reply that runs out of tokens is incomplete',
    request: { input: [user('Tell me a long story.')], max_output_tokens: 16 },
    expects: (exchange) => [
      status('incomplete')(exchange),
      says('Once upon a time there was a')(exchange),
      echoes({ incomplete_details: { reason: 'max_output_tokens' }, max_output_tokens: 16 })(exchange),
      list(exchange.response['output']).at(-1)?.['status'] !== 'incomplete' &&
        'the last item is not incomplete',
    ],
  },
  {
    name: 'a reply that a filter stops is incomplete',
    request: { input: [user('Say something filtered.')] },
    expects: filtered,
  },
  {
    name: 'a refusal is content of its own kind',
    request: { input: [user('Say something forbidden.')] },
    expects: (exchange) => {
      const [message] = itemsOf(exchange.response, 'message');
      const [part] = list(message?.['content']);
      return [
        status('completed')(exchange),
        (part?.['type'] !== 'refusal' || part['refusal'] !== 'I cannot help with that.') &&
          `the content is ${JSON.stringify(part)}`,
      ];
    },
    // A refusal is a stop reason there, and its words are text.
    instead: { messages: filtered, gemini: filtered },
  },
  {
    name: 'reasoning is an item before the answer',
    request: { input: [user('Count from 1 to 5.')], reasoning: { effort: 'medium', summary: 'auto' } },
    expects: (exchange) => {
      const [first] = list(exchange.response['output']);
      const summary = list(first?.['summary']).map((part) => string(part['text']));
      return [
        ...completed('1, 2, 3, 4, 5')(exchange),
        (first?.['type'] !== 'reasoning' || summary.join('') !== 'The user wants something. I will do it.') &&
          `the first item is ${JSON.stringify(first)}`,
        object(exchange.response['reasoning'])['effort'] !== 'medium' && 'the effort is not repeated',
      ];
    },
  },
  {
    name: 'sealed reasoning comes back to its upstream with the tool result',
    request: {
      input: [user('What is the weather in Oslo?')],
      tools: [weather],
      reasoning: { effort: 'medium' },
      include: ['reasoning.encrypted_content'],
      store: false,
    },
    next: withResults(() => '12 degrees'),
    expects: (exchange) => [
      status('completed')(exchange),
      says('The tool said: 12 degrees. My thought came back.')(exchange),
    ],
    // Its reasoning has no seal.
    instead: { chat: completed('The tool said: 12 degrees.') },
  },
  {
    name: 'tokens are counted',
    request: { input: [user('Say hello.')] },
    expects: ({ response }) => {
      const usage = object(response['usage']);
      const cached = count(object(usage['input_tokens_details'])['cached_tokens']);
      const wanted = [tokens.input, tokens.cached, tokens.output, tokens.input + tokens.output];
      const found = [usage['input_tokens'], cached, usage['output_tokens'], usage['total_tokens']];
      return [!Bun.deepEquals(found, wanted) && `usage is ${JSON.stringify(usage)}`];
    },
  },
  {
    name: 'settings are repeated in the response',
    request: {
      input: [user('Say hello.')],
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 200,
      metadata: { ticket: '17' },
      truncation: 'disabled',
      store: false,
    },
    expects: (exchange) => [
      ...completed('Hello there, friend!')(exchange),
      echoes({
        temperature: 0.5,
        top_p: 0.9,
        max_output_tokens: 200,
        metadata: { ticket: '17' },
        truncation: 'disabled',
        store: false,
      })(exchange),
    ],
  },
  {
    name: 'what a request left out has its default in the response',
    request: { input: [user('Say hello.')] },
    expects: (exchange) => [
      echoes({
        instructions: null,
        previous_response_id: null,
        tools: [],
        tool_choice: 'auto',
        parallel_tool_calls: true,
        metadata: {},
        temperature: 1,
        top_p: 1,
        truncation: 'disabled',
        background: false,
        store: true,
      })(exchange),
      !has(exchange.response['model']) && 'the response names no model',
    ],
  },
];
