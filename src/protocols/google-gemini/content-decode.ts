import type { TurnEvent } from '../../turn/event.ts';
import { refuse } from '../../turn/failure.ts';
import { isObject, rest, type Json, type JsonObject } from '../../turn/json.ts';
import type { Part, ReasoningPart } from '../../turn/part.ts';
import { applyDelta } from '../../turn/reply.ts';
import type { Turn } from '../../turn/request.ts';
import { CandidateReader } from './candidate-reader.ts';
import { camel, ownExtras, protocolId } from './names.ts';
import { decodePart, type CallIds } from './part-decode.ts';
import { wordsOf } from './signature.ts';

const contentKeys: ReadonlySet<string> = new Set(['role', 'parts']);

/**
 * Reads `contents`. A user's content is a turn; a model's contents that follow one another are one turn, since chat
 * clients keep each chunk of a streamed reply as a content of its own.
 * @throws FailureError status 400 for roles and shapes that the API refuses
 */
export function decodeContents(value: Json | undefined): Turn[] {
  if (value === undefined || value === null) {
    refuse('* GenerateContentRequest.contents: contents is not specified', 'contents');
  }
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) refuse('* GenerateContentRequest.contents: contents is not specified', 'contents');
  const ids = new HistoryIds();
  const turns: Turn[] = [];
  let model: { readonly turn: Turn; readonly parts: ModelParts } | undefined;
  list.forEach((entry, i) => {
    const path = `contents[${i}]`;
    const content = contentOf(entry, path);
    const role = roleOf(content, path);
    ids.content = i;
    if (role === 'user') {
      model?.parts.finish();
      model = undefined;
      ids.beginResults();
      turns.push(
        turnOf(
          role,
          partsOf(content, path).map((part) => decodePart(part, ids)),
          content,
        ),
      );
      return;
    }
    if (model === undefined) {
      ids.beginCalls();
      const parts = new ModelParts(ids);
      model = { turn: turnOf('assistant', parts.parts, content), parts };
      turns.push(model.turn);
    }
    for (const part of partsOf(content, path)) model.parts.push(part);
  });
  model?.parts.finish();
  return turns;
}

/** Reads the system instruction, which has parts but no role that matters; a plain string is one part. */
export function decodeInstructions(value: Json | undefined): Part[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ kind: 'text', text: value }];
  const path = 'system_instruction';
  return partsOf(contentOf(value, path), path).map((part) => decodePart(part, new HistoryIds()));
}

function contentOf(value: Json, path: string): JsonObject {
  if (typeof value === 'string') return { parts: [{ text: value }] };
  if (!isObject(value))
    refuse(
      `Invalid value at '${path}' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content)`,
      path,
    );
  return camel(value);
}

function roleOf({ role }: JsonObject, path: string): 'user' | 'model' {
  if (role === 'model') return 'model';
  if (role === undefined || role === '' || role === 'user' || role === 'function') return 'user';
  return refuse('Please use a valid role: user, model.', `${path}.role`);
}

/** The parts with their members under the names of the JSON form; one part may stand without its list. */
function partsOf({ parts }: JsonObject, path: string): JsonObject[] {
  if (parts === undefined) return [];
  return (Array.isArray(parts) ? parts : [parts]).map((part, i) => {
    if (!isObject(part)) refuse(`Invalid value at '${path}.parts[${i}]'`, `${path}.parts[${i}]`);
    const read = camel(part);
    if (read.text !== undefined && typeof read.text !== 'string') {
      refuse(`Invalid value at '${path}.parts[${i}].text' (TYPE_STRING)`, `${path}.parts[${i}].text`);
    }
    return read;
  });
}

function turnOf(role: Turn['role'], parts: Part[], content: JsonObject): Turn {
  const turn: Turn = { role, parts };
  const extras = rest(content, contentKeys);
  if (extras !== undefined) turn.extras = ownExtras(extras);
  return turn;
}

/** The parts of a model's turn, read as those of a reply are. */
class ModelParts {
  readonly parts: Part[] = [];
  readonly #reader: CandidateReader;
  readonly #events: TurnEvent[] = [];

  constructor(ids: CallIds) {
    this.#reader = new CandidateReader(0, ids, {});
  }

  push(part: JsonObject): void {
    this.#reader.part(part, this.#events);
    this.#settle();
  }

  finish(): void {
    this.#reader.finish(this.#events);
    this.#settle();
    leaveOutShown(this.parts);
  }

  #settle(): void {
    for (const event of this.#events) {
      if (event.kind === 'part_start') this.parts[event.index] = event.part;
      else if (event.kind === 'part_delta') applyDelta(this.parts[event.index]!, event.delta);
    }
    this.#events.length = 0;
  }
}

/**
 * Leaves out thoughts that were only shown: the same words, with the seal of their maker, were packed into the
 * signature behind them.
 */
function leaveOutShown(parts: Part[]): void {
  for (let i = parts.length - 1; i >= 0; i--) {
    const shown = parts[i]!;
    if (shown.kind !== 'reasoning' || shown.seal !== undefined || !shown.text) continue;
    let words = '';
    for (let j = i + 1; isPacked(parts[j]); j++) words += wordsOf(parts[j] as ReasoningPart);
    if (words === shown.text) parts.splice(i, 1);
  }
}

const isPacked = (part: Part | undefined): boolean =>
  part?.kind === 'reasoning' && part.seal !== undefined && part.seal.protocol !== protocolId;

interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/**
 * Call ids of a history. The API pairs calls and results by id where they have one, else by their order; ids that
 * are made here come from the place of the call, so each turn's are those of the turn before.
 */
class HistoryIds implements CallIds {
  content = 0;
  #count = 0;
  #calls: OpenCall[] = [];
  #hosted = '';

  beginCalls(): void {
    this.#calls = [];
  }

  beginResults(): void {
    this.#count = 0;
  }

  call(given: string | undefined, name = ''): string {
    const id = given ?? `call_${this.content}_${this.#count++}`;
    this.#calls.push({ id, name });
    return id;
  }

  result(given: string | undefined, name: string): string {
    const at = this.#find(given, name);
    if (at < 0) return given ?? `call_${this.content}_${this.#count++}`;
    const [call] = this.#calls.splice(at, 1);
    return call!.id;
  }

  hosted(given: string | undefined, isResult: boolean): string {
    if (given !== undefined) return given;
    if (!isResult || this.#hosted === '') this.#hosted = `call_${this.content}_${this.#count++}`;
    return this.#hosted;
  }

  #find(given: string | undefined, name: string): number {
    const at = given === undefined ? -1 : this.#calls.findIndex(({ id }) => id === given);
    return at >= 0 ? at : this.#calls.findIndex((call) => call.name === name);
  }
}
