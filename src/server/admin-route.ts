import type { z } from 'zod';
import type { GatewayKey } from '../access/keys.ts';
import type { Changed } from '../config/change.ts';
import type { Config } from '../config/schema.ts';
import { FailureError, invalidRequest, refuse, type Failure } from '../turn/failure.ts';
import type { PipelineDeps } from '../pipeline/exchange.ts';
import type { State } from './state.ts';

/** The file that the gateway was started from. */
export interface ConfigFile {
  readonly name: string;
  /** Changes one value and keeps comments; `undefined` takes it out. The gateway takes it up by itself, soon after. */
  change(path: string, value: string | undefined): Changed;
}

/** What administration works on. */
export interface AdminDeps extends PipelineDeps {
  readonly state: State;
  readonly config: Config;
  readonly configFile?: ConfigFile;
  readonly bodyBytesMax: number;
}

/** One request to `/admin` that was let in. */
export interface AdminCall<Input = undefined> {
  /** The body or the query, as its schema has read it. */
  readonly input: Input;
  /** A part of the path by its name. */
  param(name: string): string;
  /** The admin key that was shown. */
  readonly key: GatewayKey;
}

/** One route under `/admin`. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Behind `/admin`, with parts such as `{id}`. */
  readonly path: string;
  /** What a body is sent as. */
  readonly takes?: 'json' | 'lines';
  answer(deps: AdminDeps, call: AdminCall<unknown>): Promise<AdminAnswer>;
}

/** What is answered: data as JSON, or lines that are written as they come. */
export type AdminAnswer =
  | { readonly status?: number; readonly data: unknown }
  | { readonly lines: AsyncIterable<string>; readonly fileName: string };

/**
 * A route whose body, or whose query where it has no body, is read by a schema.
 *
 * @example
 * route('GET', '/usage', z.strictObject({ days: z.coerce.number().default(30) }), async (deps, { input }) => ({ data: input.days }));
 */
export const route = <Schema extends z.ZodType>(
  method: AdminRoute['method'],
  path: string,
  schema: Schema,
  answer: (deps: AdminDeps, call: AdminCall<z.infer<Schema>>) => Promise<AdminAnswer>,
): AdminRoute => ({
  method,
  path,
  takes: method === 'POST' || method === 'PATCH' ? 'json' : undefined,
  answer: (deps, call) => answer(deps, { ...call, input: read(schema, call.input) }),
});

function read<Schema extends z.ZodType>(schema: Schema, input: unknown): z.infer<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue!.path.join('.');
  return refuse(path === '' ? issue!.message : `${path}: ${issue!.message}`, path || undefined);
}

/** Throws that there is no such thing. */
export function unknown(what: string): never {
  return refuse(`there is no ${what}`, undefined, { status: 404, kind: 'not_found', code: 'not_found' });
}

/** Throws that it cannot be done as things stand. */
export function conflict(message: string): never {
  return refuse(message, undefined, { status: 409, kind: 'conflict', code: 'conflict' });
}

/** Throws that it was understood and came to nothing. */
export function unprocessable(message: string, code: string): never {
  throw new FailureError(
    invalidRequest(message, undefined, { status: 422, kind: 'unprocessable', code }) satisfies Failure,
  );
}
