/** Names under which a gateway on loopback is reached. */
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Why a request must not be served, or `undefined`. The `Host` must be a name of the gateway: a loopback name where
 * it listens on loopback, or one of `hosts`; an `Origin`, where a browser sends one, must be such a name as well. A
 * web page that has its own name resolve to the gateway's address fails both. Where it listens for others and
 * `hosts` is empty, addresses are names of the gateway and words are not.
 */
export function refusedOrigin(
  headers: Headers,
  onLoopback: boolean,
  hosts: readonly string[],
): string | undefined {
  const isOwn = (host: string): boolean => {
    if (loopback.test(host)) return true;
    const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
    return hosts.includes(name) || (!onLoopback && hosts.length === 0 && address.test(name));
  };
  const host = headers.get('host');
  if (host !== null && !isOwn(host)) {
    return onLoopback
      ? 'the Host header names no loopback address'
      : 'the Host header is not a name of this gateway';
  }
  const origin = headers.get('origin');
  if (origin === null) return undefined;
  const at = origin.indexOf('://');
  if (at > 0 && isOwn(origin.slice(at + 3))) return undefined;
  return onLoopback ? 'the Origin is not a loopback page' : 'the Origin is not a page of this gateway';
}

const address = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;
