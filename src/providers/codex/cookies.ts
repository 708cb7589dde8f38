/** Cookies of the network before the backend, by account: without them every request is that of a stranger. */
export interface Cookies {
  /** The header `cookie` of the account's next request. */
  of(account: string): string | undefined;
  /** Takes what a reply has set, in the words of `set-cookie`. */
  keep(account: string, set: readonly string[]): void;
}

/** The official client keeps these and no others, in memory. */
const kept: ReadonlySet<string> = new Set(['__cf_bm', '_cfuvid', 'cf_clearance', '__cflb']);
const valueCharsMax = 4096;
const accountsMax = 10_000;

export function createCookies(): Cookies {
  const jars = new Map<string, Map<string, Bun.Cookie>>();
  return {
    of(account) {
      const jar = jars.get(account);
      if (jar === undefined) return undefined;
      for (const [name, cookie] of jar) if (cookie.isExpired()) jar.delete(name);
      const pairs = [...jar].map(([name, { value }]) => `${name}=${value}`);
      return pairs.length === 0 ? undefined : pairs.join('; ');
    },
    keep(account, set) {
      for (const text of set) {
        const cookie = parsed(text);
        if (cookie === undefined) continue;
        const jar = jars.get(account) ?? new Map<string, Bun.Cookie>();
        jar.set(cookie.name, cookie);
        if (jars.size < accountsMax) jars.set(account, jar);
      }
    },
  };
}

/** One of those that are kept, whose value may stand in a header. */
function parsed(text: string): Bun.Cookie | undefined {
  if (!kept.has(text.slice(0, text.indexOf('=')))) return undefined;
  try {
    const cookie = Bun.Cookie.parse(text);
    const isSafe =
      cookie.value.length <= valueCharsMax &&
      /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(cookie.value);
    return isSafe ? cookie : undefined;
  } catch {
    return undefined;
  }
}
