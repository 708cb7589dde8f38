/** Beyond so many lines on both sides the lines between are taken as replaced in one piece. */
const comparedLinesMax = 2_000;

/**
 * What changes between two texts, as a unified diff without lines around it: those are nobody's business where a file
 * holds secrets. Empty when nothing does.
 *
 * @example
 * diff('a\nb\n', 'a\nc\n'); // '@@ -2,1 +2,1 @@\n-b\n+c\n'
 */
export function diff(before: string, after: string): string {
  const one = linesOf(before);
  const other = linesOf(after);
  let text = '';
  for (const { from, to, at, until } of hunks(one, other)) {
    text += `@@ -${range(from, to)} +${range(at, until)} @@\n`;
    for (const line of one.slice(from, to)) text += `-${line}\n`;
    for (const line of other.slice(at, until)) text += `+${line}\n`;
  }
  return text;
}

/** Lines `from` to `to` of one text become `at` to `until` of the other. */
interface Hunk {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly until: number;
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** As `diff` writes it: an empty range stands after its line. */
const range = (from: number, to: number): string => `${to > from ? from + 1 : from},${to - from}`;

function hunks(one: readonly string[], other: readonly string[]): Hunk[] {
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start++;
  let to = one.length;
  let until = other.length;
  while (to > start && until > start && one[to - 1] === other[until - 1]) {
    to--;
    until--;
  }
  if (to === start && until === start) return [];
  if (Math.max(to, until) - start > comparedLinesMax) return [{ from: start, to, at: start, until }];
  return compared(one, other, start, to, until);
}

/** By the longest common subsequence. */
function compared(
  one: readonly string[],
  other: readonly string[],
  start: number,
  to: number,
  until: number,
): Hunk[] {
  const width = until - start + 1;
  const common = new Uint16Array((to - start + 1) * width);
  for (let i = to - 1; i >= start; i--) {
    for (let j = until - 1; j >= start; j--) {
      const here = (i - start) * width + (j - start);
      common[here] =
        one[i] === other[j]
          ? common[here + width + 1]! + 1
          : Math.max(common[here + width]!, common[here + 1]!);
    }
  }
  const found: Hunk[] = [];
  let i = start;
  let j = start;
  while (i < to || j < until) {
    if (i < to && j < until && one[i] === other[j]) {
      i++;
      j++;
      continue;
    }
    const from = i;
    const at = j;
    while ((i < to || j < until) && !(i < to && j < until && one[i] === other[j])) {
      const here = (i - start) * width + (j - start);
      if (j >= until || (i < to && common[here + width]! >= common[here + 1]!)) i++;
      else j++;
    }
    found.push({ from, to: i, at, until: j });
  }
  return found;
}
