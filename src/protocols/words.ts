import type { MediaPart } from '../turn/part.ts';
import type { OutputFormat } from '../turn/request.ts';
import type { Abilities, InputKind } from './protocol.ts';

/** A schema told to a model that cannot be held to it. */
export const schemaInWords = ({ schema, description }: OutputFormat): string =>
  `Reply with one JSON value alone, without any other text, that is valid against this JSON schema${
    description === undefined ? '' : ` (${description})`
  }:\n${JSON.stringify(schema ?? {})}`;

/** What stands in the place of media that the model is known not to read; nothing where it may read them. */
export function mediaInWords(part: MediaPart, { inputs }: Abilities): string | undefined {
  const kind = kindOf(part);
  if (inputs === undefined || kind === undefined || inputs.has(kind)) return undefined;
  // Catalogs forget documents: models that see are given them by most upstreams.
  if (kind === 'document' && inputs.has('image')) return undefined;
  const named = part.title === undefined ? '' : ` named ${part.title}`;
  return `[${kind === 'image' || kind === 'audio' ? 'an' : 'a'} ${kind}${named} that this model cannot read]`;
}

/** What a model must be able to read for a part; text can be read by all. */
function kindOf({ as, source, mime }: MediaPart): InputKind | undefined {
  if (as === 'image' || as === 'audio' || as === 'video') return as;
  if (as === 'search_result' || source.by === 'text' || source.by === 'parts') return undefined;
  return isTextual(mime) ? undefined : 'document';
}

/** Whether bytes of this type are text that anything can read. */
export const isTextual = (mime: string | undefined): boolean => /^text\/|json|xml|yaml/.test(mime ?? '');
