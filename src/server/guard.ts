/** Names under which a gateway on loopback is reached. */
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Why a request must not be served, or `undefined`. On loopback the `Host` must be a loopback name and an
 * `Origin`, where a browser sends one, must be the gateway's own or another loopback page: a web page that has
 * its name resolve to 127.0.0.1 fails both.
 */
export function refusedOrigin(headers: Headers, onLoopback: boolean): string | undefined {
  if (!onLoopback) return undefined;
  const host = headers.get('host');
  if (host !== null && !loopback.test(host)) return 'the Host header names no loopback address';
  const origin = headers.get('origin');
  if (origin === null) return undefined;
  const at = origin.indexOf('://');
  return at > 0 && loopback.test(origin.slice(at + 3)) ? undefined : 'the Origin is not a loopback page';
}
