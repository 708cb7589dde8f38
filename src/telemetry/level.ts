/** How severe a log line is, least first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
