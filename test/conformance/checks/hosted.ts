import type { Canonical } from '../canonical.ts';

/** Items that the client runs although no surface but Responses has a place for them, and their names as calls. */
const clientRun = new Map([
  ['local_shell_call', 'local_shell'],
  ['shell_call', 'shell'],
  ['apply_patch_call', 'apply_patch'],
  ['computer_call', 'computer'],
  ['tool_search_call', 'tool_search'],
  ['mcp_approval_request', 'mcp_approval'],
]);

export const runByClient = (kind: string): boolean => clientRun.has(kind);

/** Other surfaces may show such an item as an ordinary call or not at all: either is left out of the comparison. */
export function withoutClientRun(upstream: Canonical, seen: Canonical): Canonical {
  const names = upstream.hosted.map((kind) => clientRun.get(kind));
  const kept = seen.tools.map(({ name }) => !names.includes(name));
  let call = 0;
  return {
    ...seen,
    tools: seen.tools.filter((_, i) => kept[i]),
    order: seen.order.filter((kind) => kind !== 'tool' || kept[call++]),
  };
}

const families: readonly (readonly [kind: RegExp, family: string])[] = [
  [/tool_search/, 'tool search'],
  [/web_search|GOOGLE_SEARCH|webSearchQueries/, 'web search'],
  [/web_fetch|URL_CONTEXT/, 'web fetch'],
  [/^program|code_interpreter|code_execution|text_editor|[cC]odeExecution|executableCode/, 'code execution'],
  [/file_search|FILE_SEARCH/, 'file search'],
  [/image_generation|inlineData|fileData/, 'image'],
  [/^mcp_approval/, 'approval'],
  [/^mcp/, 'MCP'],
  [/shell/, 'shell'],
  [/apply_patch/, 'patch'],
  [/advisor/, 'advisor'],
];

/** What an item of a hosted tool is about, whatever protocol says it. */
export const familyOf = (kind: string): string =>
  families.find(([pattern]) => pattern.test(kind))?.[1] ?? kind.replaceAll('_', ' ');

/** The families among the hosted items and among calls that stand for such items. */
export function familiesOf({ hosted, tools }: Canonical): Set<string> {
  const standIns = new Set(clientRun.values());
  return new Set(
    [...hosted, ...tools.map(({ name }) => name).filter((name) => standIns.has(name))].map(familyOf),
  );
}
