import type { Cell } from './cell.ts';
import { askedBy, type CheckId, checkIds } from './check.ts';
import { type Surface, surfaces } from './finish.ts';

const nameOf: Readonly<Record<Surface, string>> = {
  'openai-chat': 'Chat',
  'openai-responses': 'Responses',
  'anthropic-messages': 'Messages',
  'google-gemini': 'Gemini',
};

export interface Results {
  /** Recorded replies, on every surface. */
  readonly replies: readonly Cell[];
  /** How replies and refusals are carried: deliveries, pauses, breaks, HTTP errors. */
  readonly carried: readonly Cell[];
  /** Recorded requests, to every upstream. */
  readonly requests: readonly Cell[];
}

/** The report as Markdown: scores, faults, forced losses. The same cells make the same text. */
export function report({ replies, carried, requests }: Results): string {
  const all = [...replies, ...carried, ...requests];
  const names = new Set(replies.map(({ upstream, subject }) => `${upstream} ${subject}`));
  const asked = new Set(requests.map(({ surface, subject }) => `${surface} ${subject}`));
  const clean = all.filter(({ misses }) => misses.length === 0).length;
  const { plain, forced, inherited } = kindsOf(replies);
  return `# Conformance

Made by \`npm run conformance\`; do not edit. ${names.size} recorded and constructed replies of four protocols, each asked for
through every surface with the official SDK of that surface, streamed and whole, with a second turn where there is
something to give back; ${asked.size} requests, each sent to every upstream, streamed and whole. The gateway runs as its own
process in front of an upstream that replays the recorded bytes.

**${clean} of ${all.length} cells without a fault of the gateway.** Of the ${replies.length} with replies, every check passes in ${plain};
${forced} have a forced loss; in ${inherited} the recorded bytes themselves break a check and pass through unchanged.

## Replies

${scoreTable(
  replies,
  (cell) => cell.upstream,
  (cell) => cell.surface,
)}

Rows: the upstream's protocol. Columns: the client's. A cell counts when no check fails but for forced losses and what
passes through (both below). Streamed replies have a whole form too where their provider would have one.

## Requests

${scoreTable(
  requests,
  (cell) => cell.surface,
  (cell) => cell.upstream,
)}

Rows: the client's protocol. Columns: the upstream's. Requests of recorded clients and parallel cases, every recorded
tool schema, odd tool names, recorded refusals and fuzzed requests.

## Checks

| check | asks | checked | passed | forced | passed through | faults | score |
| --- | --- | --- | --- | --- | --- | --- | --- |
${checkIds.map((id) => checkRow(all, id)).join('\n')}

Checked: in how many cells. Forced: what the target's protocol has no place for, listed below. Passed through: faults of
the upstream's own bytes between equal protocols. The score leaves both out of the faults, and nothing else. That each check finds
the fault that it is meant for is proven by planted faults (\`test/conformance/mutants.test.ts\`).

## Faults

${faultList([...replies, ...carried], requests)}

## Forced losses

What no translation can carry on this path, each with its cause. The gateway says each in its log (N1).

${lossList([...replies, ...carried])}

## What a translated request says otherwise

Where the target has no word for what was asked, or another (Q1).

${differenceList(requests)}

## Passed through

Where the client speaks the upstream's protocol, bytes travel as they came. These faults are in the recorded bytes
themselves: the same SDK in front of the same upstream without the gateway meets them too.

${inheritedList(replies)}
`;
}

function kindsOf(cells: readonly Cell[]): { plain: number; forced: number; inherited: number } {
  const clean = cells.filter(({ misses }) => misses.length === 0);
  const forced = clean.filter(({ losses }) => losses.length > 0).length;
  const inherited = clean.filter((cell) => cell.losses.length === 0 && cell.inherited.length > 0).length;
  return { plain: clean.length - forced - inherited, forced, inherited };
}

function scoreTable(
  all: readonly Cell[],
  rowOf: (cell: Cell) => Surface,
  columnOf: (cell: Cell) => Surface,
): string {
  const columns = surfaces.flatMap((surface) => [true, false].map((stream) => ({ surface, stream })));
  const head = columns.map(({ surface, stream }) => `${nameOf[surface]} ${stream ? 'streamed' : 'whole'}`);
  const rows = surfaces.map((row) => {
    const scores = columns.map(({ surface, stream }) => {
      const cells = all.filter(
        (one) => rowOf(one) === row && columnOf(one) === surface && one.stream === stream,
      );
      return `${cells.filter(({ misses }) => misses.length === 0).length}/${cells.length}`;
    });
    return `| ${nameOf[row]} | ${scores.join(' | ')} |`;
  });
  return [`| | ${head.join(' | ')} |`, `| --- |${' --- |'.repeat(head.length)}`, ...rows].join('\n');
}

function checkRow(all: readonly Cell[], id: CheckId): string {
  const has = (misses: readonly { check: CheckId }[]): boolean => misses.some(({ check }) => check === id);
  const faulty = all.filter(({ misses }) => has(misses));
  const forced = all.filter(({ losses }) => has(losses.map(({ miss }) => miss)));
  const inherited = all.filter((cell) => has(cell.inherited));
  const touched = new Set([...faulty, ...forced, ...inherited]);
  const checked = all.filter((cell) => cell.ran.includes(id) || touched.has(cell)).length;
  // Rounded down, so that one fault never reads as none.
  const score = checked === 0 ? 'none' : `${Math.floor(((checked - faulty.length) / checked) * 1000) / 10} %`;
  const counts = [checked, checked - touched.size, forced.length, inherited.length, faulty.length];
  return `| ${id} | ${askedBy[id]} | ${counts.join(' | ')} | ${score} |`;
}

/** Names in one table cell before the rest is only counted. */
const namesMax = 6;

/** Rows of equal key are one row that lists what they are about. */
function grouped(rows: readonly { key: string; subject: string }[]): string {
  const groups = new Map<string, Set<string>>();
  for (const { key, subject } of rows) groups.set(key, (groups.get(key) ?? new Set()).add(subject));
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, subjects]) => {
      const names = [...subjects].sort();
      const more = names.length > namesMax ? `, and ${names.length - namesMax} more` : '';
      return `${key} ${names.slice(0, namesMax).join(', ')}${more} |`;
    })
    .join('\n');
}

const path = (upstream: Surface, surface: Surface, stream?: boolean): string =>
  `${nameOf[upstream]} → ${nameOf[surface]}${stream === undefined ? '' : stream ? ', streamed' : ', whole'}`;

const table = (head: readonly string[], rows: string): string =>
  rows === '' ? 'None.' : `| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${rows}`;

/** Replies go from the upstream to the client, requests the other way. */
function faultList(replies: readonly Cell[], requests: readonly Cell[]): string {
  const rows = [replies, requests].flatMap((cells, i) =>
    cells.flatMap(({ misses, upstream, surface, stream, subject }) =>
      misses.map(({ check, detail }) => {
        const way = i === 0 ? path(upstream, surface, stream) : path(surface, upstream, stream);
        return { key: `| ${check} | ${way} | ${escaped(detail)} |`, subject };
      }),
    ),
  );
  return table(['check', 'path', 'fault', 'of'], grouped(rows));
}

function lossList(all: readonly Cell[]): string {
  const rows = all.flatMap(({ losses, upstream, surface, subject }) =>
    losses.map(({ miss, cause }) => ({
      key: `| ${miss.check} | ${path(upstream, surface)} | ${cause} |`,
      subject,
    })),
  );
  return table(['check', 'path', 'cause', 'replies'], grouped(rows));
}

function differenceList(all: readonly Cell[]): string {
  const groups = new Map<string, { paths: Set<string>; count: number }>();
  for (const { losses, upstream, surface } of all) {
    for (const { miss, cause } of losses) {
      const key = `| ${miss.detail} | ${cause} |`;
      const group = groups.get(key) ?? { paths: new Set(), count: 0 };
      group.paths.add(path(surface, upstream));
      groups.set(key, { ...group, count: group.count + 1 });
    }
  }
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { paths, count }]) => `${key} ${[...paths].sort().join(', ')} | ${count} |`);
  return table(['field', 'what', 'paths', 'requests'], rows.join('\n'));
}

function inheritedList(all: readonly Cell[]): string {
  const rows = all.flatMap(({ inherited, surface, subject }) =>
    inherited.map(({ check, detail }) => ({
      key: `| ${check} | ${nameOf[surface]} | ${escaped(detail)} |`,
      subject,
    })),
  );
  return table(['check', 'protocol', 'fault', 'replies'], grouped(rows));
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
