import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/program.ts';

export const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');

/** The fenced blocks in one language. */
export const blocksOf = (language: string): string[] =>
  [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2]!);

/** The commands of all shell blocks, each on one line, without comments. */
export const shellCommands: readonly string[] = blocksOf('sh').flatMap((block) =>
  block
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== ''),
);

/** What stands between backticks outside of the fenced blocks. */
export const spans: readonly string[] = [
  ...readme.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g),
].map((match) => match[1]!);

/** The rows of the table whose first heading is `head`, as cells without padding. */
export function tableOf(head: string): string[][] {
  const lines = readme.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cells(line)[0] === head);
  if (start < 0) throw new Error(`the README has no table that starts with ${JSON.stringify(head)}`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cells);
}

const cells = (line: string): string[] =>
  line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());
