/** Takes secrets out of text that is about to be written. */
export interface Redactor {
  /** Adds texts that must never be written; those under 6 characters would hit ordinary words and are left out. */
  add(secrets: Iterable<string>): void;
  /**
   * What `owner` has for secrets now, such as the configuration or an account. Those it had before are masked on, as
   * requests may still be under way with them; those before that are forgotten.
   */
  set(owner: string, secrets: Iterable<string>): void;
  redact(text: string): string;
  /** Grows whenever secrets are added: what was redacted before may have to be redacted again. */
  readonly version: number;
}

const mask = '***';
const secretCharsMin = 6;

/** What credentials look like, for those nobody registered. The part to keep is the first group. */
const patterns: readonly RegExp[] = [
  /\b(bearer\s+)[\w.~+/=-]{6,}/gi,
  /\b((?:x-api-key|x-goog-api-key|api[_-]?key|authorization)["']?\s*[:=]\s*["']?)(?!bearer\b)[^\s"',;&]{4,}/gi,
  /\b((?:sk|pk|rk|glpat|ghp|gho|ghs|xai|gsk)[-_])[\w-]{8,}/g,
  /\b(drg_[a-z0-9]{8}_)[A-Za-z0-9]{8,}/g,
  /\b(AIza)[\w-]{20,}/g,
  /\b(eyJ)[\w-]{4,}\.[\w-]+\.[\w-]*/g,
];

/** One test that most text fails, so that the patterns above run on suspects only. */
const suspect =
  /bearer|api[_-]?key|authorization|\b(?:sk|pk|rk|glpat|ghp|gho|ghs|xai|gsk|drg)[-_]|\bAIza|\beyJ/i;

/**
 * Masks registered secrets and whatever looks like a credential.
 *
 * @example
 * redactor(['tops3cret']).redact('Bearer abcdef123 and tops3cret'); // 'Bearer *** and ***'
 */
export function redactor(secrets: Iterable<string> = []): Redactor {
  const added = new Set<string>();
  const owned = new Map<string, { now: readonly string[]; before: readonly string[] }>();
  let longestFirst: string[] = [];
  let version = 0;
  const isLong = (secret: string): boolean => secret.length >= secretCharsMin;
  const sort = (): void => {
    const all = new Set([...added, ...[...owned.values()].flatMap(({ now, before }) => [...now, ...before])]);
    longestFirst = [...all].sort((a, b) => b.length - a.length);
    version++;
  };
  const add = (more: Iterable<string>): void => {
    for (const secret of more) if (isLong(secret)) added.add(secret);
    sort();
  };
  add(secrets);
  return {
    add,
    set(owner, secrets) {
      const now = [...secrets].filter(isLong);
      const { now: before = [] } = owned.get(owner) ?? {};
      if (now.length === before.length && now.every((secret, i) => secret === before[i])) return;
      owned.set(owner, { now, before });
      sort();
    },
    get version() {
      return version;
    },
    redact(text) {
      if (text.length < secretCharsMin) return text;
      for (const secret of longestFirst) if (text.includes(secret)) text = text.replaceAll(secret, mask);
      if (suspect.test(text)) for (const pattern of patterns) text = text.replace(pattern, `$1${mask}`);
      return text;
    },
  };
}
