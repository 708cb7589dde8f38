import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/turn/json.ts';
import {
  base64,
  callId,
  fixed,
  jsonObject,
  list,
  members,
  number,
  open,
  schema,
  text,
  toolName,
  tools,
  word,
} from './common.ts';

const said = open(members({ text }));

const asked = fc.oneof(
  { weight: 3, arbitrary: said },
  open(
    members({
      inlineData: members({ mimeType: word('image/png', 'audio/wav', 'application/pdf'), data: base64 }),
    }),
  ),
  members({
    fileData: members({ mimeType: fixed('image/png'), fileUri: fixed('https://example.com/a.png') }),
  }),
);

const user = open(members({ role: fixed('user'), parts: list(asked) }));

const thought = members({ text, thought: fixed(true) });

/** Texts of the model beside each other are one, as in a streamed reply. */
const answer = fc
  .tuple(fc.option(thought), list(said, 1), fc.option(base64))
  .map(([first, words, signature]): JsonObject => {
    const parts = [...(first ? [first] : []), ...(words as JsonObject[])];
    const last = { ...parts.at(-1)!, ...(signature ? { thoughtSignature: signature } : {}) };
    return { role: 'model', parts: [...parts.slice(0, -1), last] };
  });

const call = fc.record({ id: callId('call_'), name: toolName, args: jsonObject });

/** Calls and, at once, their results. */
const calling = fc
  .tuple(
    fc.uniqueArray(call, { minLength: 1, maxLength: 3, selector: ({ id }) => id }),
    base64,
    list(jsonObject, 3, 3),
  )
  .map(([calls, signature, results]): JsonObject[] => [
    {
      role: 'model',
      parts: calls.map((functionCall, i) =>
        i === 0 ? { functionCall, thoughtSignature: signature } : { functionCall },
      ),
    },
    {
      role: 'user',
      parts: calls.map(({ id, name }, i) => ({ functionResponse: { id, name, response: results[i]! } })),
    },
  ]);

const exchange = fc
  .tuple(user, fc.option(calling), answer)
  .map(([first, called, last]): JsonObject[] => [first, ...(called ?? []), last]);

export const contents: fc.Arbitrary<JsonObject[]> = fc
  .tuple(fc.array(exchange, { maxLength: 3 }), user)
  .map(([exchanges, last]) => [...exchanges.flat(), last]);

const declaration = members({ name: toolName, description: text }, { parametersJsonSchema: schema });

/** generateContent requests as their clients write them, with the model that stands in the path. */
export const geminiRequest: fc.Arbitrary<JsonObject> = open(
  members(
    { model: fixed('m'), contents },
    {
      systemInstruction: members({ parts: list(members({ text }), 2) }),
      tools: tools(declaration, ({ name }) => name!)
        .filter((all) => all.length > 0)
        .chain((functionDeclarations) =>
          fc.constantFrom<Json[]>(
            [{ functionDeclarations }],
            [{ functionDeclarations }, { googleSearch: {} }],
          ),
        ),
      toolConfig: fc.oneof(
        word('AUTO', 'ANY', 'NONE').map((mode) => ({ functionCallingConfig: { mode } })),
        toolName.map((name) => ({ functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [name] } })),
      ),
      safetySettings: fixed([{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }]),
      cachedContent: fixed('cachedContents/abc'),
      generationConfig: open(
        members(
          {},
          {
            temperature: number(0, 2),
            topP: number(0, 1),
            topK: fc.integer({ min: 1, max: 40 }),
            seed: fc.integer(),
            frequencyPenalty: number(-2, 2),
            presencePenalty: number(-2, 2),
            stopSequences: list(text, 4),
            candidateCount: fc.integer({ min: 1, max: 4 }),
            maxOutputTokens: fc.integer({ min: 1, max: 65_536 }),
            responseModalities: fixed(['TEXT']),
            thinkingConfig: fc.oneof(
              members(
                { thinkingBudget: fc.integer({ min: 0, max: 24_576 }) },
                { includeThoughts: fc.boolean() },
              ),
              members({ thinkingLevel: word('LOW', 'HIGH') }, { includeThoughts: fc.boolean() }),
            ),
            speechConfig: fixed({ languageCode: 'en-US' }),
          },
        ).filter((config) => Object.keys(config).length > 0),
      ),
    },
  ),
);
