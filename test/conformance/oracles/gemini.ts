import { GoogleGenAI, type Content, type GenerateContentResponse } from '@google/genai';
import type { Payload } from '../canonical.ts';
import { list, object } from '../canonical/read.ts';
import { geminiResult } from '../fold/gemini.ts';

export interface GeminiClient {
  readonly apiKey: string;
  /** Without `/v1beta`. */
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly headers?: Record<string, string>;
}

/**
 * Asks through the official SDK. `request` is a body as it goes over the wire, with the model's name beside. What
 * the SDK keeps of a stream is the history of its chat; that, flattened, is the content of the result.
 */
export async function askGemini(client: GeminiClient, request: Payload, stream: boolean): Promise<Payload> {
  const { model, contents, generationConfig, ...rest } = request;
  const sdk = new GoogleGenAI({
    apiKey: client.apiKey,
    httpOptions: { baseUrl: client.baseUrl, fetch: client.fetch, headers: client.headers },
  });
  const config = { ...object(generationConfig), ...rest } as never;
  const turns = contents as Content[];
  if (!stream) {
    return plain(await sdk.models.generateContent({ model: model as string, contents: turns, config }));
  }
  if (Number(object(generationConfig)['candidateCount'] ?? 1) > 1) {
    const chunks = await sdk.models.generateContentStream({
      model: model as string,
      contents: turns,
      config,
    });
    return geminiResult((await collected(chunks)).map(plain)) ?? {};
  }
  const chat = sdk.chats.create({ model: model as string, config, history: turns.slice(0, -1) });
  const message = turns.at(-1)!.parts ?? [];
  const chunks = (await collected(await chat.sendMessageStream({ message }))).map(plain);
  const history = chat.getHistory().slice(turns.length).map(plain);
  return kept(chunks, history);
}

async function collected(chunks: AsyncIterable<GenerateContentResponse>): Promise<GenerateContentResponse[]> {
  const all: GenerateContentResponse[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

/** The chunks' own words on ending and usage, and the history's content. */
function kept(chunks: readonly Payload[], history: readonly Payload[]): Payload {
  const last = Object.assign({}, ...chunks) as Payload;
  const candidates = chunks.flatMap((chunk) => list(chunk['candidates']));
  const parts = history.flatMap((content) => list(content['parts']));
  const result = geminiResult(chunks);
  if (candidates.length === 0) return last;
  const stated = { ...(Object.assign({}, ...candidates) as Payload), ...list(result?.['candidates'])[0] };
  return { ...last, candidates: [{ ...stated, content: { role: 'model', parts } }], history };
}

/** The SDK's classes as JSON, without the HTTP headers that they carry. */
function plain(value: object): Payload {
  const { sdkHttpResponse: _http, ...body } = JSON.parse(JSON.stringify(value)) as Payload;
  return body;
}
