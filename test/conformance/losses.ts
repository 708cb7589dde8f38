import type { CheckId } from './check.ts';
import type { Surface } from './finish.ts';

/** A miss that no gateway could avoid on this path, or that follows from a stated decision. */
export interface Loss {
  /** Fixture name, or a pattern on it. */
  readonly fixture: string | RegExp;
  readonly upstream?: Surface | readonly Surface[];
  readonly surface?: Surface | readonly Surface[];
  readonly stream?: boolean;
  readonly check: CheckId;
  /** Must be found in the miss's detail. */
  readonly detail?: RegExp;
  /** Why, in one sentence for the reader of the report. */
  readonly cause: string;
}

const spliced =
  'A retry was spliced into the reply after its call had begun: the first id had reached the client.';
const ownVendor =
  'A compaction and the tools that a search found are written for their own vendor, who alone can go on with them.';

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
  {
    fixture: /./,
    upstream: 'google-gemini',
    surface: 'anthropic-messages',
    check: 'N1',
    detail: /citations lost \(document\)/,
    cause:
      'A citation in Messages points at a page or at a document of the request; a repeated work has a title alone.',
  },
  {
    fixture: 'anthropic-messages/sdk-cut-tool-json',
    surface: 'google-gemini',
    check: 'C1',
    cause: 'Arguments in Gemini are an object: those that break off half-way are none.',
  },
  {
    fixture: 'openai-responses/image-generation--openai',
    surface: 'google-gemini',
    check: 'G3',
    detail: /inlineData\/data must match pattern/,
    cause: 'The recording leaves out most of the image, with three dots in its place, which are no base64.',
  },
  hosted(
    'openai-chat',
    /./,
    'Chat has messages and function calls; there is no place for what a hosted tool or the vendor itself did.',
  ),
  hosted(
    'anthropic-messages',
    /image|file search|patch|approval|MCP/,
    'Messages has no block for a generated image, a file search, a patch, or a question whether a tool may run.',
  ),
  hosted('anthropic-messages', /compaction|tool search/, ownVendor),
  hosted(
    'openai-responses',
    /advisor|fallback|web fetch/,
    'Responses has no item for advice, for a change of models, or for a page that was fetched and not searched for.',
  ),
  hosted('openai-responses', /tool search/, ownVendor),
  hosted(
    'google-gemini',
    /MCP|approval|web fetch|file search|advisor|fallback/,
    'Gemini tells the steps of its own tools alone, and only to clients that ask for them.',
  ),
  hosted('google-gemini', /compaction|tool search/, ownVendor),
];

/** What tools of the vendor did has items of its own in each protocol, and not each has all. */
function hosted(surface: Surface, families: RegExp, cause: string): Loss {
  return {
    fixture: /./,
    surface,
    check: 'N1',
    detail: new RegExp(`^hosted lost: .*(${families.source})`),
    cause,
  };
}
