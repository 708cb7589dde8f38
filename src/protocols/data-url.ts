/**
 * A `data:` URL in base64, taken apart; `undefined` for any other. No pattern does it, because one would search
 * megabytes again from every place.
 *
 * @example
 * dataUrl('data:image/png;base64,iVBO'); // { mime: 'image/png', data: 'iVBO' }
 */
export function dataUrl(url: string): { readonly mime: string; readonly data: string } | undefined {
  if (!url.startsWith('data:')) return undefined;
  const comma = url.indexOf(',');
  const head = url.slice(5, Math.max(5, comma));
  if (!head.endsWith(';base64')) return undefined;
  return { mime: head.slice(0, -';base64'.length), data: url.slice(comma + 1) };
}
