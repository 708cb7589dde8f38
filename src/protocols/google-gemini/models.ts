/**
 * The generation in a model's name (`gemini-2.5-pro` is of the second); nothing for names that do not tell it, such as
 * `gemini-flash-latest` or that of a tuned model.
 */
export function generationOf(model: string): number | undefined {
  const match = /(?:^|\/)gemini-(\d+)/.exec(model);
  if (match !== null) return Number(match[1]);
  return /(?:^|\/)(?:gemma|learnlm)/.test(model) ? 0 : undefined;
}

/**
 * Stands where a signature is wanted and nobody made one: for calls that another model made. Documented by the
 * vendor: https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export const noSignature = 'skip_thought_signature_validator';

/** The third generation refuses calls without a signature; the ones before it do not look. */
export const wantsSignatures = (model: string): boolean => (generationOf(model) ?? 3) >= 3;

/** From the third generation on, the results of functions may hold media. */
export const takesResultMedia = (model: string): boolean => (generationOf(model) ?? 0) >= 3;
