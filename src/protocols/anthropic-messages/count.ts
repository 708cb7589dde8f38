import { picked, tokenCount, type CountRules } from '../count.ts';

/** `CountMessageTokensParams` of the API's description. */
const members = [
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'cache_control',
] as const;

/** `POST /v1/messages/count_tokens`: a Messages request without what concerns the reply only. */
export const count: CountRules = {
  turnOf: (body) => body,
  question: (turn) => picked(turn, members),
  read: (body) => tokenCount(body, 'input_tokens'),
  write: (tokens) => ({ input_tokens: tokens }),
};
