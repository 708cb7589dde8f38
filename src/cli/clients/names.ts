/** The clients that can be set up, as `dragoman setup` calls them. */
export const clientNames = ['claude-code', 'codex', 'opencode', 'gemini'] as const;

export type ClientName = (typeof clientNames)[number];

/** The same by the programs that `dragoman run` starts. */
export const programs: Readonly<Record<string, ClientName>> = {
  claude: 'claude-code',
  codex: 'codex',
  opencode: 'opencode',
  gemini: 'gemini',
};
