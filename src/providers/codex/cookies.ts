/** Cookies of the network before the backend, by account: without them every request is that of a stranger. */
export interface Cookies {
  /** The header `cookie` of the account's next request. */
  of(account: string): string | undefined;
  /** Takes what a reply has set, in the words of `set-cookie`. */
  keep(account: string, set: readonly string[]): void;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly endsMs: number;
}

/** The official client keeps these and no others, in memory. */
const kept: ReadonlySet<string> = new Set(['__cf_bm', '_cfuvid', 'cf_clearance', '__cflb']);

export function createCookies(nowMs: () => number): Cookies {
  const jars = new Map<string, Map<string, Cookie>>();
  return {
    of(account) {
      const jar = jars.get(account);
      if (jar === undefined) return undefined;
      for (const { name, endsMs } of jar.values()) if (endsMs <= nowMs()) jar.delete(name);
      const pairs = [...jar.values()].map(({ name, value }) => `${name}=${value}`);
      return pairs.length === 0 ? undefined : pairs.join('; ');
    },
    keep(account, set) {
      for (const text of set) {
        const cookie = readCookie(text, nowMs());
        if (cookie === undefined) continue;
        const jar = jars.get(account) ?? new Map<string, Cookie>();
        jars.set(account, jar.set(cookie.name, cookie));
      }
    },
  };
}

/** One of those that are kept, where its value is one of RFC 6265 and no longer than browsers take. */
function readCookie(text: string, nowMs: number): Cookie | undefined {
  const [pair = '', ...attributes] = text.split(';');
  const [, name = '', value = ''] =
    /^\s*(\w+)=([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,4096})\s*$/.exec(pair) ?? [];
  if (!kept.has(name)) return undefined;
  let endsMs = Infinity;
  for (const attribute of attributes) {
    const [, seconds, date = ''] = /^\s*(?:max-age=(-?\d+)|expires=(.*))\s*$/i.exec(attribute) ?? [];
    // The one that counts from now goes before a date.
    if (seconds !== undefined) return { name, value, endsMs: nowMs + Number(seconds) * 1000 };
    const at = Date.parse(date.replaceAll('-', ' '));
    if (!Number.isNaN(at)) endsMs = at;
  }
  return { name, value, endsMs };
}
