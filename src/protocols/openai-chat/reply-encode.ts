import type { Json, JsonObject } from '../../turn/json.ts';
import type { Citation, MediaPart, Part } from '../../turn/part.ts';
import type { SurfaceContext } from '../protocol.ts';
import { encodeAnnotation } from './citations.ts';
import type { Losses } from './notes.ts';
import { encodeMedia } from './parts.ts';

const idPrefix = 'chatcmpl-';

/** The reply's id for a client: the upstream's, with this protocol's prefix. */
export const replyId = (id: string | undefined, context: SurfaceContext): string =>
  id?.startsWith(idPrefix) ? id : idPrefix + (id || context.requestId);

const tiers = new Set(['auto', 'default', 'flex', 'scale', 'priority', 'fast']);

/** The `service_tier` for a client; other protocols' ordinary tier is `default` here. */
export function replyTier(tier: string | undefined, losses: Losses): string | undefined {
  if (tier === undefined || tiers.has(tier)) return tier;
  if (tier === 'standard') return 'default';
  losses.add('service_tier', 'dropped', `chat has no service tier ${tier}`);
  return undefined;
}

/** Clients that offered the legacy `functions` expect a `function_call`. */
export const isLegacy = (body: JsonObject): boolean =>
  Array.isArray(body.functions) && !Array.isArray(body.tools);

/** A cited stretch of the message's whole text. */
export interface Cited {
  readonly citations: readonly Citation[];
  readonly from: number;
  readonly to: number;
}

/** The message's `annotations`; sources that are not on the web cannot be named. */
export function encodeAnnotations(cited: readonly Cited[], losses: Losses): Json[] {
  const annotations: Json[] = [];
  for (const { citations, from, to } of cited) {
    for (const citation of citations) {
      const annotation = encodeAnnotation(citation, from, to);
      if (annotation) annotations.push(annotation);
      else losses.add('citations', 'dropped', `chat cannot cite a ${citation.from}`);
    }
  }
  return annotations;
}

/** A picture in a reply, in the form that compatible servers use; the schema itself has no place for it. */
export function encodeReplyImage(part: MediaPart, losses: Losses): JsonObject | undefined {
  const image = part.as === 'image' ? encodeMedia(part) : undefined;
  if (!image)
    losses.add('media', 'dropped', `a chat reply cannot hold ${part.as} by ${part.source.by}`, 'degrade');
  else losses.add('media', 'emulated', 'images go out as images beside the content');
  return image;
}

/** Notes a part that a chat reply has no place for. */
export function dropPart(part: Part, losses: Losses): void {
  switch (part.kind) {
    case 'tool_call':
    case 'tool_result':
      losses.add(
        part.kind,
        'dropped',
        `steps of the hosted tool ${part.name ?? part.family} have no place in chat`,
      );
      break;
    case 'native':
      losses.add(part.type, 'dropped', `chat has no ${part.type}`);
      break;
    default:
      losses.add(part.kind, 'dropped', `chat replies have no ${part.kind}`);
  }
}
