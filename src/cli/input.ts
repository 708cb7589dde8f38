import type { Output } from './host.ts';

/** The program's input. */
export interface Input {
  readonly terminal: boolean;
  /** All of it, when it is no terminal. Throws beyond `bytesMax`. */
  text(bytesMax: number): Promise<string>;
  /** One line that a person types in answer; a hidden one is not shown on the terminal. */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string>;
}

/** What a person has given up by Ctrl-C or Ctrl-D. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';

  constructor() {
    super('given up');
  }
}

/** The input of the real program; questions go to `output`, so that results alone are on the other one. */
export const processInput = (stdin: NodeJS.ReadStream, output: Output): Input => ({
  terminal: stdin.isTTY === true,
  async text(bytesMax) {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stdin) {
      bytes += (chunk as Buffer).length;
      if (bytes > bytesMax) throw new Error(`the input is larger than ${bytesMax} bytes`);
      chunks.push(chunk as Buffer);
    }
    return Buffer.concat(chunks).toString('utf8');
  },
  async ask(question, { hidden = false } = {}) {
    // Whoever is quick must not see what they type either.
    const line = readLine(stdin, hidden);
    await output.write(question);
    const typed = await line;
    if (hidden) await output.write('\n');
    return typed;
  },
});

/** Reads keys up to Enter. Only a raw terminal keeps what is typed from being shown, and then edits nothing itself. */
function readLine(stdin: NodeJS.ReadStream, hidden: boolean): Promise<string> {
  const raw = hidden && stdin.isTTY;
  return new Promise((done, failed) => {
    const keys = lineKeys();
    const end = (): void => {
      stdin.off('data', take).off('end', left);
      if (raw) stdin.setRawMode(false);
      stdin.pause();
    };
    const left = (): void => {
      end();
      failed(new GivenUp());
    };
    const take = (chunk: Buffer | string): void => {
      const typed = keys(chunk.toString());
      if (typed === 'given up') return left();
      if (typed === undefined) return;
      end();
      done(typed.line);
    };
    if (raw) stdin.setRawMode(true);
    stdin.on('data', take).on('end', left).resume();
  });
}

/**
 * Collects what is typed, with backspace, until the line is whole. What is pasted comes as one piece, and some
 * terminals put marks around it.
 *
 * @example
 * lineKeys()('ab\x7fc\r'); // { line: 'ac' }
 */
export function lineKeys(): (keys: string) => { readonly line: string } | 'given up' | undefined {
  let line = '';
  /** Within an escape sequence, which may come in pieces: `\x1b`, or `\x1b[` and its numbers. */
  let within: 'none' | 'escape' | 'numbers' = 'none';
  return (keys) => {
    for (const key of keys) {
      if (within === 'escape') within = key === '[' ? 'numbers' : 'none';
      else if (within === 'numbers') within = /[0-9;]/.test(key) ? 'numbers' : 'none';
      else if (key === '\x1b') within = 'escape';
      else if (key === '\r' || key === '\n') return { line };
      else if (key === '\x03' || key === '\x04') return 'given up';
      else if (key === '\x7f' || key === '\b') line = line.slice(0, -1);
      else if (key >= ' ') line += key;
    }
    return undefined;
  };
}
