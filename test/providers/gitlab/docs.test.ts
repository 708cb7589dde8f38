/** docs/providers/gitlab-duo.md says what the provider does. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cures } from '../../../src/providers/gitlab/account-failure.ts';
import { gitlab } from '../../../src/providers/gitlab/index.ts';
import { projectRoot } from '../../support/program.ts';
import { features, tasks } from './plan.ts';

const page = readFileSync(join(projectRoot, 'docs/providers/gitlab-duo.md'), 'utf8');
const section = (title: string): string => page.split(`## ${title}\n`)[1]!.split('\n## ')[0]!;

test('every verdict is explained', () => {
  for (const word of [...Object.keys(cures), 'unproven']) expect(page).toContain(`\`${word}\``);
});

test('every setting that it names exists', () => {
  const known = Object.keys((gitlab.configSchema as unknown as { shape: object }).shape);
  const named = [...page.matchAll(/`([a-z]+_[a-z_]+|transport|grant|scope|models|preferred): /g)].map(
    (match) => match[1]!,
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

describe('what is said to be proved', () => {
  const proofs = [...features, ...tasks].flatMap((row) => row.proofs);

  test.each([
    ...new Map(proofs.map(([file, title]) => [`${file}: ${title}`, [file, title] as const])).values(),
  ])('%s has the test "%s"', (file, title) => {
    const path = join(projectRoot, 'test', file);
    expect(existsSync(path)).toBe(true);
    const source = readFileSync(path, 'utf8');
    // The first argument of a test or a group, or a part of what a script prints.
    expect(source).toContain(file.endsWith('.test.ts') ? `'${title}'` : title);
  });

  test('every feature has its row, its verdict and a test', () => {
    // What the plan names of Codex: execution whole and streamed, Responses, WebSocket, tools, request ids, sessions, models.
    for (const word of [
      'whole replies',
      'streamed',
      '/v1/responses',
      'WebSocket',
      'tools',
      'request ids',
      'session',
      'list of models',
    ])
      expect([word, features.some(({ feature }) => feature.includes(word))]).toEqual([word, true]);
    expect(features.filter((row) => row.proofs.length === 0)).toEqual([]);
    expect(new Set(features.map(({ need }) => need))).toEqual(
      new Set(['required', 'optional', 'not possible']),
    );
    const lines = section('Codex features').split('\n');
    for (const { feature, need } of features)
      expect(
        lines.filter((line) => line.startsWith(`| ${feature} `) && line.includes(`| ${need} `)),
      ).toHaveLength(1);
  });

  test('every task of the five sprints has its row', () => {
    expect(tasks.map(({ task }) => task.slice(0, 3))).toEqual(
      [3, 3, 3, 3, 3].flatMap((count, sprint) =>
        Array.from({ length: count }, (_, i) => `${sprint + 1}.${i + 1}`),
      ),
    );
    for (const { task } of tasks) expect(section("The plan's tasks")).toContain(`| ✓   | ${task} `);
  });
});

test('what only a real account can show is a list to tick', () => {
  expect(section('First run with a real account').match(/^- \[ \] /gm)!.length).toBeGreaterThan(8);
});

test.each(['Terms.', '## Rollback', '## Set-up', '## REST fallback'])('the page has %s', (part) =>
  expect(page).toContain(part),
);
