/** What could not be carried as it was. A value, never a silence. */
export interface Note {
  /** Path in the client's request, e.g. `top_k` or `messages[2].content[0].citations`. */
  readonly path: string;
  readonly action: 'dropped' | 'emulated' | 'clamped' | 'repaired';
  /** One line for people. */
  readonly why: string;
  /**
   * `degrade`: the reply may differ for it; strict mode answers 400. `refuse`: the request makes no sense without
   * it; always a 400.
   */
  readonly weight: 'note' | 'degrade' | 'refuse';
}

/** The notes of two steps in their order; the one list itself where the other is empty, as it mostly is. */
export function joinNotes(first: readonly Note[], second: readonly Note[]): readonly Note[] {
  if (second.length === 0) return first;
  return first.length === 0 ? second : [...first, ...second];
}

export const noNotes: readonly Note[] = [];
