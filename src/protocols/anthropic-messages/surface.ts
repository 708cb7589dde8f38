import type { Note } from '../../turn/note.ts';
import type { ReasoningPart } from '../../turn/part.ts';
import type { SurfaceContext } from '../protocol.ts';
import { escapeCallId } from '../repairs/call-ids.ts';
import { packSeal } from '../seal.ts';
import type { BlockWriter } from './block-writer.ts';
import { protocolId } from './names.ts';

/** Writes parts of a reply for a client. */
export const replyWriter = (notes: Note[]): BlockWriter => ({
  own: false,
  callId: escapeCallId,
  toolName: (name) => name,
  seal: replySeal,
  path: '',
  notes,
});

/** A seal of this protocol goes out bare; another's is packed with its label, to be unpacked on return. */
export const replySeal = ({ seal, id }: ReasoningPart): string | undefined =>
  seal === undefined ? undefined : seal.protocol === protocolId ? seal.value : packSeal(seal, id);

export const replyId = (id: string | undefined, context: SurfaceContext): string =>
  id?.startsWith('msg_') ? id : `msg_${id ?? context.requestId}`;

/** The service tier of the reply in this protocol's words, where it has one. */
export function replyTier(tier: string | undefined, notes: Note[]): string | undefined {
  if (tier === undefined || tier === 'auto') return undefined;
  if (tier === 'default' || tier === 'standard') return 'standard';
  if (tier === 'priority' || tier === 'batch') return tier;
  notes.push({
    path: 'service_tier',
    action: 'dropped',
    why: `${tier} is not a tier of this protocol`,
    weight: 'note',
  });
  return undefined;
}

export const noteChoices = (notes: Note[]): void => {
  notes.push({ path: 'choices', action: 'dropped', why: 'a message is one reply', weight: 'degrade' });
};
