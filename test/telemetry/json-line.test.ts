import { expect, test } from 'bun:test';
import { jsonLines } from '../../src/telemetry/json-line.ts';
import { redactor } from '../../src/telemetry/redact.ts';

test('times are those of the standard, whatever the millisecond', () => {
  const line = jsonLines(redactor());
  for (const ms of [0, 7, 70, 999, 1000, 1_795_608_000_001, 1_795_608_000_999, 1_795_607_999_999.75]) {
    expect(JSON.parse(line(ms, 'info', 'x', {})).time).toBe(new Date(ms).toISOString());
  }
});

test('a line is what JSON.stringify would have written', () => {
  const line = jsonLines(redactor());
  const fields = {
    text: 'ä "q" \\ 😀 \ud800',
    n: -1.5,
    i: 12,
    yes: true,
    no: false,
    list: ['a', 'b"'],
    e: [],
  };
  const expected = { time: '1970-01-01T00:00:00.000Z', level: 'warn', event: 'e', ...fields };
  expect(line(0, 'warn', 'e', fields)).toBe(JSON.stringify(expected));
  expect(line(0, 'warn', 'e', fields)).toBe(JSON.stringify(expected));
});

test('what is absent is left out, and what is no number is null', () => {
  const line = jsonLines(redactor());
  expect(JSON.parse(line(0, 'info', 'e', { gone: undefined, odd: Number.NaN, far: Infinity }))).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    event: 'e',
    odd: null,
    far: null,
  });
});

test('clients that invent names do not fill the memory, and their lines stay right', () => {
  const line = jsonLines(redactor());
  for (let i = 0; i < 5_000; i++) {
    const fields = { model: `m${i}`, client: i % 2 === 0 ? 'same' : 'x'.repeat(300) };
    expect(JSON.parse(line(0, 'info', 'request', fields))).toMatchObject(fields);
  }
});
