import { InvalidArgumentError } from 'commander';
import type { CreateFlags } from '../keys.ts';

/** Takes the exit status of the command that ran. */
export type Done = (status: number) => void;

export const example = (line: string): string => `\nExample:\n  $ ${line}\n`;

export function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.');
  return value;
}

export function word(text: string): string {
  if (!/^\S{1,64}$/.test(text)) throw new InvalidArgumentError('It must be one word of up to 64 characters.');
  return text;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds. */
export function duration(text: string): number {
  const [, number, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? [];
  if (number === undefined)
    throw new InvalidArgumentError('It must be a number with m, h or d, such as 30d.');
  return Number(number) * unitsMs[unit!]!;
}

/** The same, where nothing may be kept at all. */
export const retention = (text: string): number => (text === 'off' ? 0 : duration(text));

type Budget = NonNullable<CreateFlags['budget']>[number];

export function budgets(text: string, before: Budget[] = []): Budget[] {
  const [, amount, unit, per] = /^(\d+(?:\.\d+)?)(usd|tokens)\/(day|week|month)$/.exec(text) ?? [];
  if (amount === undefined)
    throw new InvalidArgumentError('It must be such as 5usd/day or 1000000tokens/month.');
  return [...before, { per: per as Budget['per'], [unit!]: Number(amount) }];
}
