import type { Json, JsonObject } from '../../src/turn/json.ts';

/**
 * Odd requests in the shape of Gemini, of which no fuzzer's are recorded: one legal request, each with some of its
 * values replaced, left out or doubled. The same every time.
 */
export function oddRequests(count = 60): { name: string; body: JsonObject }[] {
  const next = randomBelow(20_261_121);
  return Array.from({ length: count }, (_, i) => {
    const body = structuredClone(plainRequest) as JsonObject;
    for (let edits = 1 + next(4); edits > 0; edits--) spoil(body, next);
    return { name: `odd-gemini#${i + 1}`, body };
  });
}

const plainRequest: JsonObject = {
  systemInstruction: { parts: [{ text: 'Be brief.' }] },
  contents: [
    { role: 'user', parts: [{ text: 'Weather?' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
    {
      role: 'model',
      parts: [
        { text: 'Look it up.', thought: true },
        { functionCall: { id: 'c1', name: 'weather', args: { city: 'Oslo' } }, thoughtSignature: 'c2ln' },
      ],
    },
    {
      role: 'user',
      parts: [{ functionResponse: { id: 'c1', name: 'weather', response: { output: 'rain' } } }],
    },
  ],
  tools: [
    {
      functionDeclarations: [
        {
          name: 'weather',
          description: 'The weather',
          parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] },
        },
      ],
    },
    { googleSearch: {} },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } },
  generationConfig: {
    temperature: 0.5,
    topK: 3,
    maxOutputTokens: 100,
    stopSequences: ['END'],
    responseMimeType: 'application/json',
    responseJsonSchema: { type: 'object', properties: { a: { type: 'string' } } },
    thinkingConfig: { thinkingBudget: 512, includeThoughts: true },
  },
  safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
};

const oddValues: readonly Json[] = [
  null,
  '',
  0,
  -163,
  1e308,
  true,
  [],
  {},
  [null],
  [[]],
  'NOT_A_WORD',
  '\u0000\ud800 ☃',
  { parts: 'no list' },
  { $ref: '#/$defs/nowhere' },
];

/** Replaces, drops or doubles one value somewhere in the body. */
function spoil(body: JsonObject, next: (below: number) => number): void {
  let at = body as Record<string, Json>;
  for (let depth = next(6); ; depth--) {
    const keys = Object.keys(at);
    if (keys.length === 0) return;
    const key = keys[next(keys.length)]!;
    const inner = at[key];
    if (depth > 0 && typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0) {
      at = inner as Record<string, Json>;
      continue;
    }
    const how = next(8);
    if (how === 0 && !Array.isArray(at)) delete at[key];
    else if (how === 1 && Array.isArray(at)) at.push(structuredClone(at[Number(key)]!));
    else at[key] = structuredClone(oddValues[next(oddValues.length)]!);
    return;
  }
}

/** Whole numbers from 0 below a bound, the same for the same seed (mulberry32). */
function randomBelow(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
