import type { Json, JsonObject } from '../../turn/json.ts';
import { isObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { ReasoningPart } from '../../turn/part.ts';
import type { Choice, Reply } from '../../turn/reply.ts';
import type { SurfaceContext } from '../protocol.ts';
import { own } from './fields.ts';
import { Losses } from './notes.ts';
import {
  dropPart,
  encodeAnnotations,
  encodeReplyImage,
  isLegacy,
  replyId,
  replyTier,
} from './reply-encode.ts';
import type { Cited } from './reply-encode.ts';
import { encodeSeals } from './reasoning.ts';
import { encodeStop } from './stop.ts';
import { encodeUsage, isStated } from './usage.ts';

export { decodeResult } from './stream-decode.ts';

/** Writes a whole reply as a `chat.completion`. */
export function encodeResult(reply: Reply, context: SurfaceContext): { body: JsonObject; notes: Note[] } {
  const losses = new Losses();
  const id = replyId(reply.id, context);
  const body: JsonObject = {
    id,
    object: 'chat.completion',
    created: reply.created ?? context.createdSeconds,
    model: reply.model ?? context.model,
    choices: reply.choices.map((choice, index) => encodeChoice(choice, index, id, context, losses)),
  };
  if (isStated(reply.usage)) body.usage = encodeUsage(reply.usage);
  const tier = replyTier(reply.tier, losses);
  if (tier !== undefined) body.service_tier = tier;
  Object.assign(body, reply.extras?.[own]);
  losses.foreign(reply.extras);
  return { body, notes: losses.notes };
}

function encodeChoice(
  choice: Choice,
  index: number,
  id: string,
  context: SurfaceContext,
  losses: Losses,
): JsonObject {
  const message: JsonObject = { role: 'assistant', content: null, refusal: null };
  const legacy = isLegacy(context.body);
  const cited: Cited[] = [];
  const annotations: Json[] = [];
  const reasoning: ReasoningPart[] = [];
  const calls: Json[] = [];
  const images: Json[] = [];
  const kept: Json[] = [];
  const logprobs: { content: Json[]; refusal: Json[] } = { content: [], refusal: [] };
  let content: string | undefined;
  let refusal: string | undefined;

  choice.parts.forEach((part, partIndex) => {
    losses.foreign(part.extras);
    switch (part.kind) {
      case 'text': {
        const from = content?.length ?? 0;
        content = (content ?? '') + part.text;
        if (part.citations) cited.push({ citations: part.citations, from, to: content.length });
        if (part.logprobs) logprobs.content.push(...part.logprobs);
        break;
      }
      case 'refusal':
        refusal = (refusal ?? '') + part.text;
        if (part.logprobs) logprobs.refusal.push(...part.logprobs);
        break;
      case 'reasoning':
        reasoning.push(part);
        break;
      case 'tool_call': {
        if (part.by === 'server') {
          dropPart(part, losses);
          break;
        }
        const input = part.input === '' && part.inputAs === 'json' ? '{}' : part.input;
        if (legacy) {
          if (!message.function_call) message.function_call = { name: part.name, arguments: input };
          else losses.add('tool_calls', 'dropped', 'the legacy form has one function call', 'degrade');
          break;
        }
        const callId = part.callId || `call_${id}_${partIndex}`;
        const extras = part.extras?.[own];
        calls.push(
          part.inputAs === 'text'
            ? { id: callId, type: 'custom', custom: { name: part.name, input }, ...extras }
            : { id: callId, type: 'function', function: { name: part.name, arguments: input }, ...extras },
        );
        break;
      }
      case 'media':
        if (part.as === 'audio' && part.source.by === 'bytes') {
          message.audio = {
            id: part.id ?? `audio_${id}_${partIndex}`,
            data: part.source.data,
            expires_at: part.extras?.[own]?.expires_at ?? context.createdSeconds,
            transcript: part.transcript ?? '',
          };
        } else {
          const image = encodeReplyImage(part, losses);
          if (image) images.push(image);
        }
        break;
      case 'native':
        if (part.protocol !== own) dropPart(part, losses);
        else if (part.type === 'annotation') annotations.push(part.value);
        else kept.push(part.value);
        break;
      default:
        dropPart(part, losses);
    }
  });

  message.content =
    kept.length > 0 ? [...(content ? [{ type: 'text', text: content }] : []), ...kept] : (content ?? null);
  if (refusal !== undefined) message.refusal = refusal;
  const text = reasoning.map(reasoningText).join('');
  if (text !== '') message.reasoning_content = text;
  const seals = encodeSeals(reasoning);
  if (seals.details) message.reasoning_details = seals.details;
  if (seals.opaque !== undefined) message.reasoning_opaque = seals.opaque;
  annotations.unshift(...encodeAnnotations(cited, losses));
  if (annotations.length > 0) message.annotations = annotations;
  if (images.length > 0) message.images = images;
  if (calls.length > 0) message.tool_calls = calls;

  const stop = choice.stop ?? { reason: 'end' };
  const { word, why } = encodeStop(stop, refusal !== undefined, legacy);
  if (why !== undefined) losses.add('finish_reason', 'dropped', why);
  const hasLogprobs = logprobs.content.length > 0 || logprobs.refusal.length > 0;
  const body: JsonObject = {
    index,
    message,
    logprobs: hasLogprobs
      ? {
          content: logprobs.content.length > 0 ? logprobs.content : null,
          refusal: logprobs.refusal.length > 0 ? logprobs.refusal : null,
        }
      : null,
    finish_reason: word,
  };
  const { message: left, ...beside } = choice.extras?.[own] ?? {};
  if (isObject(left)) Object.assign(message, left);
  losses.foreign(choice.extras);
  return Object.assign(body, beside);
}

/** A part's reasoning as one text: itself, or its summaries one below the other. */
export const reasoningText = (part: ReasoningPart): string => part.text || (part.summary?.join('\n\n') ?? '');
