import { asString, isObject, rest } from '../../turn/json.ts';
import type { Json, JsonObject } from '../../turn/json.ts';
import { refuse } from '../../turn/failure.ts';
import type { Part, ToolCallPart, ToolResultPart } from '../../turn/part.ts';
import type { Turn } from '../../turn/request.ts';
import { decodeAnnotation } from './citations.ts';
import { arrayField, leftover, missing, objectField, own, stringField, wrongType } from './fields.ts';
import { decodePart } from './parts.ts';
import { decodeReasoning } from './reasoning.ts';

const plainKeys = new Set(['role', 'content', 'name']);
const resultKeys = new Set(['role', 'content', 'name', 'tool_call_id']);
const assistantKeys = [
  'role',
  'content',
  'name',
  'refusal',
  'annotations',
  'audio',
  'tool_calls',
  'function_call',
];
const callKeys = new Set(['id', 'type', 'index', 'function', 'custom']);
const callBodyKeys = new Set(['name', 'arguments', 'input']);

/** Reads `messages`: each message is one turn, in order. */
export function decodeMessages(messages: readonly Json[]): Turn[] {
  // The legacy form has no call ids: a result answers the last call, so both get one made of its position.
  let legacyCall = '';
  return messages.map((message, i) => {
    const path = `messages[${i}]`;
    if (!isObject(message)) return wrongType(path, 'an object', message);
    switch (message.role) {
      case 'system':
      case 'developer':
      case 'user':
        return plainTurn(message.role, message, path);
      case 'assistant':
        if (isObject(message.function_call)) legacyCall = `call_message_${i}`;
        return assistantTurn(message, path, legacyCall);
      case 'tool':
        return resultTurn(
          message,
          stringField(message, 'tool_call_id', `${path}.tool_call_id`) ?? missing(`${path}.tool_call_id`),
          path,
        );
      case 'function':
        return resultTurn(message, legacyCall || `call_message_${i}`, path);
      case undefined:
        return missing(`${path}.role`);
      default:
        return refuse(
          `Invalid value: '${asString(message.role) ?? JSON.stringify(message.role)}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.`,
          `${path}.role`,
          { code: 'invalid_value' },
        );
    }
  });
}

function plainTurn(role: 'system' | 'developer' | 'user', message: JsonObject, path: string): Turn {
  const content = message.content;
  if (content === undefined) missing(`${path}.content`);
  if (content === null) {
    refuse("Invalid value for 'content': expected a string, got null.", `${path}.content`);
  }
  return named({ role, parts: contentParts(content!, `${path}.content`) }, message, plainKeys, path);
}

function resultTurn(message: JsonObject, callId: string, path: string): Turn {
  const content = message.content ?? '';
  const part: ToolResultPart = {
    kind: 'tool_result',
    callId,
    family: 'function',
    output:
      typeof content === 'string'
        ? { as: 'text', text: content }
        : { as: 'parts', parts: contentParts(content, `${path}.content`) },
    outcome: 'ok',
    by: 'client',
  };
  const name = stringField(message, 'name', `${path}.name`);
  if (name !== undefined) part.name = name;
  const turn: Turn = { role: 'user', parts: [part] };
  const extras = leftover(message, resultKeys);
  if (extras) turn.extras = extras;
  return turn;
}

function assistantTurn(message: JsonObject, path: string, legacyCall: string): Turn {
  const reasoning = decodeReasoning(message);
  const parts: Part[] = [...reasoning.parts];
  const content = message.content;
  if (content !== undefined && content !== null) parts.push(...contentParts(content, `${path}.content`));
  const refusal = stringField(message, 'refusal', `${path}.refusal`);
  if (refusal !== undefined && refusal !== '') parts.push({ kind: 'refusal', text: refusal });

  for (const annotation of arrayField(message, 'annotations', `${path}.annotations`) ?? []) {
    if (!isObject(annotation)) continue;
    const citation = decodeAnnotation(annotation);
    const text = parts.findLast((part) => part.kind === 'text');
    if (citation && text?.kind === 'text') (text.citations ??= []).push(citation);
    else parts.push({ kind: 'native', protocol: own, type: 'annotation', value: annotation });
  }
  const audio = objectField(message, 'audio', `${path}.audio`);
  if (audio) {
    const id = stringField(audio, 'id', `${path}.audio.id`) ?? missing(`${path}.audio.id`);
    parts.push({ kind: 'reference', refersTo: id, extras: leftover(audio, new Set(['id'])) });
  }
  for (const [i, call] of (arrayField(message, 'tool_calls', `${path}.tool_calls`) ?? []).entries()) {
    parts.push(decodeCall(call, `${path}.tool_calls[${i}]`));
  }
  const legacy = objectField(message, 'function_call', `${path}.function_call`);
  if (legacy) parts.push(clientCall(legacyCall, legacy, 'arguments', `${path}.function_call`));
  return named(
    { role: 'assistant', parts },
    message,
    new Set([...assistantKeys, ...reasoning.consumed]),
    path,
  );
}

function decodeCall(call: Json, path: string): Part {
  if (!isObject(call)) return wrongType(path, 'an object', call);
  const id = stringField(call, 'id', `${path}.id`) ?? missing(`${path}.id`);
  const type =
    call.type === 'custom' || (call.type === undefined && isObject(call.custom)) ? 'custom' : 'function';
  const body = objectField(call, type, `${path}.${type}`) ?? missing(`${path}.${type}`);
  const part = clientCall(id, body, type === 'custom' ? 'input' : 'arguments', `${path}.${type}`);
  const outer = rest(call, callKeys);
  const inner = rest(body, callBodyKeys);
  if (outer || inner) part.extras = { [own]: inner ? { ...outer, [type]: inner } : outer };
  return part;
}

function clientCall(
  callId: string,
  body: JsonObject,
  key: 'arguments' | 'input',
  path: string,
): ToolCallPart {
  const input = body[key];
  return {
    kind: 'tool_call',
    callId,
    family: key === 'input' ? 'custom' : 'function',
    name: stringField(body, 'name', `${path}.name`) ?? missing(`${path}.name`),
    // Some clients put the parsed object back.
    input: isObject(input) ? JSON.stringify(input) : (stringField(body, key, `${path}.${key}`) ?? ''),
    inputAs: key === 'input' ? 'text' : 'json',
    by: 'client',
  };
}

/** A string is one text part; an empty one is none. */
function contentParts(content: Json, path: string): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) return wrongType(path, 'a string or an array of objects', content);
  return content.map((part, i) => decodePart(part, `${path}[${i}]`));
}

function named(turn: Turn, message: JsonObject, known: ReadonlySet<string>, path: string): Turn {
  const name = stringField(message, 'name', `${path}.name`);
  if (name !== undefined) turn.name = name;
  const extras = leftover(message, known);
  if (extras) turn.extras = extras;
  return turn;
}
