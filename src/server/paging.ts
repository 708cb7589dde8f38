import type { Context } from 'hono';
import { refuse } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';

/** Which part of a list is asked for, as OpenAI's lists take it. */
export interface PageAsked {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  /** The id of the item that the page begins behind. */
  readonly after: string | undefined;
}

const pageMax = 100;
const pageDefault = 20;

/** Reads `limit`, `order` and `after` of the query; throws a refusal that names what is wrong. */
export function pageAsked(c: Context): PageAsked {
  const limit = limitOf(c.req.query('limit'));
  const order = c.req.query('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') {
    refuse(`Invalid value: '${order.slice(0, 50)}'. Supported values are: 'asc' and 'desc'.`, 'order', {
      code: 'invalid_value',
    });
  }
  return { limit, order, after: c.req.query('after') };
}

/** A page of items, of which the oldest is first. */
export function pageOf(items: readonly JsonObject[], { limit, order, after }: PageAsked): JsonObject {
  const list = order === 'desc' ? items.toReversed() : items;
  const from = after === undefined ? 0 : list.findIndex((item) => item.id === after) + 1;
  if (after !== undefined && from === 0) {
    refuse(`Item with id '${after.slice(0, 200)}' not found.`, 'after', { status: 404, kind: 'not_found' });
  }
  const data = list.slice(from, from + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < list.length,
  };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return pageDefault;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageMax) {
    refuse(`Invalid 'limit': expected an integer between 1 and ${pageMax}.`, 'limit', {
      code: 'invalid_value',
    });
  }
  return limit;
}
