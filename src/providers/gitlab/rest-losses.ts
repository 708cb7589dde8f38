import type { Json, JsonObject } from '../../turn/json.ts';
import type { Note } from '../../turn/note.ts';
import type { TurnRequest } from '../../turn/request.ts';
import { carriage, type RestService } from './capabilities.ts';
import { fold, systemOf } from './rest-request.ts';

/** What the REST services are told, in whatever form. */
const carried: ReadonlySet<string> = new Set(['messages', 'input', 'instructions', 'system', 'stream']);

/** What the reply would be the same without. All else that is left out may change it. */
const harmless: ReadonlySet<string> = new Set([
  'metadata',
  'user',
  'safety_identifier',
  'store',
  'include',
  'prompt_cache_key',
  'prompt_cache_retention',
  'cache_control',
  'service_tier',
  'stream_options',
  'tool_choice',
  'parallel_tool_calls',
]);

const why = (service: RestService): string => `GitLab’s ${service} service has no field for it`;

/**
 * What is lost of a text request on the way by REST: every member that the service has no field for, what was folded
 * into its prompt, and what did not fit there. Paths are those of the protocol that `body` is written in.
 */
export function restLosses(body: JsonObject, request: TurnRequest, service: RestService): Note[] {
  const notes: Note[] = [];
  const add = (path: string, action: Note['action'], reason: string, weight: Note['weight']): void =>
    void notes.push({ path, action, why: reason, weight });

  for (const [name, value] of Object.entries(body)) {
    if (carried.has(name) || saysNothing(name, value)) continue;
    add(name, 'dropped', why(service), harmless.has(name) ? 'note' : 'degrade');
  }
  const conversation = 'input' in body ? 'input' : 'messages';
  const system = systemOf(request);
  if (system !== '' && carriage('system prompt', service) === 'lossy')
    add(
      systemPath(body, conversation),
      'emulated',
      'goes as a snippet of context, behind GitLab’s own prompt',
      'note',
    );
  if (request.turns.length > 1 && carriage('several turns', service) === 'lossy')
    add(conversation, 'emulated', 'goes folded into one text', 'note');
  const { left } = fold(request);
  if (left > 0)
    add(conversation, 'dropped', `the oldest ${left} of its turns do not fit into the prompt`, 'degrade');
  const parts = [...request.instructions, ...request.turns.flatMap((turn) => turn.parts)];
  if (parts.some(({ kind }) => kind === 'reasoning'))
    add(
      `${conversation} (reasoning)`,
      'dropped',
      'what a model has thought before is not told to another',
      'note',
    );
  if (parts.some(isMarked))
    add(
      `${conversation} (marks)`,
      'dropped',
      'only the words of a text are told: no cache marks, no citations',
      'note',
    );
  return notes;
}

const systemPath = (body: JsonObject, conversation: string): string =>
  'system' in body ? 'system' : 'instructions' in body ? 'instructions' : conversation;

const isMarked = (part: TurnRequest['instructions'][number]): boolean =>
  part.kind === 'text' &&
  (part.cache !== undefined || part.extras !== undefined || (part.citations?.length ?? 0) > 0);

/** Values that ask for what is done anyway. */
function saysNothing(name: string, value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'object' && Object.keys(value).length === 0) return true;
  return (name === 'n' && value === 1) || (name === 'store' && value === false);
}
