import type { Payload } from '../canonical.ts';

/** Readers for JSON of unknown shape: a value of another type reads as absent. */
export const object = (value: unknown): Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : {};
export const list = (value: unknown): Payload[] => (Array.isArray(value) ? value.map(object) : []);
export const string = (value: unknown): string => (typeof value === 'string' ? value : '');
export const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
export const has = (value: unknown): boolean => value !== undefined && value !== null;

/** An error object of any of the protocols, at the top or under `error`. */
export function errorOf(value: unknown): { type: string; message: string } {
  if (typeof value === 'string') return { type: '', message: value };
  const outer = object(value);
  const inner = has(outer['error']) ? outer['error'] : outer;
  if (typeof inner === 'string') return { type: '', message: inner };
  const error = object(inner);
  return {
    type: string(error['type']) || string(error['code']) || string(error['status']),
    message: string(error['message']),
  };
}
