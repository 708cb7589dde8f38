import {
  type Canonical,
  type CanonicalCitation,
  type CanonicalTool,
  type CanonicalUsage,
  emptyCanonical,
  type Payload,
} from '../canonical.ts';
import { growingArguments, type GrowingArguments } from './partial-args.ts';
import { count, errorOf, has, list, object, string } from './read.ts';

/** Every chunk is a whole GenerateContentResponse: the stream is read as its parts one after the other. */
export function geminiOfEvents(payloads: readonly Payload[]): Canonical {
  const candidates = new Map<number, CandidateReader>();
  let usage: CanonicalUsage | undefined;
  let blocked: string | undefined;
  let error: Canonical['error'];
  for (const chunk of payloads) {
    if (has(chunk['error'])) error = errorOf(chunk);
    usage = usageOf(object(chunk['usageMetadata'])) ?? usage;
    const reason = object(chunk['promptFeedback'])['blockReason'];
    if (has(reason)) blocked = `promptFeedback:${string(reason)}`;
    for (const candidate of list(chunk['candidates'])) {
      const index = count(candidate['index']);
      let reader = candidates.get(index);
      if (!reader) candidates.set(index, (reader = candidateReader()));
      reader.push(candidate);
    }
  }
  const [first, ...others] = [...candidates].sort(([a], [b]) => a - b).map(([, { end }]) => end());
  const out = { ...(first ?? emptyCanonical()), usage, error, others };
  if (blocked && !out.finish) out.finish = { word: blocked };
  return out;
}

export const geminiOfResult = (body: Payload): Canonical => geminiOfEvents([body]);

interface CandidateReader {
  push(candidate: Payload): void;
  end(): Canonical;
}

function candidateReader(): CandidateReader {
  const out = emptyCanonical();
  /** The call whose arguments are still arriving in pieces. */
  let open: { tool: CanonicalTool; args: GrowingArguments } | undefined;
  const began = (kind: Canonical['order'][number]): boolean => {
    if (out.order.at(-1) === kind) return false;
    out.order.push(kind);
    return true;
  };
  const close = (): void => {
    if (open) open.tool.args = open.args.json();
    open = undefined;
  };

  const speak = (part: Payload): void => {
    const text = string(part['text']);
    if (text === '') return;
    if (part['thought'] === true) {
      if (began('reasoning')) out.reasoning.push(['']);
      out.reasoning.at(-1)![0] += text;
      out.deltas.reasoning += text;
    } else {
      if (began('text')) out.text.push('');
      out.text[out.text.length - 1] += text;
      out.deltas.text += text;
    }
  };

  const call = (value: Payload, signature: string): void => {
    const goesOn = open !== undefined && !has(value['name']);
    if (!goesOn) {
      close();
      const tool: CanonicalTool = {
        id: string(value['id']),
        name: string(value['name']),
        args: '{}',
        kind: 'function',
        verbatim: false,
        ...(signature !== '' && { signature }),
      };
      out.tools.push(tool);
      out.order.push('tool');
      open = { tool, args: growingArguments() };
    }
    if (has(value['args'])) open!.args.assign(object(value['args']));
    for (const piece of list(value['partialArgs'])) open!.args.add(piece);
    if (value['willContinue'] !== true) close();
  };

  return {
    push(candidate) {
      for (const part of list(object(candidate['content'])['parts'])) {
        const signature = string(part['thoughtSignature']);
        if (signature) out.opaque.push(signature);
        if (has(part['functionCall'])) call(object(part['functionCall']), signature);
        else if (has(part['text'])) speak(part);
        else hosted(part, out);
      }
      out.citations.push(...citationsOf(candidate));
      const queries = object(candidate['groundingMetadata'])['webSearchQueries'];
      if (Array.isArray(queries) && queries.length > 0 && !out.hosted.includes(searched))
        out.hosted.push(searched);
      if (has(candidate['finishReason'])) out.finish = { word: string(candidate['finishReason']) };
    },
    end() {
      close();
      return out;
    },
  };
}

/** Gemini tells a search by its queries, not by a part. */
export const searched = 'webSearchQueries';

const hostedKinds = [
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
  'inlineData',
  'fileData',
];

function hosted(part: Payload, out: Canonical): void {
  const kind = hostedKinds.find((key) => has(part[key]));
  if (!kind) return;
  const { toolType } = object(part[kind]);
  out.hosted.push(has(toolType) ? `${kind}:${string(toolType)}` : kind);
  out.order.push('hosted');
}

function citationsOf(candidate: Payload): CanonicalCitation[] {
  const metadata = object(candidate['citationMetadata']);
  // The Gemini API and the SDKs' own types name the list differently.
  const recited = [...list(metadata['citationSources']), ...list(metadata['citations'])].map(sourceOf);
  const grounded = list(object(candidate['groundingMetadata'])['groundingChunks']).map((chunk) =>
    sourceOf(object(chunk['web'] ?? chunk['maps'] ?? chunk['retrievedContext'] ?? chunk['image'])),
  );
  return [...recited, ...grounded].filter(({ source }) => source !== '');
}

function sourceOf(value: Payload): CanonicalCitation {
  const uri = string(value['uri']) || string(value['sourceUri']);
  if (/^https?:/.test(uri)) return { kind: 'url', source: uri };
  if (uri !== '') return { kind: 'file', source: uri };
  return { kind: 'document', source: string(value['title']) };
}

function usageOf(usage: Payload): CanonicalUsage | undefined {
  const stated = ['promptTokenCount', 'candidatesTokenCount', 'totalTokenCount'];
  if (!stated.some((key) => has(usage[key]))) return undefined;
  const reasoning = count(usage['thoughtsTokenCount']);
  return {
    input: count(usage['promptTokenCount']) + count(usage['toolUsePromptTokenCount']),
    output: count(usage['candidatesTokenCount']) + reasoning,
    cacheRead: count(usage['cachedContentTokenCount']),
    cacheWrite: 0,
    reasoning,
    total: has(usage['totalTokenCount']) ? count(usage['totalTokenCount']) : undefined,
  };
}
