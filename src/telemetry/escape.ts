/**
 * Control characters, line separators and marks that turn the direction of writing: what would let a value
 * forge a log line or drive a terminal.
 */
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Writes every unsafe character as `\uXXXX`. Applied to JSON text it leaves valid JSON of the same value.
 *
 * @example
 * escapeControls('a\nb'); // 'a\\u000ab'
 */
export function escapeControls(text: string): string {
  return text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
