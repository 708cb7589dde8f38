import type { Extras, ItemOrigin, Part, ToolFamily, ToolSide } from '../../turn/part.ts';
import { rest, type JsonObject } from '../../turn/json.ts';

/** This protocol's name, and the key of its extras. */
export const own = 'openai-responses' as const;

/** What the service begins the ids of items with, by their type; it refuses some that begin otherwise. */
export const itemIdPrefixes: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
};

/** A call item of a hosted tool: what it is, who runs it, and whether its result comes in the same item. */
export interface HostedCall {
  readonly family: ToolFamily;
  readonly name: string;
  readonly by: ToolSide;
  readonly fused: boolean;
  /** The item member that holds the arguments. */
  readonly input: string;
}

/** Call items other than `function_call` and `custom_tool_call`. */
export const hostedCalls: ReadonlyMap<string, HostedCall> = new Map<string, HostedCall>([
  ['web_search_call', hosted('web_search', 'web_search', 'server', true, 'action')],
  ['file_search_call', hosted('file_search', 'file_search', 'server', true, 'queries')],
  ['code_interpreter_call', hosted('code', 'code_interpreter', 'server', true, 'code')],
  ['image_generation_call', hosted('image', 'image_generation', 'server', true, 'revised_prompt')],
  ['mcp_call', hosted('mcp', 'mcp', 'server', true, 'arguments')],
  ['computer_call', hosted('computer', 'computer', 'client', false, 'action')],
  ['local_shell_call', hosted('shell', 'local_shell', 'client', false, 'action')],
  ['shell_call', hosted('shell', 'shell', 'client', false, 'action')],
  ['apply_patch_call', hosted('editor', 'apply_patch', 'client', false, 'operation')],
  ['tool_search_call', hosted('tool_search', 'tool_search', 'server', false, 'arguments')],
  ['program', hosted('code', 'program', 'server', false, 'code')],
  ['multi_agent_call', hosted('other', 'multi_agent', 'server', false, 'action')],
]);

/** Items that hold nothing but the result of such a call. */
export const hostedOutputs: ReadonlyMap<string, { readonly family: ToolFamily; readonly by: ToolSide }> =
  new Map([
    ['computer_call_output', { family: 'computer', by: 'client' }],
    ['local_shell_call_output', { family: 'shell', by: 'client' }],
    ['shell_call_output', { family: 'shell', by: 'client' }],
    ['apply_patch_call_output', { family: 'editor', by: 'client' }],
    ['program_output', { family: 'code', by: 'server' }],
    ['multi_agent_call_output', { family: 'other', by: 'server' }],
  ]);

/** Tool families by the tool's `type` on this wire. */
export const toolFamilies: ReadonlyMap<string, ToolFamily> = new Map<string, ToolFamily>([
  ['web_search', 'web_search'],
  ['web_search_2025_08_26', 'web_search'],
  ['web_search_preview', 'web_search'],
  ['web_search_preview_2025_03_11', 'web_search'],
  ['file_search', 'file_search'],
  ['code_interpreter', 'code'],
  ['programmatic_tool_calling', 'code'],
  ['image_generation', 'image'],
  ['computer', 'computer'],
  ['computer_use', 'computer'],
  ['computer_use_preview', 'computer'],
  ['local_shell', 'shell'],
  ['shell', 'shell'],
  ['apply_patch', 'editor'],
  ['tool_search', 'tool_search'],
  ['mcp', 'mcp'],
]);

/** Marks a result part whose item is already written by its call part. */
export const fusedWire = { protocol: own, value: { fused: true } } as const;

export const isFused = (part: Part): boolean =>
  part.kind === 'tool_result' && part.wire?.protocol === own && part.wire.value.fused === true;

/**
 * Members of an item or of a content part that the turn does not model, for the part that stands for it:
 * `item` belongs to the item (on its first part), `content` to the content part.
 */
export function wireExtras(item: JsonObject | undefined, content?: JsonObject): Extras | undefined {
  if (item === undefined && content === undefined) return undefined;
  const value: JsonObject = {};
  if (item !== undefined) value.item = item;
  if (content !== undefined) value.content = content;
  return { [own]: value };
}

export const itemExtras = (part: Part): JsonObject | undefined =>
  part.extras?.[own]?.item as JsonObject | undefined;

export const contentExtras = (part: Part): JsonObject | undefined =>
  part.extras?.[own]?.content as JsonObject | undefined;

/** Where an item stands; empty ids count as none. */
export function originOf(item: JsonObject, index: number): ItemOrigin {
  const origin: { id?: string; index: number; phase?: string; status?: string } = { index };
  if (typeof item.id === 'string' && item.id !== '') origin.id = item.id;
  if (typeof item.phase === 'string') origin.phase = item.phase;
  if (typeof item.status === 'string') origin.status = item.status;
  return origin;
}

/** The members of `object` outside `known`, nulls left out: on this wire null means the same as absent. */
export function leftover(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const left = rest(object, known);
  if (left === undefined) return undefined;
  for (const key in left) if (left[key] === null) delete left[key];
  for (const _ in left) return left;
  return undefined;
}

function hosted(family: ToolFamily, name: string, by: ToolSide, fused: boolean, input: string): HostedCall {
  return { family, name, by, fused, input };
}
