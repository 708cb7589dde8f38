import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from './client.ts';
import { clients, upstreamNames } from './matrix.ts';
import type { SessionResult } from './session.ts';
import { upstreams, type UpstreamName } from './upstreams.ts';

/** The page with the table of sessions. */
export const pagePath = join(import.meta.dir, '../../docs/clients.md');

const place = /<!-- sessions -->\n[\s\S]*?<!-- \/sessions -->/;
const unknown = '?';

/** What a session came to, as the table has it: `✓ 50`, with a mark where a note belongs to the client. */
export const cell = ({ turns, faults }: Pick<SessionResult, 'turns' | 'faults'>): string =>
  `${faults.length === 0 ? '✓' : '✗'} ${turns}`;

/** The cells of the page, by {@link cellKey}. */
export function readCells(page = readFileSync(pagePath, 'utf8')): Map<string, string> {
  const rows = (place.exec(page)?.[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  const cells = new Map<string, string>();
  for (const row of rows.slice(2)) {
    const [name, protocol, ...values] = row
      .split('|')
      .slice(1, -1)
      .map((text) => text.trim());
    values.forEach((value, i) => cells.set(`${name}/${protocol}/${upstreamNames[i]}`, value));
  }
  return cells;
}

/** The page with `cells` in its table, a question mark for what is not among them. */
export function withCells(page: string, cells: ReadonlyMap<string, string>): string {
  const head = ['client', 'speaks', ...upstreamNames.map((name) => protocolNames[upstreams[name].protocol])];
  const rows = clients.map((client) => [
    shownName(client),
    protocolNames[client.protocol],
    ...upstreamNames.map((upstream) => cells.get(cellKey(client, upstream)) ?? unknown),
  ]);
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, i) => text.padEnd(widths[i]!)).join(' | ')} |`;
  const table = [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
  return page.replace(place, () => `<!-- sessions -->\n\n${table}\n\n<!-- /sessions -->`);
}

/** Writes the cells of sessions that were run into the page; the others stay as they are. */
export function writeCells(run: ReadonlyMap<string, string>): void {
  const page = readFileSync(pagePath, 'utf8');
  writeFileSync(pagePath, withCells(page, new Map([...readCells(page), ...run])));
}

/** What names a cell: the client, what it speaks, and the upstream. */
export const cellKey = (client: Client, upstream: UpstreamName): string =>
  `${shownName(client)}/${protocolNames[client.protocol]}/${upstream}`;

/** The marks lead to notes below the table. */
const marks = { thoughts: ' [^1]', seals: ' [^2]' } as const;

const shownName = ({ name, forgets }: Client): string => name + (forgets === undefined ? '' : marks[forgets]);

const protocolNames = {
  'openai-responses': 'Responses',
  'openai-chat': 'Chat Completions',
  'anthropic-messages': 'Messages',
  'google-gemini': 'Gemini',
} as const;
