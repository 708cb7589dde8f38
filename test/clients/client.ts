import { join } from 'node:path';
import type { ProtocolId } from '../../src/turn/part.ts';

/** What a client is asked to do: bring the text of a file into another, with a tool of its own. */
export interface Task {
  readonly folder: string;
  /** The client's `HOME`, empty at its start. */
  readonly home: string;
  /** The gateway's address, no slash at the end. */
  readonly gateway: string;
  /** The provider that the gateway is to ask, and its model. */
  readonly provider: string;
  readonly model: string;
  /** The random text in `hello.txt`, which is to end up in `seen.txt`. */
  readonly secret: string;
  /** What to ask instead of the client's own question. */
  readonly prompt?: string;
  /** The client tries again as often as it does by itself; otherwise hardly, so that a fault shows. */
  readonly retries?: boolean;
}

/** How a client is started: its arguments, and what it wants in its environment beside `PATH`, `HOME` and `TMPDIR`. */
export interface Command {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What is said to a client that goes on with its session, and is said again by its model. */
export const secondWords = 'And what did we find?';

/** A second run in the same home, which goes on with the session of the first. */
export interface SecondRun {
  command(task: Task): Command;
  /** What is wrong with the requests that reached the upstream: their bodies, in order. */
  faults(bodies: readonly string[], secret: string): readonly string[];
}

/** A real client, as a user runs it without a terminal. */
export interface Client {
  readonly name: string;
  /** What it speaks to the gateway. */
  readonly protocol: ProtocolId;
  /** The program to start, first argument first; a path that is missing is reported. */
  readonly program: readonly string[];
  /** The model to ask for, where it is not the plain one that calls tools. */
  readonly model?: string;
  /** Its tool that runs a command; what runs patches only has none. */
  readonly shellTool?: string;
  prepare?(task: Task): void;
  /** What the tool's result must hold; the file's text unless the tool does not print it. */
  result?(task: Task): string;
  command(task: Task): Command;
  readonly again?: SecondRun;
  /** Turns are to come over a WebSocket, every one. */
  readonly overSocket?: boolean;
  /** What of its model's thoughts the client itself does not send back: all of them, or what seals their text. */
  readonly forgets?: 'thoughts' | 'seals';
}

/** Where `npm ci --prefix test/clients` puts the clients. */
export const modules = join(import.meta.dir, 'node_modules');

/** Reads the file and leaves a copy behind: an effect that no reply can pretend. */
export const shellCommand = 'cat hello.txt && cp hello.txt seen.txt';

/** The demo model calls the tool that is named and takes what stands between backticks for its arguments. */
export const shellPrompt = (tool: string, ...more: string[]): string =>
  `Use the ${tool} tool with ${[shellCommand, ...more].map((word) => `\`${word}\``).join(' and ')}, then tell me what it says.`;
