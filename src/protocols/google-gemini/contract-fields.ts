import type { Field } from '../contract.ts';
import { drop, moot, refused } from '../treatments.ts';

const blob = ['inlineData', 'inlineData.data', 'inlineData.mimeType'];

/** What stands in `contents`. A part is an object with one member that tells its kind. */
const conversation: readonly Field[] = [
  { path: 'contents[]', is: 'turns', inside: ['role', 'parts'] },
  { path: 'systemInstruction', is: 'instructions', like: 'contents[]' },
  { path: 'contents[].parts[].text', is: 'parts.text' },
  { path: 'contents[].parts[].thought', is: 'parts.reasoning' },
  { path: 'contents[].parts[].thoughtSignature', is: 'parts.seal' },
  { path: 'contents[].parts[].inlineData', is: 'parts.image', inside: ['data', 'mimeType'] },
  { path: 'contents[].parts[].inlineData.displayName', is: 'parts.title' },
  { path: 'contents[].parts[].fileData', is: 'parts.url', inside: ['fileUri', 'mimeType'] },
  { path: 'contents[].parts[].fileData.displayName', is: 'parts.title' },
  {
    path: 'contents[].parts[].functionCall',
    is: 'parts.tool_call',
    inside: ['name', 'id', 'args', 'args.*'],
  },
  {
    path: 'contents[].parts[].functionResponse',
    is: 'parts.tool_result',
    inside: ['name', 'id', 'response', 'response.*'],
  },
  {
    path: 'contents[].parts[].functionResponse.parts[]',
    is: 'parts.result_media',
    inside: [...blob, 'inlineData.displayName', 'fileData', 'fileData.*'],
  },
  {
    path: 'contents[].parts[].functionResponse.parts[].mediaProcessing',
    elsewhere: drop('how media are taken in cannot be chosen'),
  },
  {
    path: 'contents[].parts[].functionResponse.scheduling',
    elsewhere: drop('results are read when they come'),
  },
  {
    path: 'contents[].parts[].functionResponse.willContinue',
    elsewhere: drop('a call has one result', 'degrade'),
    usual: [false],
  },
  {
    path: 'contents[].parts[].executableCode',
    is: 'parts.hosted_call',
    inside: ['id', 'language', 'code'],
  },
  {
    path: 'contents[].parts[].toolCall',
    is: 'parts.hosted_call',
    inside: ['id', 'toolName', 'toolType', 'args', 'args.*'],
  },
  {
    path: 'contents[].parts[].codeExecutionResult',
    is: 'parts.hosted_result',
    inside: ['id', 'outcome', 'output'],
  },
  {
    path: 'contents[].parts[].toolResponse',
    is: 'parts.hosted_result',
    inside: ['id', 'toolType', 'response', 'response.*'],
  },
  {
    path: 'contents[].parts[].videoMetadata',
    elsewhere: drop('a video is taken as a whole', 'degrade'),
    inside: ['startOffset', 'endOffset', 'fps'],
  },
  {
    path: 'contents[].parts[].mediaResolution',
    elsewhere: drop('how closely media are looked at cannot be chosen'),
    inside: ['level', 'numTokens'],
  },
  {
    path: 'contents[].parts[].mediaProcessing',
    elsewhere: drop('how media are taken in cannot be chosen'),
  },
  {
    path: 'contents[].parts[].partMetadata',
    elsewhere: moot('a client’s own remark on a part'),
    inside: ['*'],
  },
  {
    path: 'contents[].parts[].audioTranscription',
    elsewhere: drop('what was spoken is told by the words themselves'),
    inside: ['*'],
  },
  {
    path: 'contents[].parts[].speechMetadata',
    elsewhere: drop('there are no spoken replies', 'degrade'),
    inside: ['speaker', 'style'],
  },
];

const declaration = 'tools[].functionDeclarations[]';

const tools: readonly Field[] = [
  { path: declaration, is: 'tools.function', inside: ['name'] },
  { path: `${declaration}.description`, is: 'tools.description' },
  { path: `${declaration}.parametersJsonSchema`, is: 'tools.schema', inside: ['*'] },
  { path: `${declaration}.parameters`, is: 'tools.schema', inside: ['*'] },
  {
    path: `${declaration}.behavior`,
    elsewhere: drop('a call waits for its result'),
    usual: ['BLOCKING', 'UNSPECIFIED'],
  },
  { path: `${declaration}.response`, elsewhere: drop('results have no schema'), inside: ['*'] },
  { path: `${declaration}.responseJsonSchema`, elsewhere: drop('results have no schema'), inside: ['*'] },
  {
    path: 'tools[].googleSearch',
    is: 'tools.web_search',
    inside: ['searchTypes', 'searchTypes.webSearch', 'searchTypes.webSearch.*'],
  },
  {
    path: 'tools[].googleSearch.searchTypes.imageSearch',
    elsewhere: drop('pictures are not searched for', 'degrade'),
    inside: ['*'],
  },
  {
    path: 'tools[].googleSearch.timeRangeFilter',
    elsewhere: drop('a search cannot be kept to a span of time', 'degrade'),
    inside: ['startTime', 'endTime'],
  },
  {
    path: 'tools[].googleSearchRetrieval',
    is: 'tools.web_search',
    inside: [
      'dynamicRetrievalConfig',
      'dynamicRetrievalConfig.mode',
      'dynamicRetrievalConfig.dynamicThreshold',
    ],
  },
  { path: 'tools[].urlContext', is: 'tools.web_fetch' },
  { path: 'tools[].codeExecution', is: 'tools.code' },
  {
    path: 'tools[].fileSearch',
    is: 'tools.file_search',
    inside: ['fileSearchStoreNames', 'fileSearchStoreNames[]', 'metadataFilter', 'topK'],
  },
  {
    path: 'tools[].computerUse',
    is: 'tools.computer',
    inside: [
      'environment',
      'enablePromptInjectionDetection',
      'disabledSafetyPolicies',
      'disabledSafetyPolicies[]',
      'excludedPredefinedFunctions',
      'excludedPredefinedFunctions[]',
    ],
  },
  {
    path: 'tools[].mcpServers[]',
    is: 'tools.mcp',
    inside: ['name', 'streamableHttpTransport', 'streamableHttpTransport.*'],
  },
  {
    path: 'tools[].googleMaps',
    is: 'tools.other',
    inside: ['enableWidget', 'authConfig', 'authConfig.*'],
  },
  { path: 'toolConfig.functionCallingConfig.mode', is: 'toolChoice' },
  {
    path: 'toolConfig.functionCallingConfig.allowedFunctionNames',
    is: 'toolChoice.allowed',
    inside: ['[]'],
  },
  {
    path: 'toolConfig.includeServerSideToolInvocations',
    elsewhere: moot('steps of hosted tools are told as the upstream tells them'),
  },
  {
    path: 'toolConfig.retrievalConfig',
    elsewhere: drop('where the user is cannot be told to the tools'),
    inside: ['languageCode', 'latLng', 'latLng.latitude', 'latLng.longitude'],
  },
];

const config = 'generationConfig';
const noSpeech = drop('there are no spoken replies', 'degrade');
const noImages = drop('there are no drawn replies', 'degrade');

const settings: readonly Field[] = [
  { path: 'model', is: 'model' },
  { path: 'stream', is: 'delivery.stream', beyond: true },
  { path: `${config}.temperature`, is: 'sampling.temperature' },
  { path: `${config}.topP`, is: 'sampling.topP' },
  { path: `${config}.topK`, is: 'sampling.topK' },
  { path: `${config}.seed`, is: 'sampling.seed' },
  { path: `${config}.frequencyPenalty`, is: 'sampling.frequencyPenalty' },
  { path: `${config}.presencePenalty`, is: 'sampling.presencePenalty' },
  { path: `${config}.responseLogprobs`, is: 'sampling.logprobs' },
  { path: `${config}.logprobs`, is: 'sampling.topLogprobs' },
  { path: `${config}.stopSequences`, is: 'sampling.stop', inside: ['[]'] },
  { path: `${config}.candidateCount`, is: 'sampling.choices' },
  { path: `${config}.maxOutputTokens`, is: 'outputTokensMax' },
  { path: `${config}.thinkingConfig.thinkingBudget`, is: 'reasoning.budgetTokens' },
  { path: `${config}.thinkingConfig.thinkingLevel`, is: 'reasoning.effort' },
  { path: `${config}.thinkingConfig.includeThoughts`, is: 'reasoning.show' },
  { path: `${config}.responseMimeType`, is: 'format.json', usual: ['text/plain'] },
  { path: `${config}.responseJsonSchema`, is: 'format.schema', inside: ['*'] },
  { path: `${config}._responseJsonSchema`, is: 'format.schema', inside: ['*'], beyond: true },
  { path: `${config}.responseSchema`, is: 'format.schema', inside: ['*'] },
  { path: `${config}.responseModalities`, is: 'output.modalities', inside: ['[]'] },
  {
    path: `${config}.responseFormat`,
    elsewhere: drop('a format of this kind cannot be asked for', 'degrade'),
    inside: ['text', 'text.mimeType', 'text.schema', 'text.schema.*', 'audio', 'audio.*', 'image', 'image.*'],
  },
  { path: `${config}.speechConfig`, elsewhere: noSpeech, inside: ['*'] },
  { path: `${config}.imageConfig`, elsewhere: noImages, inside: ['aspectRatio', 'imageSize'] },
  {
    path: `${config}.mediaResolution`,
    elsewhere: drop('how closely media are looked at cannot be chosen'),
    usual: ['MEDIA_RESOLUTION_UNSPECIFIED'],
  },
  {
    path: `${config}.audioTranscriptionConfig`,
    elsewhere: drop('how speech is written down cannot be chosen', 'degrade'),
    inside: ['*'],
  },
  {
    path: `${config}.translationConfig`,
    elsewhere: drop('replies are not translated', 'degrade'),
    inside: ['targetLanguageCode', 'echoTargetLanguage'],
  },
  { path: `${config}.enableAffectiveDialog`, elsewhere: noSpeech, usual: [false] },
  {
    path: `${config}.enableEnhancedCivicAnswers`,
    elsewhere: drop('it is the vendor’s own', 'degrade'),
    usual: [false],
  },
  {
    path: 'safetySettings[]',
    elsewhere: drop('what the upstream holds back cannot be chosen'),
    inside: ['category', 'threshold'],
  },
  { path: 'cachedContent', elsewhere: refused('the upstream does not keep what was cached elsewhere') },
  { path: 'continuationToken', elsewhere: refused('this upstream does not keep what is to be gone on with') },
  { path: 'serviceTier', is: 'meta.tier', usual: ['unspecified'] },
  { path: 'store', is: 'state.store' },
  { path: 'labels', is: 'meta.labels', inside: ['*'] },
];

/** Every field of a request to the Gemini API. */
export const fields: readonly Field[] = [...settings, ...tools, ...conversation];
