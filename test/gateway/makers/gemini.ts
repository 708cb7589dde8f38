import { blocksOfPayloads } from '../../support/corpus.ts';
import { listOf, sign, type Body, type Place, type Said, type Wire } from './maker.ts';

const signature = ({ vendor, account, model }: Place, number: number): string =>
  `${sign([vendor, account, model], String(number))}${Buffer.from(`#${String(number).padStart(5, '0')}`).toString('base64')}`;
const numberIn = (value: string): number =>
  Number(Buffer.from(value.slice(-8), 'base64').toString().slice(1));

/** Google's API with models of the third generation. */
export const gemini: Wire = {
  route(path, search) {
    const [, model, method] = /^\/v1beta\/models\/([^:]+):(\w+)$/.exec(path) ?? [];
    if (model === undefined) return undefined;
    return { model, stream: method === 'streamGenerateContent' && search.includes('alt=sse') };
  },
  conversation: 'contents',
  faults(body, place) {
    const faults: string[] = [];
    const contents = listOf(body.contents);
    contents.forEach(({ role, parts }, i) => {
      const calls = listOf(parts).filter((part) => part.functionCall !== undefined);
      const results = listOf(parts).filter((part) => part.functionResponse !== undefined);
      const asked = listOf(contents[i - 1]?.parts).filter((part) => part.functionCall !== undefined);
      if (role === 'user' && results.length !== asked.length)
        faults.push('the number of function response parts must equal the number of function call parts');
      if (role === 'model' && calls.length > 0 && i === contents.length - 1)
        faults.push('a function call must be followed by its response');
      const first = calls[0];
      if (role === 'model' && first !== undefined && first.thoughtSignature === undefined)
        faults.push('Function call is missing a thought_signature in functionCall parts.');
      for (const { thoughtSignature: value } of listOf(parts)) {
        if (value === undefined || value === 'skip_thought_signature_validator') continue;
        if (value !== signature(place, numberIn(String(value)))) faults.push('Corrupted thought signature.');
      }
    });
    return faults;
  },
  endsInResults: (body) => listOf(listOf(body.contents).at(-1)?.parts).at(-1)?.functionResponse !== undefined,
  reply(said, _, place) {
    const parts = partsOf(said, place);
    const answer = (of: Body[], more: Body = {}): Body => ({
      candidates: [{ content: { role: 'model', parts: of }, index: 0, ...more }],
      usageMetadata: { promptTokenCount: 5, totalTokenCount: 7 },
      modelVersion: place.model,
      responseId: `reply-${said.number}`,
    });
    const events = [...parts.map((part) => answer([part])), answer([{ text: '' }], { finishReason: 'STOP' })];
    return {
      whole: answer(parts, { finishReason: 'STOP' }),
      events: blocksOfPayloads(
        events.map((event) => JSON.stringify(event)),
        'google-gemini',
      ),
    };
  },
  refusal: (status, message) => ({
    error: {
      code: status,
      message,
      status: status === 429 ? 'RESOURCE_EXHAUSTED' : status === 503 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT',
    },
  }),
};

function partsOf({ number, thought, text, calls }: Said, place: Place): Body[] {
  const parts: Body[] = [];
  if (thought !== undefined) parts.push({ text: thought, thought: true });
  const thoughtSignature = signature(place, number);
  parts.push(calls.length > 0 ? { text } : { text, thoughtSignature });
  calls.forEach((id, i) => {
    const functionCall = { id, name: 'look', args: { city: 'Oslo', thoughtSignature: 'mine' } };
    parts.push(i === 0 ? { functionCall, thoughtSignature } : { functionCall });
  });
  return parts;
}
