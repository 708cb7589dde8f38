import { describe, expect, test } from 'bun:test';
import { joinNotes, noNotes, type Note } from '../../src/turn/note.ts';

const note = (path: string): Note => ({ path, action: 'dropped', why: 'not taken', weight: 'note' });

describe('joining notes', () => {
  test('both lists are told, in their order', () => {
    expect(joinNotes([note('a')], [note('b'), note('c')])).toEqual([note('a'), note('b'), note('c')]);
  });

  test('an empty list adds nothing and makes no new one', () => {
    const notes = [note('a')];
    expect(joinNotes(notes, noNotes)).toBe(notes);
    expect(joinNotes(noNotes, notes)).toBe(notes);
    expect(joinNotes(noNotes, noNotes)).toEqual([]);
  });
});
