/** How far a spelling is from what was asked: the model itself, or what it is called with something taken off. */
export interface Spelling {
  readonly id: string;
  /** False where the part that was taken off may stand for other terms: a resold or a special variant. */
  readonly same: boolean;
}

/** `models/x`, `publishers/google/models/x`. */
const resource = /^(?:.*\/)?models\//;
/** `-20250929`, `-2025-08-07`, `@20250929`, `-latest`. */
const edition = /(?:[-@]\d{8}|-\d{4}-\d{2}-\d{2}|[-@]latest)$/;
/** `us.anthropic.`, `anthropic.`: letters before a dot, where versions have digits. */
const owner = /^(?:[a-z]+(?:-[a-z]+)*\.){1,2}(?=[a-z])/;
/** `-v1:0`, `:thinking`, `:free`. */
const variant = /(?:-v\d+(?::\d+)?(?::\w+)?|:[\w-]+)$/;

/**
 * The names under which a catalog may know a model, the likeliest first: the name itself, without its date, and
 * as resellers write it.
 *
 * @example
 * spellings('models/gemini-x-latest').map(({ id }) => id); // ['models/gemini-x-latest', 'gemini-x-latest', 'gemini-x']
 */
export function spellings(name: string): Spelling[] {
  const found: Spelling[] = [];
  const add = (id: string, same: boolean): void => {
    if (id !== '' && !found.some((each) => each.id === id)) found.push({ id, same });
  };
  add(name, true);
  const plain = name.toLowerCase().replace(resource, '');
  add(plain, true);
  add(plain.replace(edition, ''), true);
  const bare = plain
    .slice(plain.lastIndexOf('/') + 1)
    .replace(owner, '')
    .replace(variant, '');
  for (const id of [bare, bare.replace('@', '-'), undated(bare)]) {
    add(id, false);
    add(id.replace(/(?<=\d)\.(?=\d)/g, '-'), false);
  }
  return found;
}

/**
 * The model of a list that a name means: itself, or without a date the newest edition, or with a date the name that
 * has none. Never another edition than was asked for.
 *
 * @example
 * editionOf(['model-x-20250101', 'model-x-20251001'], 'model-x'); // 'model-x-20251001'
 */
export function editionOf(ids: readonly string[], name: string): string | undefined {
  if (ids.includes(name)) return name;
  const plain = undated(name);
  if (plain !== name) return ids.includes(plain) ? plain : undefined;
  return ids
    .filter((id) => undated(id) === name)
    .sort()
    .at(-1);
}

/** A name without the day of its edition. */
export const undated = (name: string): string => name.replace(edition, '');
