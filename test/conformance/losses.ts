import type { ProtocolId } from '../../src/turn/part.ts';
import type { CheckId } from './checks.ts';
import type { Surface } from './finish.ts';

/** A miss that no gateway could avoid on this path, or that follows from a stated decision. */
export interface Loss {
  /** Fixture name, or a pattern on it. */
  readonly fixture: string | RegExp;
  readonly upstream?: ProtocolId;
  readonly surface?: Surface;
  readonly stream?: boolean;
  readonly check: CheckId;
  /** Must be found in the miss's detail. */
  readonly detail?: RegExp;
  /** Why, in one sentence for the reader of the report. */
  readonly cause: string;
}

const spliced =
  'A retry was spliced into the reply after its call had begun: the first id had reached the client.';

export const losses: readonly Loss[] = [
  ...(['C2', 'R2'] as const).map((check): Loss => ({
    fixture: 'anthropic-messages/spliced-message-start',
    stream: true,
    check,
    detail: /^turn 2/,
    cause: spliced,
  })),
  {
    fixture: 'anthropic-messages/spliced-message-start',
    surface: 'openai-responses',
    stream: true,
    check: 'T2',
    cause: spliced,
  },
  {
    fixture: /./,
    surface: 'openai-chat',
    check: 'N1',
    detail: /\(document\)|\(file\)/,
    cause: 'An annotation in Chat can only point at a URL; passages of documents and files have none.',
  },
  {
    fixture: /./,
    surface: 'openai-responses',
    check: 'N1',
    detail: /\(document\)/,
    cause: 'A file citation in Responses needs the id of a stored file; a document sent inline has none.',
  },
  {
    fixture: /./,
    surface: 'anthropic-messages',
    check: 'N1',
    detail: /\(file\)/,
    cause:
      'A citation in Messages quotes the cited passage of a document of the request; a file citation has neither.',
  },
  {
    fixture: /./,
    surface: 'openai-chat',
    stream: true,
    check: 'G3',
    detail: /tool_calls\/\*\/type must be equal to one of the allowed values: \["function"\]/,
    cause:
      'The published schema of Chat chunks knows only function calls; the official SDK reads custom ones.',
  },
  {
    fixture: /^constructed\/openai-chat--error/,
    surface: 'openai-responses',
    stream: true,
    check: 'G3',
    detail: /^ResponseFailedEvent\/response\/error\/code/,
    cause:
      'The published list of error codes is closed; the service itself sends others, and codes that clients act on pass.',
  },
];
