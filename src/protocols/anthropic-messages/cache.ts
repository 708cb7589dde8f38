import type { JsonObject } from '../../turn/json.ts';
import type { CacheMark } from '../../turn/part.ts';

/** A cache mark as the wire has it. */
export const cacheControl = (mark: CacheMark): JsonObject =>
  mark.ttl === undefined ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: mark.ttl };

/** Reads `cache_control`. */
export const decodeCacheControl = (value: JsonObject): CacheMark =>
  typeof value.ttl === 'string' ? { ttl: value.ttl } : {};

/** Whether a mark holds all that `cache_control` says; otherwise the whole object is kept beside it. */
export const plainCacheControl = (value: JsonObject): boolean =>
  value.type === 'ephemeral' &&
  Object.keys(value).every((key) => key === 'type' || (key === 'ttl' && typeof value.ttl === 'string'));
