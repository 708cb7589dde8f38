import { valueAt } from './clients/format.ts';
import type { Client, Pointing } from './clients/client.ts';
import type { Journal } from './clients/journal.ts';
import type { Plan } from './clients/plan.ts';
import { diff } from './diff.ts';
import type { Host } from './host.ts';
import { escapeControls } from '../telemetry/escape.ts';
import { redactor } from '../telemetry/redact.ts';

/** What is to become of the files, without the keys in them. */
export const shownDiff = (plans: readonly Plan[]): string => plans.map(fileDiff).join('');

function fileDiff(file: Plan): string {
  const { path, now, after } = file;
  const isTighter = now !== undefined && now.mode !== after.mode;
  const changes = diff(now?.text ?? '', after.text);
  if (changes === '' && !isTighter && now !== undefined) return '';
  const mode = now === undefined || isTighter ? ` (mode ${after.mode.toString(8).padStart(4, '0')})` : '';
  const head = `--- ${now === undefined ? '/dev/null' : path}\n+++ ${path}${mode}\n`;
  return escapeLines(head + masked(changes, file));
}

/** Nothing of the key, nor of what stood in its place before, nor of a stranger's that stands in the same line. */
function masked(text: string, { format, now, settings }: Plan): string {
  const data = now === undefined ? {} : format.parse(now.text);
  const secrets = settings
    .filter(({ role }) => role === 'key')
    .flatMap(({ path, value }) => [valueAt(data, path), value])
    .filter((secret) => typeof secret === 'string');
  return redactor([...secrets, ...secretsIn(data)]).redact(text);
}

const secretNames = /(?:key|token|secret|passw(?:or)?d|credential|authorization)s?$/i;

/** The texts whose names, or the names of what they stand in, are those of secrets. */
function secretsIn(value: unknown, isSecret = false): string[] {
  if (typeof value === 'string') return isSecret ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    secretsIn(inner, isSecret || secretNames.test(name)),
  );
}

const escapeLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => escapeControls(line.replaceAll('\t', '    ')))
    .join('\n');

/** A setup as programs are told of it. `journal` is absent where nothing was written. */
export const shownSetup = (
  client: Client,
  { url, model }: Pointing,
  plans: readonly Plan[],
  journal: Journal | undefined,
): string =>
  `${JSON.stringify({
    client: client.name,
    url,
    model: model ?? null,
    written: journal !== undefined,
    key: journal?.key ? { id: journal.key.id, prefix: `drg_${journal.key.prefix}` } : null,
    files: plans.map((file) => ({
      path: file.path,
      created: file.now === undefined,
      mode: file.after.mode.toString(8).padStart(4, '0'),
      diff: fileDiff(file),
    })),
  })}\n`;

/** Tells a person what was done, and what follows from it. */
export async function tellSetup(
  client: Client,
  { stdout, stderr, env }: Host,
  done: {
    readonly pointing: Pointing;
    readonly isLive: boolean;
    readonly isNew: boolean;
    readonly checked: boolean;
    readonly journal: Journal;
    readonly earlier: Journal | undefined;
  },
): Promise<void> {
  const { pointing, isLive, journal } = done;
  const lines = [
    `${client.title} ${done.isNew ? 'is set up' : 'was set up like that already'}: it asks ${pointing.model ?? 'for its own models'} at ${pointing.url}.`,
    ...(done.checked ? ['One request like its own was answered.'] : []),
    `Start it with \`${client.program}\`; \`dragoman setup ${client.name} --undo\` brings back what was there.`,
  ];
  await stdout.write(`${lines.map(escapeControls).join('\n')}\n`);
  const notes = [
    ...(isLive ? [] : [`no gateway listens at ${pointing.url} yet: start it with \`dragoman serve\``]),
    ...(done.earlier === undefined && journal.key
      ? ['from now on every caller of this gateway needs a key: `dragoman keys create NAME` makes one']
      : []),
    ...client.stronger
      .filter((name) => env[name])
      .map((name) => `${name} is set in this shell and may go before these settings: take it out`),
  ];
  for (const note of notes) await stderr.write(`note: ${escapeControls(note)}\n`);
}
