import { contracts } from '../../src/protocols/contracts.ts';
import { requestMembers, refusedMembers } from '../../src/providers/codex/request.ts';
import type { ProtocolId } from '../../src/turn/part.ts';

/** What becomes of each member of a request at the backend, from what the provider takes and the table of parity. */
export function codexRows(): string[][] {
  const fields = contracts.get('openai-responses')!.fields;
  const roots = [...new Set(fields.map(({ path }) => rootOf(path)))].sort();
  return roots.map((root) => [
    `\`${root}\``,
    namesAt('openai-chat', root),
    namesAt('anthropic-messages', root),
    fateOf(root),
  ]);
}

const rootOf = (path: string): string => path.split(/[.[]/)[0]!;

const needed: ReadonlySet<string> = new Set(['model', 'input', 'stream']);

function fateOf(root: string): string {
  if (root === 'store') return 'the backend keeps nothing; the gateway keeps what Responses clients ask for';
  if (root === 'previous_response_id') return 'continued from what the gateway has kept, else a 400';
  if (refusedMembers.includes(root)) return 'a 400 that names it';
  if (needed.has(root) || requestMembers.has(root)) return 'carried';
  return 'left out, with a note';
}

/** What clients of another protocol call it. */
function namesAt(protocol: ProtocolId, root: string): string {
  const members = new Set(
    contracts
      .get('openai-responses')!
      .fields.filter(({ path }) => rootOf(path) === root)
      .flatMap(({ is }) => is ?? []),
  );
  const names = contracts
    .get(protocol)!
    .fields.filter(({ is }) => is !== undefined && members.has(is))
    .map(({ path }) => rootOf(path));
  return [...new Set(names)]
    .sort()
    .map((name) => `\`${name}\``)
    .join(', ');
}
