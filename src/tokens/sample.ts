/** Text that stands for more of it. */
export interface Sample {
  readonly text: string;
  /** How many times as long the whole is: 1 when nothing was left out. */
  readonly scale: number;
}

const blockChars = 4096;

/** The texts as one; beyond `charsMax` evenly spread pieces that are about as long as that. */
export function sampleOf(texts: readonly string[], charsMax: number): Sample {
  const whole = texts.join('\n');
  if (whole.length <= charsMax) return { text: whole, scale: 1 };
  const count = Math.max(1, Math.floor(charsMax / blockChars));
  const step = whole.length / count;
  let text = '';
  for (let i = 0; i < count; i++) {
    const from = Math.floor(i * step);
    text += whole.slice(from, from + blockChars);
  }
  return { text, scale: whole.length / text.length };
}
