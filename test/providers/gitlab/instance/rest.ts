/** The REST services of an instance: code suggestions and chat. */
import type { TokenOffice } from './accounts.ts';
import { refuse, type RefusalName } from './words.ts';

type Body = Record<string, unknown>;

export function restServices(office: TokenOffice) {
  const services = {
    /** Bodies that were let through, with the service that they were for. */
    asked: [] as { service: string; body: Body }[],
    refusals: [] as RefusalName[],
    /** The pieces of the next answers. */
    pieces: ['\ndef add(a, ', 'b):\n    return ', 'a + b\n'],
    /** Old services stream bare text. */
    plain: false,
    /** The stream ends without its end. */
    cut: false,
    /** The stream waits before its second piece. */
    hold: Promise.resolve() as Promise<unknown>,
    chatIsOpen: true,

    async suggestions(request: Request): Promise<Response> {
      const { body, refused } = await enter(request);
      if (refused) return refused;
      const file = body.current_file as Body | undefined;
      const above = file?.content_above_cursor;
      const isValid =
        typeof file?.file_name === 'string' &&
        typeof above === 'string' &&
        above.length <= 400_000 &&
        typeof file.content_below_cursor === 'string' &&
        body.intent === 'generation' &&
        body.generation_type === 'small_file' &&
        ((body.context ?? []) as Body[]).every(({ type }) => type === 'snippet' || type === 'file');
      if (!isValid) return Response.json({ error: 'current_file is missing' }, { status: 400 });
      services.asked.push({ service: 'code-suggestions', body });
      if (body.stream !== true) {
        const text = services.pieces.join('');
        return Response.json({
          choices: text === '' ? [] : [{ text, index: 0, finish_reason: 'length' }],
          metadata: { model: { engine: 'agent', name: 'Code Generations Agent' }, timestamp: 1 },
        });
      }
      const isEvents = !services.plain && request.headers.get('x-supports-sse-streaming') === 'true';
      return new Response(stream(isEvents), {
        headers: { 'content-type': 'text/event-stream', ...(isEvents && { 'x-streaming-format': 'sse' }) },
      });
    },

    async chat(request: Request): Promise<Response> {
      const { body, refused } = await enter(request);
      if (refused) return refused;
      if (!services.chatIsOpen) return refuse('rest/chat.disabled.404');
      const { content } = body;
      if (typeof content !== 'string' || content.length > 1000)
        return Response.json({ error: 'content is too long' }, { status: 400 });
      services.asked.push({ service: 'chat', body });
      return Response.json('A mutex is a lock.', { status: 201 });
    },
  };

  async function enter(request: Request): Promise<{ body: Body; refused?: Response }> {
    const known = office.whose(request, ['api', 'ai_features']);
    if (known instanceof Response) return { body: {}, refused: known };
    const refusal = services.refusals.shift();
    if (refusal !== undefined) return { body: {}, refused: refuse(refusal) };
    const text = await request.text();
    if (text.length > 600_000) return { body: {}, refused: refuse('rest/code-suggestions.too-large.413') };
    return { body: JSON.parse(text) as Body };
  }

  /** As the gateway's library writes events: with CRLF, and comments between them. */
  async function* frames(isEvents: boolean): AsyncGenerator<string> {
    const event = (name: string, data: unknown) => `event: ${name}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`;
    if (isEvents) yield event('stream_start', { metadata: { model: { engine: 'agent' }, timestamp: 1 } });
    for (const [i, piece] of services.pieces.entries()) {
      if (i === 1) await services.hold;
      if (isEvents && i === 1) yield ': ping - 2026-02-24 12:00:00.000000+00:00\r\n\r\n';
      yield isEvents ? event('content_chunk', { choices: [{ delta: { content: piece }, index: 0 }] }) : piece;
    }
    if (isEvents && !services.cut) yield event('stream_end', null);
  }

  function stream(isEvents: boolean): ReadableStream<Uint8Array> {
    const source = frames(isEvents);
    const encoder = new TextEncoder();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await source.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
    });
  }

  return services;
}

export type RestServices = ReturnType<typeof restServices>;
