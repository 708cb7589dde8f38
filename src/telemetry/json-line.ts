import { escapeControls } from './escape.ts';
import type { FieldValue } from './request-fields.ts';
import type { Redactor } from './redact.ts';

/** Writes the line of one moment, without its end: `{"time":…,"level":…,` and the fields. */
export type JsonLine = (
  nowMs: number,
  level: string,
  event: string,
  fields: Readonly<Record<string, FieldValue>>,
) => string;

/** How many texts are remembered in their written form, and how long one may be. */
const rememberedMax = 1_000;
const rememberedCharsMax = 200;

/** The gateway's own request ids: never seen twice, and nothing in them to mask or to escape. */
const ownRequestId = /^req_[0-9a-f]{24}$/;

/**
 * Writes log lines as JSON with secrets masked and control characters escaped. Every request pays for this, and
 * most of its texts come again and again: they are looked at once and remembered as written.
 *
 * @example
 * jsonLines(redactor())(0, 'info', 'listening', { port: 1 });
 * // '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"listening","port":1}'
 */
export function jsonLines(redactor: Redactor): JsonLine {
  const remembered = new Map<string, string>();
  const names = new Map<string, string>();
  const time = timeWriter();
  let version = redactor.version;

  const write = (value: string): string => escapeControls(JSON.stringify(redactor.redact(value)));
  const text = (value: string): string => {
    let written = remembered.get(value);
    if (written !== undefined) return written;
    written = write(value);
    if (value.length > rememberedCharsMax) return written;
    if (remembered.size >= rememberedMax) remembered.clear();
    remembered.set(value, written);
    return written;
  };
  // Names are the program's own words, so their number is bounded.
  const member = (name: string): string => {
    let written = names.get(name);
    if (written === undefined) names.set(name, (written = `,${JSON.stringify(name)}:`));
    return written;
  };

  return (nowMs, level, event, fields) => {
    if (version !== redactor.version) {
      remembered.clear();
      version = redactor.version;
    }
    let line = `{"time":"${time(nowMs)}","level":"${level}","event":${text(event)}`;
    for (const name in fields) {
      const value = fields[name];
      if (value === undefined) continue;
      line += member(name);
      if (typeof value === 'string') {
        if (name !== 'request_id') line += text(value);
        else line += ownRequestId.test(value) ? `"${value}"` : write(value);
      } else if (typeof value === 'number') line += Number.isFinite(value) ? value : 'null';
      else if (typeof value === 'boolean') line += value;
      else line += `[${value.map(text).join(',')}]`;
    }
    return `${line}}`;
  };
}

/** Milliseconds since 1970 as ISO 8601; all but the milliseconds is made once a second. */
function timeWriter(): (nowMs: number) => string {
  let second = Number.NaN;
  let head = '';
  return (nowMs) => {
    const ofSecond = Math.floor(nowMs / 1000);
    if (ofSecond !== second) {
      second = ofSecond;
      head = new Date(ofSecond * 1000).toISOString().slice(0, 20);
    }
    const rest = Math.floor(nowMs - ofSecond * 1000);
    return `${head}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
  };
}
