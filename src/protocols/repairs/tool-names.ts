import type { Tool } from '../../turn/part.ts';
import type { TurnRequest } from '../../turn/request.ts';
import type { ToolNames } from '../protocol.ts';

/** A tool as it goes up: one flat list of functions and custom tools with names that are legal there. */
export interface WireTool {
  readonly wireName: string;
  readonly tool: Tool;
  readonly namespace?: string;
}

/** What a protocol allows of tools. */
export interface ToolRules {
  /** The longest name, in characters of `[a-zA-Z0-9_-]`. */
  readonly nameCharsMax: number;
  /** Free-text tools exist on the wire; otherwise they go up as functions of one string. */
  readonly custom: boolean;
}

/** The client's tools by their wire names. */
export interface WireTools {
  readonly tools: WireTool[];
  readonly names: ToolNames | undefined;
  /** Names that were offered more than once; the first definition is in `tools`. */
  readonly repeated: readonly string[];
  wireName(name: string, namespace?: string): string;
}

/**
 * The client's own tools under names that the upstream takes, and the way back. Namespaces are flattened to
 * `namespace__name`; a long or illegal name gets a hash of the whole, so that two never fall together. A tool
 * that is offered again, as one that was searched for twice, goes up once: upstreams refuse a repeated name. The
 * result depends on the request alone, so a conversation's turns agree.
 */
export function wireTools(tools: readonly Tool[], rules: ToolRules): WireTools {
  const flat: WireTool[] = [];
  const offered = new Set<string>();
  const repeated = new Set<string>();
  const names = new Map<string, { name: string; namespace?: string; custom?: boolean }>();
  const add = (tool: Tool, namespace?: string) => {
    const wireName = legalToolName(tool.name, namespace, rules.nameCharsMax);
    if (offered.has(wireName)) {
      repeated.add(tool.name);
      return;
    }
    offered.add(wireName);
    flat.push({ wireName, tool, namespace });
    const custom = tool.family === 'custom' && !rules.custom;
    if (wireName !== tool.name || namespace !== undefined || custom) {
      names.set(wireName, { name: tool.name, namespace, custom: custom || undefined });
    }
  };
  for (const tool of tools) {
    if (tool.family === 'namespace') for (const inner of tool.tools ?? []) add(inner, tool.name);
    else if (tool.family === 'function' || tool.family === 'custom') add(tool);
  }
  return {
    tools: flat,
    names: names.size > 0 ? names : undefined,
    repeated: [...repeated],
    wireName: (name, namespace) => legalToolName(name, namespace, rules.nameCharsMax),
  };
}

/** All client tools of a request: the list itself and what `tool_change` parts added on the way. */
export function allTools(request: TurnRequest): Tool[] {
  const tools = [...request.tools];
  for (const turn of request.turns) {
    for (const part of turn.parts) if (part.kind === 'tool_change' && part.add) tools.push(...part.add);
  }
  return tools;
}

const legal = /^[a-zA-Z0-9_-]+$/;

function legalToolName(name: string, namespace: string | undefined, charsMax: number): string {
  const whole = namespace === undefined ? name : `${namespace}__${name}`;
  if (whole.length <= charsMax && legal.test(whole)) return whole;
  const cleaned = whole.replace(/[^a-zA-Z0-9_-]/g, '_');
  const tail = `_${fnv1a(whole)}`;
  return cleaned.slice(0, charsMax - tail.length) + tail;
}

/** 64-bit FNV-1a as 11 base-36 digits and fewer; only has to keep two names of one request apart. */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(36).slice(0, 11);
}
