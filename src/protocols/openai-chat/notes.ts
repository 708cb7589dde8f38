import type { Note } from '../../turn/note.ts';
import type { Extras } from '../../turn/part.ts';
import { foreignMembers } from '../foreign-members.ts';
import { own } from './fields.ts';

/** Collects what could not be carried; the same loss is told once, with the path where it first happened. */
export class Losses {
  readonly notes: Note[] = [];
  readonly #told = new Set<string>();

  add(path: string, action: Note['action'], why: string, weight: Note['weight'] = 'note'): void {
    const key = `${action}:${why}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.notes.push({ path, action, why, weight });
  }

  /** One note for each member that only another protocol reads. */
  foreign(extras: Extras | undefined, prefix = ''): void {
    for (const key of foreignMembers(extras, own)) {
      this.add(prefix + key, 'dropped', `${key} has no counterpart in chat`);
    }
  }
}
