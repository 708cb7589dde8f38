/** Where two strings part, short enough for one line. */
export function difference(expected: string, got: string): string {
  let at = 0;
  while (at < expected.length && expected[at] === got[at]) at++;
  const excerpt = (text: string): string => JSON.stringify(text.slice(at, at + 24));
  return `at ${at} of ${expected.length}: expected ${excerpt(expected)}, got ${excerpt(got)} (${got.length} long)`;
}

/** Whether `got` is the sections one after the other, with or without an empty line or a line break between two. */
export function sameSections(sections: readonly string[], got: string): boolean {
  let rest = got;
  for (const [i, section] of sections.entries()) {
    if (!rest.startsWith(section)) return false;
    rest = rest.slice(section.length);
    const next = sections[i + 1];
    if (next === undefined) break;
    for (const separator of ['\n\n', '\n']) {
      if (rest.startsWith(separator + next)) {
        rest = rest.slice(separator.length);
        break;
      }
    }
  }
  return rest === '';
}

/** Deep equality of JSON texts, whatever the order of their keys. */
export function sameJson(a: string, b: string): boolean {
  try {
    return Bun.deepEquals(JSON.parse(a), JSON.parse(b), true);
  } catch {
    return false;
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
