import type { Json, JsonObject } from '../../../src/turn/json.ts';
import { pdf, png, schema, value, type Sample, type Samples } from './sample.ts';

const hi: JsonObject = { role: 'user', parts: [{ text: 'Hi' }] };
const content = (...parts: JsonObject[]): Sample => ({
  with: { contents: [{ role: 'user', parts: [{ text: 'See' }, ...parts] }] },
  without: { contents: [{ role: 'user', parts: [{ text: 'See' }] }] },
});
/** A part with one more member, and without it. */
const inPart = (part: JsonObject, more: JsonObject): Sample => ({
  with: content({ ...part, ...more }).with,
  without: content(part).with,
});
const answered = (...parts: JsonObject[]): Sample => ({
  with: { contents: [hi, { role: 'model', parts: [...parts, { text: 'Well' }] }, hi] },
  without: { contents: [hi, { role: 'model', parts: [{ text: 'Well' }] }, hi] },
});
const call: JsonObject = { functionCall: { id: 'c1', name: 'look', args: { a: 1 } } };
const called = (response: JsonObject): JsonObject => ({
  contents: [
    hi,
    { role: 'model', parts: [call] },
    {
      role: 'user',
      parts: [{ functionResponse: { id: 'c1', name: 'look', response: { output: 'seen' }, ...response } }],
    },
  ],
});
const image = { mimeType: 'image/png', data: png };
const file = { inlineData: { mimeType: 'application/pdf', data: pdf } };
const link = { fileUri: 'https://a.example/b.pdf', mimeType: 'application/pdf' };

const look = (more: JsonObject = {}): JsonObject => ({
  name: 'look',
  description: 'Looks',
  parametersJsonSchema: schema,
  ...more,
});
const functions = (...list: JsonObject[]): JsonObject => ({ functionDeclarations: list });
const inFunction = (more: JsonObject): Sample => ({ with: { tools: [functions(look(more))] } });
const offered = (tool: Json): Sample => ({
  with: { tools: [functions(look()), tool] },
  without: { tools: [functions(look())] },
});
const config = (more: JsonObject, without?: JsonObject): Sample => ({
  with: { generationConfig: more },
  without: without && { generationConfig: without },
});
const setting = (name: string, given: Json, cases?: Sample['cases']): Samples =>
  value(`generationConfig.${name}`, given, cases);

const settings: Samples = {
  model: { with: { model: 'm' }, without: { model: 'other' } },
  ...value('stream', true),
  ...setting('temperature', 0.5),
  ...setting('topP', 0.5),
  ...setting('topK', 5),
  ...setting('seed', 7),
  ...setting('frequencyPenalty', 0.5),
  ...setting('presencePenalty', 0.5),
  ...setting('responseLogprobs', true),
  'generationConfig.logprobs': config({ responseLogprobs: true, logprobs: 2 }),
  ...setting('stopSequences', ['END']),
  ...setting('candidateCount', 2),
  ...setting('maxOutputTokens', 900),
  ...setting('thinkingConfig.thinkingBudget', 4000),
  ...setting('thinkingConfig.thinkingLevel', 'HIGH', { 'anthropic-messages': 'asBudget' }),
  'generationConfig.thinkingConfig.includeThoughts': config({
    thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
  }),
  ...setting('responseMimeType', 'application/json'),
  'generationConfig.responseJsonSchema': config(
    { responseMimeType: 'application/json', responseJsonSchema: schema },
    {},
  ),
  'generationConfig._responseJsonSchema': config(
    { responseMimeType: 'application/json', _responseJsonSchema: schema },
    {},
  ),
  'generationConfig.responseSchema': config(
    { responseMimeType: 'application/json', responseSchema: { type: 'OBJECT', properties: {} } },
    {},
  ),
  ...setting('responseModalities', ['TEXT', 'IMAGE']),
  ...setting('responseFormat', { audio: { voice: 'x' } }),
  ...setting('speechConfig', { voiceConfig: {} }),
  ...setting('imageConfig', { aspectRatio: '1:1' }),
  ...setting('mediaResolution', 'MEDIA_RESOLUTION_LOW'),
  ...setting('audioTranscriptionConfig', { x: 1 }),
  ...setting('translationConfig', { targetLanguageCode: 'no' }),
  ...setting('enableAffectiveDialog', true),
  ...setting('enableEnhancedCivicAnswers', true),
  'safetySettings[]': {
    with: { safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }] },
    without: {},
  },
  ...value('cachedContent', 'cachedContents/a'),
  ...value('continuationToken', 'x'),
  ...value('serviceTier', 'standard'),
  ...value('store', true),
  labels: { with: { store: true, labels: { a: 'b' } } },
};

const tools: Samples = {
  'tools[].functionDeclarations[]': {
    with: { tools: [functions(look(), look({ name: 'two' }))] },
    without: { tools: [functions(look())] },
  },
  'tools[].functionDeclarations[].description': inFunction({}),
  'tools[].functionDeclarations[].parametersJsonSchema': inFunction({}),
  'tools[].functionDeclarations[].parameters': {
    with: {
      tools: [
        functions({ name: 'look', parameters: { type: 'OBJECT', properties: { a: { type: 'STRING' } } } }),
      ],
    },
  },
  'tools[].functionDeclarations[].behavior': inFunction({ behavior: 'NON_BLOCKING' }),
  'tools[].functionDeclarations[].response': inFunction({ response: { type: 'OBJECT' } }),
  'tools[].functionDeclarations[].responseJsonSchema': inFunction({ responseJsonSchema: schema }),
  'tools[].googleSearch': offered({ googleSearch: {} }),
  'tools[].googleSearch.searchTypes.imageSearch': {
    with: { tools: [{ googleSearch: { searchTypes: { imageSearch: {} } } }] },
  },
  'tools[].googleSearch.timeRangeFilter': {
    with: { tools: [{ googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z' } } }] },
  },
  'tools[].googleSearchRetrieval': offered({ googleSearchRetrieval: {} }),
  'tools[].urlContext': offered({ urlContext: {} }),
  'tools[].codeExecution': offered({ codeExecution: {} }),
  'tools[].fileSearch': offered({ fileSearch: { fileSearchStoreNames: ['s'] } }),
  'tools[].computerUse': offered({ computerUse: { environment: 'ENVIRONMENT_BROWSER' } }),
  'tools[].mcpServers[]': offered({ mcpServers: [{ name: 's' }] }),
  'tools[].googleMaps': offered({ googleMaps: {} }),
  'toolConfig.functionCallingConfig.mode': {
    with: { tools: [functions(look())], toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
  },
  'toolConfig.functionCallingConfig.allowedFunctionNames': {
    with: {
      tools: [functions(look(), look({ name: 'two' }), look({ name: 'three' }))],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look', 'two'] } },
    },
  },
  'toolConfig.includeServerSideToolInvocations': {
    with: { toolConfig: { includeServerSideToolInvocations: true } },
  },
  'toolConfig.retrievalConfig': { with: { toolConfig: { retrievalConfig: { languageCode: 'no' } } } },
};

const conversation: Samples = {
  'contents[]': {
    with: { contents: [hi, { role: 'model', parts: [{ text: 'Well' }] }, hi] },
    without: { contents: [hi] },
  },
  systemInstruction: { with: { systemInstruction: { parts: [{ text: 'Be kind.' }] } } },
  'contents[].parts[].text': content({ text: 'this' }),
  'contents[].parts[].thought': answered({ text: 'hm', thought: true }),
  'contents[].parts[].thoughtSignature': answered({ text: '', thought: true, thoughtSignature: 'eA==' }),
  'contents[].parts[].inlineData': content({ inlineData: image }),
  'contents[].parts[].inlineData.displayName': {
    with: content({ inlineData: { ...file.inlineData, displayName: 'facts.pdf' } }).with,
    without: content(file).with,
  },
  'contents[].parts[].fileData': content({ fileData: link }),
  'contents[].parts[].fileData.displayName': {
    with: content({ fileData: { ...link, displayName: 'facts.pdf' } }).with,
    without: content({ fileData: link }).with,
  },
  'contents[].parts[].functionCall': { with: called({}), without: { contents: [hi] } },
  'contents[].parts[].functionResponse': {
    with: called({}),
    without: called({ response: { output: 'else' } }),
  },
  'contents[].parts[].functionResponse.parts[]': {
    with: called({ parts: [{ inlineData: image }] }),
    without: called({}),
  },
  'contents[].parts[].functionResponse.parts[].mediaProcessing': {
    with: called({ parts: [{ inlineData: image, mediaProcessing: 'x' }] }),
  },
  'contents[].parts[].functionResponse.scheduling': { with: called({ scheduling: 'SILENT' }) },
  'contents[].parts[].functionResponse.willContinue': { with: called({ willContinue: true }) },
  'contents[].parts[].executableCode': answered({ executableCode: { language: 'PYTHON', code: '1' } }),
  'contents[].parts[].toolCall': answered({
    toolCall: { id: 't1', toolType: 'GOOGLE_SEARCH_WEB', args: {} },
  }),
  'contents[].parts[].codeExecutionResult': answered({
    codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' },
  }),
  'contents[].parts[].toolResponse': answered({
    toolResponse: { id: 't1', toolType: 'GOOGLE_SEARCH_WEB', response: {} },
  }),
  'contents[].parts[].videoMetadata': inPart({ inlineData: image }, { videoMetadata: { fps: 2 } }),
  'contents[].parts[].mediaResolution': inPart(
    { inlineData: image },
    { mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' } },
  ),
  'contents[].parts[].mediaProcessing': inPart({ inlineData: image }, { mediaProcessing: 'x' }),
  'contents[].parts[].partMetadata': inPart({ text: 'x' }, { partMetadata: { a: 1 } }),
  'contents[].parts[].audioTranscription': inPart({ text: 'x' }, { audioTranscription: { a: 1 } }),
  'contents[].parts[].speechMetadata': inPart({ text: 'x' }, { speechMetadata: { speaker: 'a' } }),
};

/** A sample for each field of the Gemini API. */
export const samples: Samples = { ...settings, ...tools, ...conversation };
export const minimal: JsonObject = { model: 'm', contents: [hi] };
