import type { Part, Tool } from '../turn/part.ts';
import type { Turn, TurnRequest } from '../turn/request.ts';

/**
 * Where the things of a request stood in the client's own words, for notes: `messages[2].content[0]`,
 * `input[4]`, `contents[1].parts[0]`, `tools[3]`.
 */
export interface Places {
  turn(turn: Turn, index: number): string;
  part(turn: Turn, index: number, part: Part, partIndex: number): string;
  /** A part inside another: of a tool's result, of a document, of a search result. */
  inner(place: string, holder: Part, index: number): string;
  instruction(index: number): string;
  tool(tool: Tool): string;
}

export function placesOf(request: TurnRequest): Places {
  const { protocol } = request;
  const own = byProtocol[protocol];
  return {
    turn: own.turn,
    part: own.part,
    inner: own.inner,
    instruction: own.instruction,
    tool: (tool) => toolPlace(request, tool),
  };
}

type TurnPlaces = Omit<Places, 'tool'>;

const messageTurn = (_turn: Turn, index: number): string => `messages[${index}]`;

/** Of the parts of a message, the reasoning comes first and the calls last; neither stands in its content. */
const chat: TurnPlaces = {
  turn: messageTurn,
  part(turn, index, part, partIndex) {
    const place = `messages[${index}]`;
    if (part.kind === 'tool_call') {
      const first = turn.parts.findIndex(({ kind }) => kind === 'tool_call');
      return `${place}.tool_calls[${partIndex - first}]`;
    }
    if (part.kind === 'tool_result' || part.kind === 'reasoning' || part.kind === 'reference') return place;
    const before = turn.parts.findIndex(({ kind }) => kind !== 'reasoning');
    return `${place}.content[${partIndex - before}]`;
  },
  inner: (place, _holder, index) => `${place}.content[${index}]`,
  instruction: (index) => `messages[${index}]`,
};

/** Several items may be one turn, and the parts of one item know its place. */
const responses: TurnPlaces = {
  turn: (turn, index) => itemPlace(turn.parts[0], index),
  part(turn, index, part, partIndex) {
    const place = itemPlace(part, index);
    if (!isContent(part)) return place;
    let at = 0;
    for (let i = 0; i < partIndex; i++) {
      const before = turn.parts[i]!;
      if (isContent(before) && before.item?.index === part.item?.index) at += 1;
    }
    return `${place}.content[${at}]`;
  },
  inner: (place, holder, index) =>
    holder.kind === 'tool_result' ? `${place}.output[${index}]` : `${place}.content[${index}]`,
  instruction: () => 'instructions',
};

const itemPlace = (part: Part | undefined, index: number): string => `input[${part?.item?.index ?? index}]`;

const isContent = (part: Part): boolean =>
  part.kind === 'text' ||
  part.kind === 'refusal' ||
  part.kind === 'media' ||
  (part.kind === 'native' && part.type.startsWith('content:'));

const messages: TurnPlaces = {
  turn: messageTurn,
  part: (_turn, index, _part, partIndex) => `messages[${index}].content[${partIndex}]`,
  inner: (place, holder, index) =>
    holder.kind === 'media' && holder.as === 'document'
      ? `${place}.source.content[${index}]`
      : `${place}.content[${index}]`,
  instruction: (index) => `system[${index}]`,
};

const gemini: TurnPlaces = {
  turn: (_turn, index) => `contents[${index}]`,
  part: (_turn, index, _part, partIndex) => `contents[${index}].parts[${partIndex}]`,
  inner: (place, _holder, index) => `${place}.functionResponse.parts[${index}]`,
  instruction: (index) => `systemInstruction.parts[${index}]`,
};

const byProtocol = {
  'openai-chat': chat,
  'openai-responses': responses,
  'anthropic-messages': messages,
  'google-gemini': gemini,
} as const satisfies Record<TurnRequest['protocol'], TurnPlaces>;

/** Tools that joined in mid-conversation have no place in the list. */
function toolPlace({ protocol, tools }: TurnRequest, tool: Tool): string {
  const index = tools.indexOf(tool);
  if (index < 0) return `tools.${tool.name}`;
  if (protocol === 'google-gemini') return geminiToolPlace(tools, index);
  const isServer = (one: Tool): boolean => one.family === 'mcp' && one.wire?.value.type !== 'mcp_toolset';
  if (protocol !== 'anthropic-messages' || !isServer(tool)) {
    return tool.wire?.protocol === 'openai-chat' && tool.family === 'web_search'
      ? 'web_search_options'
      : `tools[${index}]`;
  }
  return `mcp_servers[${index - tools.findIndex(isServer)}]`;
}

/** Functions stand in one entry of the list, hosted tools in one each. */
function geminiToolPlace(tools: readonly Tool[], index: number): string {
  const before = tools.slice(0, index);
  const functions = before.filter(({ family }) => family === 'function').length;
  if (tools[index]!.family === 'function') return `tools[0].functionDeclarations[${functions}]`;
  return `tools[${index - functions + (functions > 0 ? 1 : 0)}]`;
}
