import { clearMergeCache, countTokens, setMergeCacheSize } from 'gpt-tokenizer/encoding/o200k_base';
import { eachSlice } from './slices.ts';

/** A text to count, and the number that its answer bears. */
export interface Ask {
  readonly id: number;
  readonly text: string;
}

export interface Answer {
  readonly id: number;
  readonly tokens: number;
}

declare const self: Worker;

const mergedWordsMax = 10_000;
setMergeCacheSize(mergedWordsMax);

/** What looks like a control token in a prompt is text there. */
const asText = { disallowedSpecial: new Set<string>() };

self.onmessage = ({ data }: MessageEvent<Ask>) => {
  let tokens = 0;
  eachSlice(data.text, (slice) => {
    tokens += countTokens(slice, asText);
  });
  // The cache holds words of the prompt.
  clearMergeCache();
  self.postMessage({ id: data.id, tokens } satisfies Answer);
};
