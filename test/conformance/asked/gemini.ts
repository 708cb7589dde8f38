import type { Payload } from '../canonical.ts';
import { has, list, object, string } from '../canonical/read.ts';
import type { CanonicalRequest } from './canonical.ts';
import { conversation, described, media, parsed, sorted } from './conversation.ts';

export function ofGemini(body: Payload): CanonicalRequest {
  const talk = conversation();
  const system = body['systemInstruction'];
  talk.add(
    'system',
    typeof system === 'string' ? [`text:${system}`] : list(object(system)['parts']).flatMap(plainPart),
  );
  // Calls without an id are answered by name, in order.
  const waiting: { id: string; name: string }[] = [];
  let made = 0;
  for (const content of list(body['contents'])) {
    const parts = list(content['parts']).flatMap((part): string[] => {
      if (has(part['functionCall'])) {
        const { id, name, args } = object(part['functionCall']);
        const own = string(id) || `made ${made++}`;
        waiting.push({ id: own, name: string(name) });
        return [talk.call(own, name, args ?? {})];
      }
      if (!has(part['functionResponse'])) return plainPart(part);
      const { id, name, response, parts: media } = object(part['functionResponse']);
      const at = waiting.findIndex((call) => (has(id) ? call.id === id : call.name === name));
      const [call] = at < 0 ? [] : waiting.splice(at, 1);
      return [
        ...talk.result(call?.id ?? id, resultText(object(response))),
        ...list(media).flatMap(plainPart),
      ];
    });
    talk.add(content['role'] === 'model' ? 'assistant' : 'user', parts);
  }
  const config = object(body['generationConfig']);
  const tools = list(body['tools']);
  return {
    ...talk.ends(),
    tools: tools
      .flatMap((tool) => list(tool['functionDeclarations']))
      .map((tool) => ({ ...described(tool, 'parametersJsonSchema'), schema: schemaOf(tool) })),
    hosted: tools.flatMap((tool) => Object.keys(tool).flatMap((key) => hostedTools[key] ?? [])),
    ...choiceOf(object(object(body['toolConfig'])['functionCallingConfig'])),
    parallel: undefined,
    limit: config['maxOutputTokens'] as number | undefined,
    temperature: config['temperature'] as number | undefined,
    topP: config['topP'] as number | undefined,
    stop: (config['stopSequences'] ?? []) as string[],
    format: formatOf(config),
    effort: effortOf(object(config['thinkingConfig'])),
  };
}

function plainPart(part: Payload): string[] {
  if (part['thought'] === true) return [];
  if (has(part['text'])) return part['text'] === '' ? [] : [`text:${string(part['text'])}`];
  const data = object(part['inlineData'] ?? part['fileData']);
  if (has(data['mimeType']) || has(data['fileUri'])) {
    const type = string(data['mimeType']);
    const kind = type.startsWith('image/') ? 'image' : type.startsWith('audio/') ? 'audio' : 'document';
    return [`${kind}:${media(data['fileUri'] ?? `data:${type};base64,${string(data['data'])}`)}`];
  }
  return Object.keys(part).filter((key) => /^[a-z]+[A-Z]?\w*(Call|Code|Result|Response)$/.test(key));
}

/** A response is an object; what stands in the usual member alone, or beside the tool's name, is all of it. */
function resultText(response: Payload): string {
  const [key, ...more] = Object.keys(response).filter((name) => name !== 'name');
  const isOnly = more.length === 0 && ['output', 'error', 'result', 'content'].includes(key ?? '');
  const value = isOnly ? response[key!] : response;
  return typeof value === 'string' ? value : sorted(value);
}

const hostedTools: Readonly<Record<string, string>> = {
  googleSearch: 'web_search',
  googleSearchRetrieval: 'web_search',
  urlContext: 'web_fetch',
  codeExecution: 'code_execution',
  fileSearch: 'file_search',
  computerUse: 'computer',
  googleMaps: 'maps',
  mcpServers: 'mcp',
};

const modes: Readonly<Record<string, string>> = {
  AUTO: 'auto',
  VALIDATED: 'auto',
  ANY: 'required',
  NONE: 'none',
};

function choiceOf(config: Payload): Pick<CanonicalRequest, 'toolChoice'> {
  const names = config['allowedFunctionNames'] as string[] | undefined;
  const mode = modes[string(config['mode'])];
  return { toolChoice: mode === 'required' && names?.length === 1 ? `one:${names[0]}` : mode };
}

function formatOf(config: Payload): unknown {
  const text = object(object(config['responseFormat'])['text']);
  const json = config['responseJsonSchema'] ?? text['schema'];
  if (has(json)) return json;
  if (has(config['responseSchema'])) return jsonSchema(config['responseSchema']);
  const type = config['responseMimeType'];
  return type === 'application/json' ? 'json_object' : type === 'text/plain' ? 'text' : undefined;
}

const effortOf = (thinking: Payload): string | undefined =>
  has(thinking['thinkingLevel'])
    ? string(thinking['thinkingLevel']).toLowerCase()
    : has(thinking['thinkingBudget'])
      ? `budget:${String(thinking['thinkingBudget'])}`
      : undefined;

const schemaOf = (tool: Payload): unknown =>
  has(tool['parametersJsonSchema'])
    ? tool['parametersJsonSchema']
    : has(tool['parameters'])
      ? jsonSchema(tool['parameters'])
      : undefined;

const counts = /^(min|max)(Items|Length|Properties)$/;

/** The API's own form of schemas as JSON Schema: types in small letters, `nullable` as a type, counts as numbers. */
export function jsonSchema(schema: unknown): unknown {
  const { nullable, ...members } = object(schema);
  const out: Payload = {};
  for (const [key, value] of Object.entries(members)) {
    if (key === 'type') out['type'] = string(value).toLowerCase();
    else if (key === 'items') out['items'] = jsonSchema(value);
    else if (key === 'anyOf') out['anyOf'] = list(value).map(jsonSchema);
    else if (key === 'properties') {
      out['properties'] = Object.fromEntries(
        Object.entries(object(value)).map(([name, inner]) => [name, jsonSchema(inner)]),
      );
    } else out[key] = counts.test(key) ? Number(value) : value;
  }
  if (nullable === true) out['type'] = [out['type'], 'null'];
  return out;
}

/** Results as Gemini must write them: text that is JSON, or an object around text, says the same as what is in it. */
export const loosened = (part: string): string =>
  part.replace(/^(result \S+?):([^]*)$/, (_whole, head: string, text: string) => {
    const value = parsed(text);
    return `${head}:${typeof value === 'object' && value !== null ? resultText(value as Payload) : text}`;
  });
