/** The least a relay in Bun can do: reads the request whole, splices the model's name, passes the reply on. */
const upstreamUrl = process.argv[2] ?? '';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const text = await request.text();
    const start = text.indexOf('"model":"') + 9;
    const end = text.indexOf('"', start);
    const model = text.slice(start, end);
    const body = text.slice(0, start) + model.slice(model.indexOf('/') + 1) + text.slice(end);
    const upstream = await fetch(upstreamUrl + new URL(request.url).pathname, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', authorization: 'Bearer test' },
      signal: request.signal,
    });
    return new Response(upstream.body, {
      status: upstream.status,
      headers: { 'content-type': upstream.headers.get('content-type') ?? '' },
    });
  },
});

process.send!({ port: server.port });
