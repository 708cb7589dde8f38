import { escapeControls } from './escape.ts';
import type { LogLevel } from './level.ts';

/** Lines for people stay short; the JSON log has the rest. */
const notesShownMax = 3;
const errorCharsMax = 120;

type Fields = Readonly<Record<string, unknown>>;

/** One request as an aligned line for people. `fields` are those of the JSON log, already without secrets. */
export function prettyRecord(nowMs: number, fields: Fields, color: boolean): string {
  const paint = painter(color);
  const text = (name: string): string =>
    fields[name] === undefined ? '' : escapeControls(String(fields[name]));
  const status = Number(fields.status);
  const statusColor = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  const target =
    fields.provider === undefined
      ? text('model')
      : `${text('provider')}/${text('upstream_model') || bare(fields)}`;

  const parts = [
    paint('dim', timeOfDay(nowMs)),
    paint(statusColor, text('status').padStart(3)),
    text('surface').padEnd(18),
    (target || text('route')).padEnd(36),
    paint('dim', duration(fields.duration_ms).padStart(7)),
  ];
  if (fields.first_token_ms !== undefined)
    parts.push(paint('dim', `first ${duration(fields.first_token_ms)}`));
  if (fields.input_tokens !== undefined) parts.push(`${text('input_tokens')}→${text('output_tokens')} tok`);
  if (fields.cache_read_tokens) parts.push(paint('dim', `${text('cache_read_tokens')} cached`));
  if (fields.cost_usd !== undefined) parts.push(paint('dim', dollars(fields)));
  if (fields.stop !== undefined && fields.stop !== 'end') parts.push(paint('dim', text('stop')));
  if (Array.isArray(fields.notes))
    parts.push(paint('yellow', noted(fields.notes, Number(fields.notes_count))));
  if (fields.outcome !== 'ok') {
    const why = [text('outcome'), text('failure'), text('failure_code')].filter(Boolean).join(' ');
    parts.push(paint(fields.outcome === 'cancelled' ? 'dim' : 'red', why));
    if (fields.outcome !== 'cancelled' && fields.error !== undefined)
      parts.push(text('error').slice(0, errorCharsMax));
  }
  return parts.join('  ').trimEnd();
}

/** One event as a line for people. */
export function prettyEvent(
  nowMs: number,
  level: LogLevel,
  event: string,
  fields: Fields,
  color: boolean,
): string {
  const paint = painter(color);
  const levelColor = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'dim';
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${escapeControls(String(value))}`);
  const words = [
    paint('dim', timeOfDay(nowMs)),
    paint(levelColor, level.padEnd(5)),
    escapeControls(event),
    ...rest,
  ];
  return words.join('  ');
}

/** The first notes in full and how many more there are. */
function noted(notes: readonly unknown[], count: number): string {
  const shown = notes.slice(0, notesShownMax).map((note) => escapeControls(String(note)));
  return count > shown.length ? `${shown.join(' ')} +${count - shown.length}` : shown.join(' ');
}

/** The model without the provider's prefix. */
function bare({ model, provider }: Fields): string {
  const name = escapeControls(String(model ?? ''));
  return name.startsWith(`${String(provider)}/`) ? name.slice(String(provider).length + 1) : name;
}

const timeOfDay = (nowMs: number): string => {
  const time = new Date(nowMs);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
};

/** In cents and parts of them; `≥` where the reply broke off before it was counted. */
const dollars = ({ cost_usd: usd, cost }: Fields): string =>
  `${cost === 'partial' ? '≥' : ''}$${Number(usd).toFixed(Number(usd) < 0.1 ? 5 : 2)}`;

const duration = (ms: unknown): string => {
  const value = Number(ms);
  return value < 1000 ? `${Math.round(value)}ms` : `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)}s`;
};

const codes = { dim: 2, red: 31, green: 32, yellow: 33 } as const;

const painter =
  (color: boolean) =>
  (name: keyof typeof codes, text: string): string =>
    color ? `\u001b[${codes[name]}m${text}\u001b[0m` : text;
