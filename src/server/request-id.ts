const wanted = /^[A-Za-z0-9_.:-]{8,128}$/;

/** Tells this process from others; the counter tells its requests apart. */
const processPart = crypto.randomUUID().replaceAll('-', '').slice(0, 14);
let counter = 0;

/** The client's own request id where it is a plain word, else a new one: `req_` and 24 hex digits. */
export function requestId(offered: string | null): string {
  if (offered !== null && wanted.test(offered)) return offered;
  counter = (counter + 1) % 0x100_0000_0000;
  return `req_${processPart}${counter.toString(16).padStart(10, '0')}`;
}
