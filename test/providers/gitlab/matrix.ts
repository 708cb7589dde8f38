/** What each way to GitLab Duo carries, worked out from the code. */
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts';
import { unfit, type RestService } from '../../../src/providers/gitlab/rest-request.ts';
import { hasRoute } from '../../../src/providers/gitlab/transport.ts';
import type { ProtocolId } from '../../../src/turn/part.ts';

type Cell = 'native' | 'lossy' | 'not possible' | 'estimated';

/** A way, by the protocol at the gateway or by the REST service. */
const ways: readonly [title: string, ProtocolId | RestService][] = [
  ['Claude by Messages', 'anthropic-messages'],
  ['GPT by Responses', 'openai-responses'],
  ['GPT by Chat Completions', 'openai-chat'],
  ['REST `code-suggestions`', 'code-suggestions'],
  ['REST `chat`', 'chat'],
];

const isRest = (way: ProtocolId | RestService): way is RestService =>
  way === 'code-suggestions' || way === 'chat';

const user = { role: 'user', content: 'hi' };
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const asks: readonly [title: string, members: Record<string, unknown>][] = [
  ['several turns', { messages: [user, { role: 'assistant', content: 'so' }, user] }],
  ['system prompt', { messages: [{ role: 'system', content: 'S' }, user] }],
  ['tools', { tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] }],
  ['images', { messages: [{ role: 'user', content: [image] }] }],
  ['structured output', { response_format: { type: 'json_object' } }],
  ['streaming', { stream: true }],
];

/** REST carries text by folding it; a proxy that takes the vendor's own body carries whatever that says. */
function carries(way: ProtocolId | RestService, members: Record<string, unknown>): Cell {
  if (!isRest(way)) return hasRoute('turn', way) ? 'native' : 'not possible';
  const request = openaiChat.decodeRequest({ model: 'm', messages: [user], ...members } as never);
  return unfit(request, way) === undefined ? 'lossy' : 'not possible';
}

const stated = (native: Cell) => (way: ProtocolId | RestService) => (isRest(way) ? 'not possible' : native);

const rows: readonly [title: string, (way: ProtocolId | RestService) => Cell][] = [
  ...asks.map(([title, members]): (typeof rows)[number] => [title, (way) => carries(way, members)]),
  ['usage', stated('native')],
  ['reasoning', stated('native')],
  ['choice of model', stated('native')],
  ['token counts', (way) => (!isRest(way) && hasRoute('count', way) ? 'native' : 'estimated')],
  ['embeddings', (way) => (!isRest(way) && hasRoute('embed', way) ? 'native' : 'not possible')],
  ['stored responses', () => 'not possible'],
  ['a WebSocket to GitLab', () => 'not possible'],
];

/** The matrix as a table, padded as the documents are. */
export function matrix(): string {
  const table = [
    ['capability', ...ways.map(([title]) => title)],
    ...rows.map(([title, cell]) => [title, ...ways.map(([, way]) => cell(way))]),
  ];
  const widths = table[0]!.map((_, at) => Math.max(...table.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  const [head, ...body] = table as [string[], ...string[][]];
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
