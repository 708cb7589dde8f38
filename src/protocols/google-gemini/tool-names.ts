import type { TurnRequest } from '../../turn/request.ts';
import type { ToolNames } from '../protocol.ts';
import { allTools, wireTools, type WireTools } from '../repairs/tool-names.ts';

/** The longest tool name that every server takes, in characters; newer ones take 128. */
const nameCharsMax = 64;

/**
 * The client's own tools under names that the API takes: beside what all vendors ask for, a name must begin with a
 * letter or an underscore.
 */
export function geminiTools(request: TurnRequest): WireTools {
  const wire = wireTools(allTools(request), { nameCharsMax, custom: false });
  const wireName: WireTools['wireName'] = (name, namespace) => {
    const legal = wire.wireName(name, namespace);
    // A full stop has to be replaced, and a replaced name is told apart by a hash of the whole.
    return /^[a-zA-Z_]/.test(legal) ? legal : wire.wireName(`_.${legal}`);
  };
  const names = new Map<string, { name: string; namespace?: string; custom?: boolean }>(wire.names);
  const tools = wire.tools.map((entry) => {
    const name = wireName(entry.tool.name, entry.namespace);
    if (name === entry.wireName) return entry;
    const { tool, namespace } = entry;
    const told = wire.names?.get(entry.wireName) ?? { name: tool.name, namespace };
    names.delete(entry.wireName);
    names.set(name, told);
    return { ...entry, wireName: name };
  });
  return {
    tools,
    names: names.size > 0 ? (names satisfies ToolNames) : undefined,
    repeated: wire.repeated,
    wireName,
  };
}
