/** The plan to bring this provider to the level of the others, task by task, and the tests that hold each of them. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusRoot } from '../../support/corpus.ts';
import { projectRoot } from '../../support/program.ts';

const here = 'test/providers/codex';

/** A task by its first words, and where it is held: a file of tests and the beginning of a test's name. */
const tasks: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  // Observability and the life of a request
  [
    'Wrap `ProxyService.handle_codex_request`',
    [[`${here}/lifecycle.test.ts`, 'streamed: %p, gives the same calls, log fields and metrics']],
  ],
  [
    'Ensure non-streaming Codex responses update context',
    [[`${here}/http.test.ts`, 'one that wants its answer whole gets the stream folded']],
  ],
  [
    'Populate Prometheus metrics',
    [[`${here}/lifecycle.test.ts`, 'the metrics of a turn are labelled with its provider']],
  ],
  [
    'Replace ad-hoc streaming responses',
    [
      [`${here}/http.test.ts`, 'a Responses client gets the stream as the backend sends it'],
      [`${here}/http.test.ts`, 'a stream that breaks off ends in a failure for the client'],
    ],
  ],
  [
    'Add targeted unit coverage or integration',
    [[`${here}/lifecycle.test.ts`, 'that is refused leaves the same log fields and metrics']],
  ],
  // Features, models and routes
  [
    'Expand `ResponseAdapter.chat_to_response_request`',
    [
      [
        `${here}/sdk.test.ts`,
        'holds a loop with parallel tool calls, in which ids and results belong together',
      ],
      [`${here}/sdk.test.ts`, 'is held to a schema, and to an effort'],
      [`${here}/sdk.test.ts`, 'carries images and a chosen tool'],
    ],
  ],
  [
    'Update streaming conversion',
    [
      [`${here}/http.test.ts`, 'a chat client gets calls and reasoning streamed'],
      [
        `${here}/sdk.test.ts`,
        'holds a loop with parallel tool calls, in which ids and results belong together',
      ],
    ],
  ],
  [
    'Normalize non-streaming conversions',
    [
      [`${here}/http.test.ts`, 'a chat client holds a tool loop with parallel calls'],
      [`${here}/quota.test.ts`, 'and is only incomplete is no failure'],
    ],
  ],
  [
    'Implement tool/function-calling support',
    [
      [`${here}/http.test.ts`, 'a chat client holds a tool loop with parallel calls'],
      [`${here}/sdk.test.ts`, 'in the words of before tools, functions are called too'],
    ],
  ],
  [
    'Audit OpenAI request parameters',
    [
      [`${here}/sdk.test.ts`, '%s stays behind with a note'],
      [`${here}/sdk.test.ts`, '%s is refused by name where losses are not wanted'],
      ['test/docs/reference.test.ts', 'has its generated parts as the program is now'],
    ],
  ],
  [
    'Wire Codex requests into dynamic model/token limit',
    [[`${here}/models.test.ts`, 'tell their limits to whoever asks']],
  ],
  [
    'Expand model support',
    [
      [`${here}/models.test.ts`, 'change without a new start'],
      [`${here}/models.test.ts`, 'that are unknown are a clear 404 in every protocol'],
    ],
  ],
  [
    'Revisit instruction injection logic',
    [[`${here}/instructions.test.ts`, 'brings the caller’s system prompt of %s to the model, once']],
  ],
  [
    'Add or document a `{session_id}/chat/completions`',
    [[`${here}/surfaces.test.ts`, 'a session in the path is the session upstream']],
  ],
  // Configuration, detection and the command line
  [
    'Extend `CodexSettings`',
    [[`${here}/settings.test.ts`, 'headers of the configuration reach the backend']],
  ],
  [
    'Bind Codex dynamic-model/token settings',
    [
      [`${here}/settings.test.ts`, 'by the environment, which goes before the file'],
      [`${here}/models.test.ts`, 'are not asked for where discovery is off'],
    ],
  ],
  [
    'Surface new toggles via CLI',
    [[`${here}/settings.test.ts`, 'with `dragoman config set`, which keeps comments']],
  ],
  [
    'Add CLI command to inspect Codex detection',
    [
      [`${here}/client-identity.test.ts`, 'says what is sent, where it is from and how old that is'],
      [`${here}/client-identity.test.ts`, 'says so where no such provider is set up'],
    ],
  ],
  [
    'Confirm Docker credential path',
    [[`${here}/quota.test.ts`, '`dragoman accounts` shows it, and asks for it']],
  ],
  // Tests
  [
    'Augment `tests/unit/services/test_codex_proxy.py`',
    [[`${here}/lifecycle.test.ts`, 'streamed: %p, gives the same calls, log fields and metrics']],
  ],
  [
    'Add adapter-specific tests verifying',
    [
      [`${here}/sdk.test.ts`, 'is held to a schema, streamed: %p'],
      [`${here}/http.test.ts`, 'a Messages client with images and thinking is served'],
    ],
  ],
  [
    'Add tests covering propagation',
    [[`${here}/sdk.test.ts`, '%s stays behind with a note, or is refused by name']],
  ],
  [
    'Add tests ensuring dynamic model/token discovery',
    [[`${here}/models.test.ts`, 'are listed as before, with a note, while the backend cannot be asked']],
  ],
  [
    'Build regression fixture for instruction mode',
    [[`${here}/instructions.test.ts`, '%s changes the instructions and nothing else']],
  ],
  [
    'If available, add contract/integration tests',
    [[`${here}/backend/backend.test.ts`, 'a request that is in order is served']],
  ],
  // Documents
  ['Update README Codex sections', [['test/docs/reference.test.ts', 'is linked from the README']]],
  [
    'Refresh docs under `docs/`',
    [['test/docs/reference.test.ts', 'has its generated parts as the program is now']],
  ],
  ['Add CHANGELOG entry', [[`${here}/plan.test.ts`, 'who comes from elsewhere finds the way']]],
  ['Outline rollout checklist', [[`${here}/plan.test.ts`, 'who comes from elsewhere finds the way']]],
  // Final verification
  [
    'Run end-to-end smoke tests',
    [
      [`${here}/lifecycle.test.ts`, 'streamed: %p, gives the same calls, log fields and metrics'],
      [`${here}/cli.test.ts`, '%s is told the same by way of the gateway'],
    ],
  ],
  [
    'Validate that Codex parity work does not regress',
    [['test/tidy/tidy.test.ts', 'a provider’s words stay in its folder']],
  ],
];

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

describe('every task of the plan', () => {
  test.each([...tasks])('%s', (_task, held) => {
    expect(held.length).toBeGreaterThan(0);
    for (const [file, name] of held) expect([name, read(file).includes(`'${name}`)]).toEqual([name, true]);
  });

  const plan = join(corpusRoot, 'reference/plans/codex-parity.txt');
  if (!existsSync(plan)) console.log('skipped: the plan is not at hand');
  test.if(existsSync(plan))('is there, in the order of the plan', () => {
    const written = [...readFileSync(plan, 'utf8').matchAll(/^- \[ \] TODO: (.*)$/gm)].map(
      ([, text]) => text!,
    );
    expect(tasks.map(([words], i) => [words, written[i]?.startsWith(words)])).toEqual(
      tasks.map(([words]) => [words, true]),
    );
    expect(written).toHaveLength(tasks.length);
  });
});

test('who comes from elsewhere finds the way', () => {
  expect(read('CHANGELOG.md')).toContain('(docs/providers/codex.md)');
  const doc = read('docs/providers/codex.md');
  for (const heading of [
    'Set-up',
    'What is carried',
    'Settings',
    'Before you rely on it',
    'Coming from another gateway',
  ])
    expect(doc).toContain(`\n## ${heading}\n`);
  expect(doc).toContain('**Terms.**');
  for (const seed of ['ccproxy', 'CLIProxyAPI', 'Floway']) expect(doc).toContain(seed);
});
