/** The capabilities of each way to GitLab Duo as the documents show them. */
import { capabilities, ways, type Capability, type Way } from '../../../src/providers/gitlab/capabilities.ts';

const titles: Readonly<Record<Way, string>> = {
  'anthropic-messages': 'Claude by Messages',
  'openai-responses': 'GPT by Responses',
  'openai-chat': 'GPT by Chat Completions',
  'code-suggestions': 'REST `code-suggestions`',
  chat: 'REST `chat`',
};

/** The matrix as a table, padded as the documents are. */
export function matrix(): string {
  const names = Object.keys(capabilities) as Capability[];
  return paddedTable([
    ['capability', ...ways.map((way) => titles[way])],
    ...names.map((name) => [name, ...ways.map((way) => capabilities[name][way])]),
  ]);
}

/** A table in the form that the formatter gives it; its head comes first. */
export function paddedTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(3, ...rows.map((row) => row[at]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
