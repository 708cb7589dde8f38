/** A WebSocket as programs have it: the standard's, with what the standard keeps from pages. */
export interface Socket extends WebSocket {
  ping(): void;
  /** Ends the connection at once. */
  terminate(): void;
  /** Stops reading, so that the other side has to wait. */
  pause(): unknown;
  resume(): unknown;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens a WebSocket with these headers, by way of the environment's proxy as `fetch` does by itself. */
export function openSocket(url: string, headers: Record<string, string>): Socket {
  const proxy = proxyOf(url, process.env);
  // The standard's type knows subprotocols only.
  return new WebSocket(url, { headers, proxy } as unknown as string[]) as Socket;
}

/** The proxy for an address: `HTTPS_PROXY` or `HTTP_PROXY`, unless `NO_PROXY` names the host. */
export function proxyOf(url: string, env: Environment): string | undefined {
  const { protocol, hostname, host } = new URL(url);
  const name = protocol === 'wss:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = env[name] || env[name.toLowerCase()];
  const excluded = (env['NO_PROXY'] || env['no_proxy'] || '').split(',').map((each) => each.trim());
  const isExcluded = excluded.some((each) => {
    const suffix = each.replace(/^\*?\./, '');
    return each === '*' || each === host || (suffix !== '' && `.${hostname}`.endsWith(`.${suffix}`));
  });
  return proxy && !isExcluded ? proxy : undefined;
}
