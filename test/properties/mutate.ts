import type { Json, JsonObject } from '../../src/turn/json.ts';
import type { Random } from './random.ts';

/** A damaged copy of a request: `times` random changes, each at a random place. */
export function mutated(body: JsonObject, random: Random, times: number): JsonObject {
  let root = structuredClone(body);
  for (let i = 0; i < times; i++) {
    const place = random.pick(placesOf(root));
    if (!place) return root;
    const changed = random.pick(changes)(place, random, root);
    if (changed) root = changed;
  }
  return root;
}

/** A request as bytes that may be no JSON at all. */
export function garbled(text: string, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const at = random.below(bytes.length);
  switch (random.below(5)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      return new TextEncoder().encode(`${text.slice(0, at)}${text}`);
    case 3:
      return new TextEncoder().encode(text.replace('{', '{"model":1,"stream":"yes",'));
    default:
      return new TextEncoder().encode(`\ufeff${text}\n\n`);
  }
}

/** A member or entry, by what holds it. */
interface Place {
  readonly holder: Json[] | JsonObject;
  readonly key: string | number;
}

type Change = (place: Place, random: Random, root: JsonObject) => JsonObject | undefined;

const get = ({ holder, key }: Place): Json | undefined => (holder as JsonObject)[key];

function set({ holder, key }: Place, value: Json): undefined {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function placesOf(root: JsonObject): Place[] {
  const places: Place[] = [];
  const look = (holder: Json[] | JsonObject): void => {
    for (const key of Object.keys(holder)) {
      places.push({ holder, key: Array.isArray(holder) ? Number(key) : key });
      const value = (holder as JsonObject)[key];
      if (typeof value === 'object' && value !== null) look(value as Json[] | JsonObject);
    }
  };
  look(root);
  return places;
}

const changes: readonly Change[] = [
  // Another type of value, twice as likely as the rest.
  (place, random) => set(place, random.pick(oddValues)(random)),
  (place, random) => set(place, random.pick(oddValues)(random)),
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return undefined;
  },
  (place) => {
    const value = get(place);
    if (Array.isArray(place.holder))
      place.holder.splice(Number(place.key), 0, structuredClone(value ?? null));
    else set(place, [value ?? null]);
    return undefined;
  },
  (place) => {
    const value = get(place);
    if (Array.isArray(value)) value.reverse();
    else set(place, { value: value ?? null });
    return undefined;
  },
  // A word that means something, where it does not belong.
  (place, random) => {
    const held = place.holder as JsonObject;
    const key = Array.isArray(place.holder)
      ? place.key
      : random.pick(['type', 'role', 'id', 'call_id', 'name', place.key]);
    if (key in held || random.chance(0.3)) set({ holder: place.holder, key }, random.pick(words));
    return undefined;
  },
  // One id in two places.
  (place, random, root) => {
    const ids = placesOf(root).filter(({ key }) => /id$/i.test(String(key)));
    if (ids.length < 2) return undefined;
    return set(random.pick(ids), structuredClone(get(random.pick(ids)) ?? null));
  },
  // One subtree in the place of another.
  (place, random, root) => set(place, structuredClone(get(random.pick(placesOf(root))) ?? null)),
  ({ holder }, random) => {
    if (!Array.isArray(holder)) set({ holder, key: random.pick(names) }, random.pick(oddValues)(random));
    return undefined;
  },
  ({ holder, key }, random) => {
    if (Array.isArray(holder)) return undefined;
    const value = holder[key]!;
    delete holder[key];
    return set({ holder, key: random.pick(names) }, value);
  },
  (place, random) => {
    const value = get(place);
    if (typeof value === 'string')
      set(place, value.slice(0, random.below(value.length + 1)) + random.pick(texts));
    return undefined;
  },
];

const oddValues: readonly ((random: Random) => Json)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -1,
  () => 1.5,
  () => 1e308,
  () => 2 ** 60,
  () => '',
  () => [],
  () => ({}),
  () => [null],
  () => [[]],
  () => [{}],
  (random) => random.pick(texts),
  (random) => random.pick(words),
  (random) => nested(random.below(150) + 2, random.chance(0.5)),
  (random) => Array.from({ length: random.below(40) }, () => random.pick(words)),
  () => ({ type: 'text', text: 'x' }),
  () => [{ type: 'text', text: 'x' }],
  () => 'x'.repeat(20_000),
  // An object that cannot be made a text.
  () => ({ toString: 0, valueOf: null, toJSON: 1 }),
];

function nested(depth: number, inLists: boolean): Json {
  let value: Json = 'deep';
  for (let i = 0; i < depth; i++) value = inLists ? [value] : { properties: { a: value }, type: 'object' };
  return value;
}

const texts: readonly string[] = [
  '\u0000',
  '\ud800',
  '\udfff\ud800',
  '👩‍👩‍👧‍👦',
  '\u202eabc\u202c',
  '\r\n\r\ndata: {"type":"error"}\n\n',
  '",}]',
  '{"a":',
  'data:image/png;base64,AAAA',
  'data:,',
  'https://example.com/a.png',
  'file:///etc/passwd',
  '[DONE]',
  '../../x',
  'ünïcödé',
  ' '.repeat(50),
];

const names: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  'type',
  'role',
  'content',
  'parts',
  'text',
  'tool_calls',
  'functionCall',
  'functionResponse',
  'thinking',
  'reasoning',
  'tool_choice',
  'tools',
  'input',
  'system',
  'instructions',
  'response_format',
  'stream',
  'store',
  'generationConfig',
  'cache_control',
  'source',
  'unknown_member',
];

const words: readonly string[] = [
  'user',
  'assistant',
  'system',
  'developer',
  'tool',
  'function',
  'model',
  'custom',
  'text',
  'input_text',
  'output_text',
  'image_url',
  'input_image',
  'image',
  'document',
  'file',
  'input_file',
  'input_audio',
  'refusal',
  'thinking',
  'redacted_thinking',
  'reasoning',
  'summary_text',
  'tool_use',
  'tool_result',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'item_reference',
  'message',
  'web_search',
  'web_search_20250305',
  'web_search_call',
  'server_tool_use',
  'web_search_tool_result',
  'mcp_call',
  'mcp_approval_request',
  'compaction',
  'compaction_trigger',
  'search_result',
  'base64',
  'url',
  'json_schema',
  'json_object',
  'allowed_tools',
  'namespace',
  'tool_search',
  'enabled',
  'disabled',
  'adaptive',
  'auto',
  'none',
  'required',
  'any',
  'low',
  'max',
  'ephemeral',
  '1h',
];
