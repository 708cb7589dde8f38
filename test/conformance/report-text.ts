import type { ProtocolId } from '../../src/turn/part.ts';
import { type CheckId, checkIds } from './checks.ts';
import { type Surface, surfaces } from './finish.ts';
import type { Cell } from './matrix.ts';

/** What each check asks, for the reader of the report. */
const meaning: Readonly<Record<CheckId, string>> = {
  T1: 'text byte-equal in deltas, `done` events and the final object',
  T2: 'blocks in the order of the upstream, none fused',
  R1: 'reasoning text byte-equal, in its own place',
  R2: 'signatures and encrypted reasoning arrive, and come back byte-equal on the next turn',
  C1: 'calls: count, order, names, arguments',
  C2: "call ids unique and legal; a result comes back under the upstream's own id",
  C3: 'calls without arguments and custom tool input',
  F1: 'finish reason',
  U1: 'token counts, converted by the rule of each surface',
  G1: 'order of stream events',
  G2: 'the official SDK takes it and accumulates the same',
  G3: "valid against the vendor's published schema",
  G4: 'sequence numbers, indexes and item ids',
  P1: 'the streamed answer equals the whole one',
  P2: 'between equal protocols every payload arrives as it was sent',
  N1: 'citations',
  E1: 'no error where the upstream had none',
  E2: 'an upstream error reaches the client as one',
};

const nameOf: Readonly<Record<Surface, string>> = {
  'openai-chat': 'Chat',
  'openai-responses': 'Responses',
  'anthropic-messages': 'Messages',
};

/** The report as Markdown: scores, faults, forced losses. The same cells make the same text. */
export function report(all: readonly Cell[]): string {
  const names = new Set(all.map(({ upstream, subject }) => `${upstream} ${subject}`));
  const clean = all.filter(({ misses }) => misses.length === 0).length;
  const plain = all.filter(
    (cell) => cell.misses.length + cell.losses.length + cell.inherited.length === 0,
  ).length;
  const forced = all.filter(({ misses, losses }) => misses.length === 0 && losses.length > 0).length;
  const inherited = clean - plain - forced;
  return `# Conformance

Made by \`npm run conformance\`; do not edit. ${names.size} recorded and constructed replies of three protocols, each
asked for through every surface with the official SDK of that surface, streamed and whole, with a second turn
where there is something to give back. The gateway runs as its own process in front of an upstream that replays
the recorded bytes.

**${clean} of ${all.length} cells without a fault of the gateway**: ${plain} in which every check passes, ${forced} with a forced loss,
${inherited} in which the recorded bytes themselves break a check and pass through unchanged. Streamed replies have a whole
form too where their provider would have one.

${scoreTable(all)}

A cell counts when no check fails but for forced losses and what passes through (both below). Rows: the upstream's protocol. Columns: the client's.

## Checks

| check | asks | faults | forced | passed through |
| --- | --- | --- | --- | --- |
${checkIds.map((id) => `| ${id} | ${meaning[id]} | ${counts(all, id).join(' | ')} |`).join('\n')}

## Faults

${faultList(all)}

## Forced losses

What no translation can carry on this path, each with its cause.

${lossList(all)}

## Passed through

Where the client speaks the upstream's protocol, bytes travel as they came. These faults are in the recorded bytes
themselves: the same SDK in front of the same upstream without the gateway meets them too.

${inheritedList(all)}
`;
}

function scoreTable(all: readonly Cell[]): string {
  const columns = surfaces.flatMap((surface) => [true, false].map((stream) => ({ surface, stream })));
  const head = columns.map(({ surface, stream }) => `${nameOf[surface]} ${stream ? 'streamed' : 'whole'}`);
  const rows = surfaces.map((upstream) => {
    const scores = columns.map(({ surface, stream }) => {
      const cell = all.filter(
        (one) => one.upstream === upstream && one.surface === surface && one.stream === stream,
      );
      return `${cell.filter(({ misses }) => misses.length === 0).length}/${cell.length}`;
    });
    return `| ${nameOf[upstream]} | ${scores.join(' | ')} |`;
  });
  return [`| | ${head.join(' | ')} |`, `| --- |${' --- |'.repeat(head.length)}`, ...rows].join('\n');
}

const counts = (all: readonly Cell[], check: CheckId): number[] => [
  all.flatMap(({ misses }) => misses).filter((miss) => miss.check === check).length,
  all.flatMap(({ losses }) => losses).filter(({ miss }) => miss.check === check).length,
  all.flatMap(({ inherited }) => inherited).filter((miss) => miss.check === check).length,
];

/** Rows of equal key are one row that lists its fixtures. */
function grouped(rows: readonly { key: string; subject: string }[]): string {
  const groups = new Map<string, Set<string>>();
  for (const { key, subject } of rows) groups.set(key, (groups.get(key) ?? new Set()).add(subject));
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, names]) => `${key} ${[...names].sort().join(', ')} |`)
    .join('\n');
}

const path = (upstream: ProtocolId, surface: Surface, stream?: boolean): string =>
  `${nameOf[upstream as Surface]} → ${nameOf[surface]}${stream === undefined ? '' : stream ? ', streamed' : ', whole'}`;

function faultList(all: readonly Cell[]): string {
  const rows = all.flatMap(({ misses, upstream, surface, stream, subject }) =>
    misses.map(({ check, detail }) => ({
      key: `| ${check} | ${path(upstream, surface, stream)} | ${escaped(detail)} |`,
      subject,
    })),
  );
  return rows.length === 0
    ? 'None.'
    : `| check | path | fault | replies |\n| --- | --- | --- | --- |\n${grouped(rows)}`;
}

function lossList(all: readonly Cell[]): string {
  const rows = all.flatMap(({ losses, upstream, surface, subject }) =>
    losses.map(({ miss, cause }) => ({
      key: `| ${miss.check} | ${path(upstream, surface)} | ${cause} |`,
      subject,
    })),
  );
  return rows.length === 0
    ? 'None.'
    : `| check | path | cause | replies |\n| --- | --- | --- | --- |\n${grouped(rows)}`;
}

function inheritedList(all: readonly Cell[]): string {
  const rows = all.flatMap(({ inherited, surface, subject }) =>
    inherited.map(({ check, detail }) => ({
      key: `| ${check} | ${nameOf[surface]} | ${escaped(detail)} |`,
      subject,
    })),
  );
  return `| check | protocol | fault | replies |\n| --- | --- | --- | --- |\n${grouped(rows)}`;
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
