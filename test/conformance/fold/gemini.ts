import type { Payload } from '../canonical.ts';
import { growingArguments } from '../canonical/partial-args.ts';
import { count, has, list, object, string } from '../canonical/read.ts';

/**
 * The one GenerateContentResponse that a provider would have sent for the chunks that it streamed: pieces of text
 * joined, arguments whole, what is stated again as stated last. `undefined` for a stream that did not end.
 */
export function geminiResult(chunks: readonly Payload[]): Payload | undefined {
  if (chunks.some((chunk) => has(chunk['error']))) return undefined;
  const candidates = new Map<number, Payload[]>();
  for (const chunk of chunks) {
    for (const candidate of list(chunk['candidates'])) {
      const index = count(candidate['index']);
      candidates.set(index, [...(candidates.get(index) ?? []), candidate]);
    }
  }
  const { candidates: _candidates, ...rest } = Object.assign({}, ...chunks) as Payload;
  const joined = [...candidates].sort(([a], [b]) => a - b).map(([, pieces]) => joinedCandidate(pieces));
  const isBlocked = has(object(rest['promptFeedback'])['blockReason']);
  const isEnded = joined.length > 0 && joined.every((candidate) => has(candidate['finishReason']));
  if (!isEnded && !isBlocked) return undefined;
  return joined.length > 0 ? { ...rest, candidates: joined } : rest;
}

function joinedCandidate(pieces: readonly Payload[]): Payload {
  const contents = pieces.map((piece) => object(piece['content'])).filter((content) => has(content['role']));
  const parts = joinedParts(contents.flatMap((content) => list(content['parts'])));
  const sources = pieces.flatMap((piece) =>
    ['citationSources', 'citations'].flatMap((key) => list(object(piece['citationMetadata'])[key])),
  );
  const key = JSON.stringify(pieces).includes('"citations"') ? 'citations' : 'citationSources';
  return {
    ...(Object.assign({}, ...pieces) as Payload),
    ...(contents.length > 0 && { content: { ...contents[0], parts } }),
    ...(sources.length > 0 && { citationMetadata: { [key]: sources } }),
  };
}

/** Text of one kind becomes one part, with the signature that came last; calls get their pieces. */
export function joinedParts(parts: readonly Payload[]): Payload[] {
  const out: Payload[] = [];
  let open: { call: Payload; args: ReturnType<typeof growingArguments> } | undefined;
  for (const part of parts) {
    const last = out.at(-1);
    if (has(part['functionCall'])) {
      const piece = object(part['functionCall']);
      if (!open || has(piece['name'])) {
        const { partialArgs: _args, willContinue: _more, ...call } = piece;
        out.push({ ...part, functionCall: call });
        open = { call, args: growingArguments() };
      }
      if (has(piece['args'])) open.args.assign(object(piece['args']));
      for (const one of list(piece['partialArgs'])) open.args.add(one);
      if (open.args.json() !== '{}') open.call['args'] = JSON.parse(open.args.json());
      if (piece['willContinue'] !== true) open = undefined;
    } else if (!has(part['text'])) out.push(part);
    else if (last && has(last['text']) && last['thought'] === part['thought']) {
      out[out.length - 1] = { ...last, ...part, text: string(last['text']) + string(part['text']) };
    } else if (string(part['text']) !== '' || has(part['thoughtSignature'])) out.push(part);
  }
  return out;
}
