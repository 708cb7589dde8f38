/** The documents, as a person reads them: their blocks of commands and examples, and what stands between backticks. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/program.ts';

/** All pages that are written for people, from the root of the project. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`)
    .sort(),
];

export const textOf = (page: string): string => readFileSync(join(projectRoot, page), 'utf8');

/** The fenced blocks of a page; one without a language has an empty one. */
export const fencedIn = (page: string): readonly { readonly language: string; readonly text: string }[] =>
  [...textOf(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }));

/** The commands of the shell blocks of a page, each on one line, without remarks. */
export const commandsIn = (page: string): readonly string[] =>
  fencedIn(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) =>
      text
        .replace(/\s*\\\n\s*/g, ' ')
        .split('\n')
        .map((line) => line.replace(/\s+#.*$/, '').trim())
        .filter((line) => line !== ''),
    );

/** What stands between backticks outside of the fenced blocks. */
export const spansIn = (page: string): readonly string[] =>
  [
    ...textOf(page)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, text]) => text!);
