/** A small gateway that does nothing but pass on, and does one thing wrong. */
export type Flaw =
  | 'none'
  | 'reads each piece as text of its own'
  | 'waits for the whole reply'
  | 'reads on when the client has left'
  | 'ends a broken reply as if it were whole'
  | 'answers a refusal with 200'
  | 'forgets how long to wait';

/** Passes every request on to `url`. `ending` is what it writes behind a reply that broke off. */
export function startRelay(url: string, flaw: Flaw, ending = ''): { url: string; stop(): Promise<void> } {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const response = await fetch(url + pathname + search, {
        method: request.method,
        headers: { 'content-type': 'application/json' },
        body: await request.text(),
        signal: flaw === 'reads on when the client has left' ? undefined : request.signal,
      });
      const headers = new Headers(response.headers);
      if (flaw === 'forgets how long to wait') headers.delete('retry-after');
      const status = flaw === 'answers a refusal with 200' ? 200 : response.status;
      return new Response(bodyOf(response, flaw, ending), { status, headers });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

/** What is read for nobody must not be closed by the garbage collector. */
const reading = new Set<unknown>();

function bodyOf(response: Response, flaw: Flaw, ending: string): ReadableStream<Uint8Array> | null {
  if (!response.body || flaw === 'none') return response.body;
  const reader = response.body.getReader();
  reading.add(reader);
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      let text = '';
      try {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          if (flaw === 'waits for the whole reply') text += new TextDecoder().decode(piece.value);
          else if (flaw === 'reads each piece as text of its own') {
            controller.enqueue(encoder.encode(new TextDecoder().decode(piece.value)));
          } else controller.enqueue(piece.value);
        }
      } catch (error) {
        if (flaw !== 'ends a broken reply as if it were whole') {
          controller.error(error);
          return;
        }
      }
      if (flaw === 'ends a broken reply as if it were whole') text += ending;
      controller.enqueue(encoder.encode(text));
      controller.close();
    },
  });
}
