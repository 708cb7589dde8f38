/** What a description of types says of one type: the kinds of value that it allows. `T` is the description's own type. */
export interface Shape<T> {
  /** Values without members: text, numbers, switches. */
  readonly plain: boolean;
  /** The texts that it allows, where it allows no others. */
  readonly constants: readonly string[];
  /** Anything at all: what a client puts there is its own data. */
  readonly free: boolean;
  /** Of what kinds its items may be, where it may be a list. */
  readonly items: readonly T[];
  /** Of what kinds its values may be, where it may be a mapping with names of the client's own. */
  readonly values: readonly T[];
  readonly objects: readonly ObjectShape<T>[];
}

export interface ObjectShape<T> {
  /** Equal for the same type in two places; ends recursion. */
  readonly id: unknown;
  readonly members: ReadonlyMap<string, readonly T[]>;
}

/** A field that a description of a request names. */
export interface WalkedField {
  /** In the grammar of `Field.path`. */
  readonly path: string;
  /** It holds a value itself or is a kind of entry, and is not only the place of its members. */
  readonly leaf: boolean;
  /** A list of nothing but these words. */
  readonly words?: readonly string[];
}

/**
 * Every field of a request, in the order of its description. Entries of a list that have a constant `type` stand
 * apart as `path[type=x]`, and those of several types that have one `role` each as `path[role=x]`; all other unions
 * are one object with the members of every branch. A type inside itself ends the walk.
 */
export function walk<T>(root: T, shapeOf: (type: T) => Shape<T>): WalkedField[] {
  const found = new Map<string, boolean>();
  const wordLists = new Map<string, readonly string[]>();
  visit([root], '', []);
  return [...found].map(([path, leaf]) => {
    const words = wordLists.get(path);
    return words ? { path, leaf, words } : { path, leaf };
  });

  function visit(types: readonly T[], path: string, within: readonly unknown[]): void {
    const shapes = types.map(shapeOf);
    const objects = unique(shapes.flatMap((shape) => shape.objects));
    const items = shapes.flatMap((shape) => shape.items);
    const values = shapes.flatMap((shape) => shape.values);
    const holds = shapes.some((shape) => shape.plain || shape.free);
    // Plain values in a list or under names of the client's own are not fields of their own.
    const inItems = items.some(hasMembers);
    const inValues = values.some(hasMembers);
    const bare = objects.length === 0 && !inValues && !inItems;
    if (path !== '') note(path, holds || bare);
    const entries = items.map(shapeOf);
    const words = entries.flatMap((entry) => entry.constants);
    if (words.length > 0 && entries.every((entry) => !entry.plain && !entry.free && !inItems))
      wordLists.set(path, words);
    if (inItems) visitItems(items, `${path}[]`, within);
    if (inValues) visit(values, `${path}.*`, within);
    visitObjects(objects, path, within);
  }

  function hasMembers(type: T): boolean {
    const shape = shapeOf(type);
    return shape.objects.length > 0 || shape.items.some(hasMembers) || shape.values.some(hasMembers);
  }

  function visitItems(types: readonly T[], path: string, within: readonly unknown[]): void {
    const shapes = types.map(shapeOf);
    const nested = shapes.flatMap((shape) => shape.items);
    if (nested.length > 0) visitItems(nested, `${path}[]`, within);
    visitObjects(unique(shapes.flatMap((shape) => shape.objects)), path, within);
  }

  function visitObjects(objects: readonly ObjectShape<T>[], path: string, within: readonly unknown[]): void {
    const tag = tagOf(objects, path);
    const choices = new Set(objects.flatMap((object) => wordsOf(object, 'type')));
    for (const object of objects) {
      const kinds = tag ? wordsOf(object, tag) : [];
      const places = kinds.length > 0 ? kinds.map((kind) => `${path.slice(0, -2)}[${tag}=${kind}]`) : [path];
      for (const place of places) {
        if (place !== path) note(place, true);
        if (within.includes(object.id)) {
          note(place, true);
          continue;
        }
        for (const [name, types] of object.members) {
          // What tells a kind is no field of its own where its place says it, or where there is no choice.
          if (place !== path && name === tag) note(member(place, name), false);
          else if (name === 'type' && wordsOf(object, 'type').length > 0)
            note(member(place, name), choices.size > 1);
          else visit(types, member(place, name), [...within, object.id]);
        }
      }
    }
  }

  /** The member that tells the entries of a list apart. */
  function tagOf(objects: readonly ObjectShape<T>[], path: string): string | undefined {
    if (!path.endsWith('[]')) return undefined;
    if (objects.some((object) => wordsOf(object, 'type').length > 0)) return 'type';
    const roles = objects.map((object) => wordsOf(object, 'role'));
    return objects.length > 1 && roles.every((words) => words.length === 1) ? 'role' : undefined;
  }

  /** The constants that a member of an object may have, where it may have nothing else. */
  function wordsOf(object: ObjectShape<T>, name: string): readonly string[] {
    const shapes = (object.members.get(name) ?? []).map(shapeOf);
    return shapes.some((shape) => shape.plain || shape.free)
      ? []
      : shapes.flatMap((shape) => shape.constants);
  }

  function note(path: string, leaf: boolean): void {
    found.set(path, leaf || (found.get(path) ?? false));
  }
}

const member = (place: string, name: string): string => (place === '' ? name : `${place}.${name}`);

const unique = <T>(objects: readonly ObjectShape<T>[]): ObjectShape<T>[] => [
  ...new Map(objects.map((object) => [object.id, object])).values(),
];
