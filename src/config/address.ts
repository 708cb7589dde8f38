import { z } from 'zod';

/**
 * An address that the gateway may be told to ask: HTTP, because the runtime's `fetch` reads files too, and no service
 * of a cloud that gives its credentials to whoever asks from within. Names that resolve to one are not looked up.
 */
export const httpUrl = () =>
  z.url().superRefine((text, context) => {
    // That it is none is told already.
    if (!URL.canParse(text)) return;
    const { protocol, hostname } = new URL(text);
    const message = !/^https?:$/.test(protocol)
      ? 'not an address of http or https'
      : isMetadata(hostname)
        ? 'the address of a cloud’s metadata service'
        : undefined;
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

/** As a URL has them: numbers in any notation are dotted by then, and letters small. */
const isMetadata = (host: string): boolean =>
  /^169\.254\.|^100\.100\.100\.200$|^\[(?:fe[89ab][0-9a-f]:|fd00:ec2:|::ffff:a9fe:)|^metadata\.google\.internal\.?$/.test(
    host,
  );

/** A base URL without its trailing slashes. */
export function trimSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end--;
  return url.slice(0, end);
}
