import { asObject } from '../../turn/json.ts';
import { tokenCount, type CountRules } from '../count.ts';
import { resource } from './nested-model.ts';

/**
 * `POST …:countTokens`. A client asks about bare `contents` or about a whole `generateContentRequest`, which alone
 * may hold instructions and tools; the two exclude each other. A field may be written by its original name too.
 */
export const count: CountRules = {
  turnOf(body) {
    const { generateContentRequest, generate_content_request, ...bare } = body;
    const whole = asObject(generateContentRequest) ?? asObject(generate_content_request);
    return whole === undefined ? bare : { ...whole, model: body.model, stream: body.stream };
  },
  question(turn, model) {
    const { model: _, ...request } = turn;
    return { generateContentRequest: { model: resource(model), ...request } };
  },
  read: (body) => tokenCount(body, 'totalTokens'),
  write: (tokens) => ({ totalTokens: tokens }),
};
