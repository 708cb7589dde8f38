import { createServer } from 'node:http';

/** An address on this machine that a browser is sent back to. */
export interface Redirect {
  /** As the authorization server has it registered. It is listened to on 127.0.0.1 in any case. */
  readonly host: '127.0.0.1' | 'localhost';
  /** 0 takes any free one; some servers accept only the one that is registered. */
  readonly port: number;
  readonly path: string;
}

/** As a URL, once the port is known. */
export const redirectUri = ({ host, port, path }: Redirect): string => `http://${host}:${port}${path}`;

/** Waits on this machine for the browser to come back from a login. */
export interface LoopbackReceiver {
  /** Where the browser is to be sent. */
  readonly redirectUri: string;
  /** The address that it came back to, query included. */
  readonly answer: Promise<string>;
  close(): void;
}

const page = (text: string): string =>
  `<!doctype html><meta charset="utf-8"><title>Dragoman</title><body style="font:16px system-ui;margin:4em"><p>${text}`;

/** Listens for one visit with a `code` or an `error`. Rejects when the port is in use. */
export function receiveOnLoopback(redirect: Redirect): Promise<LoopbackReceiver> {
  return new Promise((ready, failed) => {
    let answered: (url: string) => void;
    const answer = new Promise<string>((done) => (answered = done));
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const isAnswer = url.searchParams.has('code') || url.searchParams.has('error');
      const headers = {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        connection: 'close',
      };
      if (request.method !== 'GET' || url.pathname !== redirect.path || !isAnswer) {
        response.writeHead(404, headers).end(page('There is nothing here.'));
        return;
      }
      response
        .writeHead(200, headers)
        .end(page('Thank you. You can close this page and go back to the terminal.'));
      answered(url.href);
    });
    server.once('error', failed);
    server.listen(redirect.port, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      ready({
        redirectUri: redirectUri({ ...redirect, port }),
        answer,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
