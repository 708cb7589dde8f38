/** The programs whose configuration can be taken over. */
export const importFormats = ['litellm', 'claude-code-router', 'cliproxyapi', 'ccproxy'] as const;
export type ImportFormat = (typeof importFormats)[number];
