import { isRecord } from '../record.ts';

/** Something of a foreign configuration that the new one does not hold, or holds otherwise. */
export interface ImportNote {
  /** Where it stands in the foreign file, such as `model_list[2].litellm_params.timeout`. */
  readonly path: string;
  readonly why: string;
}

/**
 * One object of a foreign configuration. Whoever takes a member has dealt with it; what nobody took is told by
 * {@link leftOver}, so that no setting is lost in silence.
 */
export class Source {
  readonly path: string;
  readonly #members: Map<string, unknown>;

  constructor(value: unknown, path = '') {
    this.path = path;
    this.#members = new Map(isRecord(value) ? Object.entries(value) : []);
  }

  /** The names of what has not been taken. */
  names(): string[] {
    return [...this.#members.keys()];
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  take(name: string): unknown {
    const value = this.#members.get(name);
    this.#members.delete(name);
    return value;
  }

  /** A string that is not empty; numbers and booleans as they are written. */
  text(name: string): string | undefined {
    const value = this.take(name);
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  }

  number(name: string): number | undefined {
    const value = Number(this.text(name) ?? Number.NaN);
    return Number.isFinite(value) ? value : undefined;
  }

  /** An object; an empty one where there is none. */
  object(name: string): Source {
    return new Source(this.take(name), this.at(name));
  }

  /** The objects of a list. */
  objects(name: string): Source[] {
    const value = this.take(name);
    return Array.isArray(value) ? value.map((each, i) => new Source(each, `${this.at(name)}[${i}]`)) : [];
  }

  /** The strings of a list. */
  texts(name: string): string[] {
    const value = this.take(name);
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string' && each !== '') : [];
  }

  /** What nobody took, unless it says nothing. */
  leftOver(why: string): ImportNote[] {
    const told = [...this.#members].filter(([, value]) => !isEmpty(value));
    return told.map(([name]) => ({ path: this.at(name), why }));
  }
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);
