import { connect } from 'node:net';

/** Writes bytes to a server as they are, and reads what comes until it closes or is silent for `idleMs`. */
export function sendRaw(url: string, text: string, idleMs = 1_500): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    let got = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    const end = (): void => {
      socket.destroy();
      done(got);
    };
    socket.setTimeout(idleMs, end);
    socket.on('data', (bytes) => (got += bytes.toString('latin1')));
    socket.on('close', end);
    socket.on('error', end);
  });
}

/** The status lines of all answers on a connection. */
export const statusesIn = (text: string): number[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
