import { picked, tokenCount, type CountRules } from '../count.ts';

/** `TokenCountsBody` of the API's description. */
const members = [
  'model',
  'input',
  'instructions',
  'previous_response_id',
  'conversation',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'reasoning',
  'text',
  'truncation',
  'personality',
] as const;

/** `POST /v1/responses/input_tokens`: a Responses request without what concerns the reply only. */
export const count: CountRules = {
  turnOf: (body) => body,
  question: (turn) => picked(turn, members),
  read: (body) => tokenCount(body, 'input_tokens'),
  write: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
};
