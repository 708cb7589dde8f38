/** How a vendor answers that repeats whatever it was sent; the word stands in the prompt. */
export const echoes = [
  'fine',
  'echo400',
  'echolate',
  'cut',
  'echohtml',
  'echostream',
  'echo200',
  'echo500',
  'echo429',
  'echo403',
  'echo401',
] as const;

export interface Echo {
  readonly url: string;
  /** Everything that was sent to it. */
  seen(): string;
  stop(): Promise<void>;
}

/** A vendor on loopback that speaks all four protocols, and repeats keys, headers and bodies in its errors. */
export function startEcho(reply: string): Echo {
  let seen = '';
  let calls = 0;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const body = await request.text();
      const head = JSON.stringify([...request.headers]);
      seen += head + body;
      // What is cut to a length somewhere begins with either.
      const all = calls++ % 2 === 0 ? `${head} ${body}` : `${body} ${head}`;
      if (request.method === 'GET')
        return Response.json({ data: [{ id: 'm' }], models: [{ name: 'models/m' }] });
      const how = /\b(?:echo[a-z]*\d*|fine|cut)\b/.exec(body)?.[0] ?? 'fine';
      const status = Number(/\d+$/.exec(how)?.[0] ?? 200);
      // Codes are short words where they are real; a vendor may put anything there.
      const error = { message: `you sent ${all}`, type: 'error', code: all.slice(0, 2000), param: all };
      if (how.startsWith('echo4') || how === 'echo500' || how === 'echo200') {
        return Response.json(
          { error, type: 'error' },
          { status, headers: { 'x-request-id': all.slice(0, 500) } },
        );
      }
      if (how === 'echohtml') return new Response(`<html>${all}`, { status: 502 });
      const isStream = /"stream":\s*true/.test(body) || pathname.includes('streamGenerate');
      const events = repliesTo(pathname, reply);
      if (!isStream && how === 'fine') return Response.json(events.whole);
      const failure = `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`;
      const texts =
        how === 'echostream' ? [failure] : how === 'echolate' ? [events.first, failure] : [events.first];
      return new Response(texts.join(''), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { url: server.url.origin, seen: () => seen, stop: () => server.stop(true) };
}

function repliesTo(path: string, reply: string): { whole: unknown; first: string } {
  const event = (data: { type?: string }): string =>
    `${data.type ? `event: ${data.type}\n` : ''}data: ${JSON.stringify(data)}\n\n`;
  if (path.endsWith('/messages')) {
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', stop_sequence: null };
    const usage = { input_tokens: 1, output_tokens: 1 };
    const whole = { ...message, content: [{ type: 'text', text: reply }], stop_reason: 'end_turn', usage };
    const first =
      event({
        type: 'message_start',
        message: { ...message, content: [], stop_reason: null, usage },
      } as object) +
      event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as object) +
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: reply } } as object);
    return { whole, first };
  }
  if (path.includes('/models/')) {
    const whole = {
      candidates: [{ content: { role: 'model', parts: [{ text: reply }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    };
    const first = event({
      candidates: [{ content: { role: 'model', parts: [{ text: reply }] }, index: 0 }],
    } as object);
    return { whole, first };
  }
  if (path.endsWith('/responses')) {
    const response = { id: 'r', object: 'response', created_at: 1, status: 'completed', model: 'm' };
    const content = [{ type: 'output_text', text: reply, annotations: [] }];
    const item = { id: 'i', type: 'message', role: 'assistant', status: 'completed', content };
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    const first =
      event({
        type: 'response.created',
        response: { ...response, status: 'in_progress', output: [] },
      } as object) +
      event({
        type: 'response.output_item.added',
        output_index: 0,
        item: { ...item, status: 'in_progress', content: [] },
      } as object) +
      event({
        type: 'response.content_part.added',
        output_index: 0,
        item_id: 'i',
        content_index: 0,
        part: { ...content[0], text: '' },
      } as object) +
      event({
        type: 'response.output_text.delta',
        output_index: 0,
        item_id: 'i',
        content_index: 0,
        delta: reply,
      } as object);
    return { whole: { ...response, output: [item], usage }, first };
  }
  const chat = { id: 'c', created: 1, model: 'm' };
  const whole = {
    ...chat,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: reply }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
  const first = event({
    ...chat,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { role: 'assistant', content: reply }, finish_reason: null }],
  } as object);
  return { whole, first };
}
