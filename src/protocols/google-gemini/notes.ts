import type { Note } from '../../turn/note.ts';

/** Collects what a reply held and this protocol has no place for; the same loss is told once. */
export class ReplyNotes {
  readonly list: Note[] = [];
  readonly #told = new Set<string>();

  add(path: string, action: Note['action'], why: string, weight: Note['weight'] = 'note'): void {
    const key = `${path}:${why}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.list.push({ path, action, why, weight });
  }
}
