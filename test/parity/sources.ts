import type { ProtocolId } from '../../src/turn/part.ts';
import { corpusAvailable } from '../support/corpus.ts';
import { geminiWire } from './gemini-wire.ts';
import { openApiFields } from './openapi.ts';
import { sdkFields } from './sdk-types.ts';
import type { WalkedField } from './walk.ts';

/** Something that describes the requests of a protocol. */
export interface Source {
  readonly name: string;
  readonly fields: readonly WalkedField[];
}

const sdk: Readonly<Record<ProtocolId, () => Source[]>> = {
  'openai-chat': () => [{ name: 'openai', fields: sdkFields('chat') }],
  'openai-responses': () => [{ name: 'openai', fields: sdkFields('responses') }],
  'anthropic-messages': () => [
    { name: '@anthropic-ai/sdk', fields: withoutHeaders(sdkFields('messages')) },
    { name: '@anthropic-ai/sdk beta', fields: withoutHeaders(sdkFields('betaMessages')) },
  ],
  'google-gemini': () => [{ name: '@google/genai', fields: geminiWire().fields }],
};

const documents: Readonly<Record<ProtocolId, readonly (readonly [file: string, schema: string])[]>> = {
  'openai-chat': [['openai.openapi.json', 'CreateChatCompletionRequest']],
  'openai-responses': [
    ['openai.openapi.json', 'CreateResponse'],
    ['openresponses.openapi.json', 'CreateResponseBody'],
  ],
  'anthropic-messages': [
    ['anthropic.openapi.json', 'CreateMessageParams'],
    ['anthropic.openapi.json', 'BetaCreateMessageParams'],
  ],
  'google-gemini': [['gemini.openapi.json', 'GenerateContentRequest']],
};

/** Parameters that the SDK of Anthropic sends as headers. */
const headers: readonly string[] = ['betas', 'user_profile_id', 'workspace_id'];

const withoutHeaders = (fields: readonly WalkedField[]): WalkedField[] =>
  fields.filter(({ path }) => !headers.includes(path));

const known = new Map<ProtocolId, readonly Source[]>();

/** Everything at hand that describes a protocol's requests: the SDKs always, the vendors' documents with the corpus. */
export function sourcesOf(protocol: ProtocolId): readonly Source[] {
  let sources = known.get(protocol);
  if (!sources) {
    sources = [
      ...sdk[protocol](),
      ...(corpusAvailable ? documents[protocol] : []).map(([file, schema]) => ({
        name: `${file} ${schema}`,
        fields: openApiFields(file, schema),
      })),
    ];
    known.set(protocol, sources);
  }
  return sources;
}
