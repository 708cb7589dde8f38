const wanted = /^[A-Za-z0-9_.:-]{8,128}$/;

/** The client's own request id where it is a plain word, else a new one: `req_` and 24 hex digits. */
export function requestId(offered: string | null): string {
  if (offered !== null && wanted.test(offered)) return offered;
  return `req_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
}
