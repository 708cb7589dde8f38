import type { JsonObject } from '../../src/turn/json.ts';
import type { ProtocolId } from '../../src/turn/part.ts';
import { recordedRequests } from '../conformance/recorded-requests.ts';
import type { SurfaceName } from '../gateway/setup.ts';
import { parallelCases, requestFixtures } from '../support/corpus.ts';

const protocolOf: Record<SurfaceName, ProtocolId> = {
  chat: 'openai-chat',
  responses: 'openai-responses',
  messages: 'anthropic-messages',
  gemini: 'google-gemini',
};

/** Larger ones say nothing more, and take longer to damage. */
const bodyCharsMax = 20_000;

const known = new Map<SurfaceName, readonly JsonObject[]>();

/** Requests to damage: those that the project has itself, and with the corpus the recorded ones. */
export function baseRequests(surface: SurfaceName): readonly JsonObject[] {
  let bodies = known.get(surface);
  if (!bodies) {
    bodies = [...own[surface], ...recorded(protocolOf[surface])];
    known.set(surface, bodies);
  }
  return bodies;
}

function recorded(protocol: ProtocolId): JsonObject[] {
  const bodies = [
    ...requestFixtures(protocol).map(({ body }) => body),
    ...parallelCases().flatMap(({ sides }) => [sides[protocol]?.request, sides[protocol]?.followup_request]),
    ...recordedRequests()
      .filter(({ surface }) => surface === protocol)
      .map(({ body }) => body),
  ].filter((body) => body !== undefined) as JsonObject[];
  const texts = new Set(
    bodies.map((body) => JSON.stringify(body)).filter((text) => text.length <= bodyCharsMax),
  );
  return [...texts].map((text) => JSON.parse(text) as JsonObject);
}

const schema: JsonObject = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'array', items: { type: 'integer' } } },
  required: ['city'],
};
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk';

/** One request of each protocol with much in it. */
const own: Record<SurfaceName, readonly JsonObject[]> = {
  chat: [
    {
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${png}`, detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'A call.',
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'Sunny' },
        { role: 'user', content: 'And tomorrow?', name: 'ann' },
      ],
      tools: [
        {
          type: 'function',
          function: { name: 'weather', description: 'Of a city', parameters: schema, strict: true },
        },
        { type: 'custom', custom: { name: 'patch', format: { type: 'text' } } },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      response_format: { type: 'json_schema', json_schema: { name: 'out', schema } },
      temperature: 0.5,
      stop: ['END'],
      max_completion_tokens: 100,
      reasoning_effort: 'low',
      stream_options: { include_usage: true },
      metadata: { a: 'b' },
    },
  ],
  responses: [
    {
      instructions: 'Be brief.',
      input: [
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'low' },
          ],
        },
        {
          type: 'reasoning',
          id: 'rs_1',
          summary: [{ type: 'summary_text', text: 'A call.' }],
          encrypted_content: 'sealed',
        },
        {
          type: 'function_call',
          id: 'fc_1',
          call_id: 'call_1',
          name: 'weather',
          arguments: '{"city":"Rome"}',
        },
        { type: 'function_call_output', call_id: 'call_1', output: 'Sunny' },
        { role: 'user', content: 'And tomorrow?' },
      ],
      tools: [
        { type: 'function', name: 'weather', description: 'Of a city', parameters: schema, strict: true },
        { type: 'custom', name: 'patch', format: { type: 'text' } },
        { type: 'web_search', user_location: { type: 'approximate', city: 'Rome' } },
      ],
      tool_choice: { type: 'function', name: 'weather' },
      text: { format: { type: 'json_schema', name: 'out', schema }, verbosity: 'low' },
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      max_output_tokens: 100,
      store: false,
    },
  ],
  messages: [
    {
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'A call.', signature: 'sealed' },
            { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Rome' } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [{ type: 'text', text: 'Sunny' }],
              is_error: false,
            },
            { type: 'text', text: 'And tomorrow?' },
          ],
        },
      ],
      tools: [
        { name: 'weather', description: 'Of a city', input_schema: schema },
        { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
      ],
      tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
      thinking: { type: 'enabled', budget_tokens: 1024 },
      max_tokens: 2048,
      metadata: { user_id: 'u' },
    },
  ],
  gemini: [
    {
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        {
          role: 'user',
          parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: png } }],
        },
        {
          role: 'model',
          parts: [
            { text: 'A call.', thought: true },
            { functionCall: { name: 'weather', args: { city: 'Rome' } }, thoughtSignature: 'c2VhbGVk' },
          ],
        },
        { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'Sunny' } } }] },
        { role: 'user', parts: [{ text: 'And tomorrow?' }] },
      ],
      tools: [
        {
          functionDeclarations: [{ name: 'weather', description: 'Of a city', parametersJsonSchema: schema }],
        },
        { googleSearch: {} },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } },
      generationConfig: {
        temperature: 0.5,
        stopSequences: ['END'],
        maxOutputTokens: 100,
        responseMimeType: 'application/json',
        responseJsonSchema: schema,
        thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    },
  ],
};
