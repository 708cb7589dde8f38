import { eventually } from '../support/eventually.ts';

/** What one call used, as its upstream stated it. */
export interface Stated {
  fresh: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

/** How a call goes; it stands in the prompt. */
export type Course = 'whole' | 'plain' | 'failed' | 'cut' | 'held' | 'overloaded' | 'refused';

/**
 * Two vendors on loopback that count every token they state, by account: `/v1/messages` in Anthropic's words, and
 * `/v1/chat/completions` in OpenAI's.
 */
export interface CountingVendor {
  readonly url: string;
  /** So many calls are waited for before any of them is answered. */
  together: number;
  /** How long it thinks before it answers. */
  thinkMs: number;
  readonly stated: ReadonlyMap<string, Stated>;
  /** Calls that were begun and neither ended nor left. */
  readonly open: number;
  /** The most that were open at a time. */
  readonly openMax: number;
  readonly calls: number;
  /** Breaks the connection of the call whose prompt has `turn=` with this number, half way. */
  cut(turn: number): void;
  stop(): Promise<void>;
}

export function startCountingVendor(): CountingVendor {
  const stated = new Map<string, Stated>();
  let open = 0;
  let openMax = 0;
  let calls = 0;
  const cuts = new Map<number, PromiseWithResolvers<void>>();

  const state = (account: string, more: Partial<Stated>): void => {
    const sum = stated.get(account) ?? { fresh: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
    for (const [name, count] of Object.entries(more)) sum[name as keyof Stated] += count;
    stated.set(account, sum);
  };

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const { headers } = request;
      const account = headers.get('x-api-key') ?? headers.get('authorization')?.slice('Bearer '.length) ?? '';
      const body = await request.text();
      const course = /course=([a-z]+)/.exec(body)![1] as Course;
      const call = ++calls;
      // Odd numbers, so that nothing adds up by chance.
      const used = {
        fresh: 101 + call,
        cacheRead: 1000 + 3 * call,
        cacheWrite: 7 + (call % 5),
        output: 40 + call,
      };
      openMax = Math.max(openMax, ++open);
      await eventually(() => openMax >= vendor.together);
      if (vendor.thinkMs > 0) await Bun.sleep(vendor.thinkMs);
      const isMessages = new URL(request.url).pathname === '/v1/messages';
      const isFirst = account === 'first';
      if (course === 'refused' && isFirst) return ended(refusal(529, 'overloaded_error'));
      if (course === 'plain') {
        state(account, isMessages ? used : chatUsed(used));
        return ended(Response.json(isMessages ? message(used) : completion(used)));
      }
      const events = isMessages ? messageEvents(used, course, isFirst) : chatEvents(used, course);
      const cut = Promise.withResolvers<void>();
      cuts.set(Number(/turn=(\d+)/.exec(body)?.[1]), cut);
      return new Response(stream(events, course, account, request.signal, cut.promise), {
        headers: { 'content-type': 'text/event-stream' },
      });
    },
  });

  function ended(response: Response): Response {
    open--;
    return response;
  }

  function stream(
    events: Event[],
    course: Course,
    account: string,
    signal: AbortSignal,
    cut: Promise<void>,
  ): ReadableStream {
    const encoder = new TextEncoder();
    let isOpen = true;
    const end = (): void => {
      if (isOpen) open--;
      isOpen = false;
    };
    signal.addEventListener('abort', end);
    return new ReadableStream({
      async pull(controller) {
        const event = events.shift();
        if (event === undefined) {
          if (course === 'held')
            return new Promise<void>((done) => signal.addEventListener('abort', () => done()));
          // What was written must be read before the connection breaks.
          if (course === 'cut') await cut;
          end();
          if (course === 'cut') controller.error(new Error('cut'));
          else controller.close();
          return;
        }
        if (event.states) state(account, event.states);
        const name = event.name === undefined ? '' : `event: ${event.name}\n`;
        const data = typeof event.data === 'string' ? event.data : JSON.stringify(event.data);
        controller.enqueue(encoder.encode(`${name}data: ${data}\n\n`));
      },
      cancel: end,
    });
  }

  const vendor: CountingVendor = {
    url: server.url.origin,
    together: 0,
    thinkMs: 0,
    stated,
    get open() {
      return open;
    },
    get openMax() {
      return openMax;
    },
    get calls() {
      return calls;
    },
    cut: (turn) => cuts.get(turn)?.resolve(),
    stop: () => server.stop(true),
  };
  return vendor;
}

interface Event {
  readonly name?: string;
  readonly data: unknown;
  /** What this event states for the first time. */
  readonly states?: Partial<Stated>;
}

type Used = Omit<Stated, 'reasoning'>;

const messageUsage = ({ fresh, cacheRead, cacheWrite }: Used, output: number) => ({
  input_tokens: fresh,
  cache_read_input_tokens: cacheRead,
  cache_creation_input_tokens: cacheWrite,
  output_tokens: output,
});

const message = (used: Used) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-4-6',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: messageUsage(used, used.output),
});

/** Counts are stated at the beginning, in the middle and at the end, each for the whole reply so far. */
function messageEvents(used: Used, course: Course, isFirst: boolean): Event[] {
  const { output, ...input } = used;
  const failure = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
  const begin: Event = {
    name: 'message_start',
    data: {
      type: 'message_start',
      message: { ...message(used), content: [], stop_reason: null, usage: messageUsage(used, 3) },
    },
    states: { ...input, output: 3 },
  };
  if (course === 'overloaded' && isFirst) return [begin, { name: 'error', data: failure }];
  const text = (words: string): Event => ({
    name: 'content_block_delta',
    data: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: words } },
  });
  const counted = (tokens: number, more: number, stop: string | null): Event => ({
    name: 'message_delta',
    data: { type: 'message_delta', delta: { stop_reason: stop }, usage: { output_tokens: tokens } },
    states: { output: more },
  });
  const half: Event[] = [
    begin,
    {
      name: 'content_block_start',
      data: { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    },
    text('Hello'),
    counted(17, 14, null),
    text(' half'),
  ];
  if (course === 'held' || course === 'cut') return half;
  if (course === 'failed') return [...half, { name: 'error', data: failure }];
  return [
    ...half,
    { name: 'content_block_stop', data: { type: 'content_block_stop', index: 0 } },
    counted(output, output - 17, 'end_turn'),
    { name: 'message_stop', data: { type: 'message_stop' } },
  ];
}

/** OpenAI's prompt tokens hold those of the cache, and nothing is written to one. */
const chatUsed = ({ fresh, cacheRead, output }: Used) => ({
  fresh,
  cacheRead,
  output: output - 9,
  reasoning: 9,
});

const chatUsage = ({ fresh, cacheRead, output }: Used) => ({
  prompt_tokens: fresh + cacheRead,
  completion_tokens: output,
  total_tokens: fresh + cacheRead + output,
  prompt_tokens_details: { cached_tokens: cacheRead },
  completion_tokens_details: { reasoning_tokens: 9 },
});

const completion = (used: Used) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-5.4',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: chatUsage(used),
});

/** Counted at the very end only. */
function chatEvents(used: Used, course: Course): Event[] {
  const chunk = (delta: unknown, finish: string | null = null): Event => ({
    data: {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'gpt-5.4',
      choices: [{ index: 0, delta, finish_reason: finish }],
    },
  });
  const half = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hello half' })];
  if (course !== 'whole') return half;
  const last: Event = {
    data: { ...(chunk({}).data as object), choices: [], usage: chatUsage(used) },
    states: chatUsed(used),
  };
  return [...half, chunk({}, 'stop'), last, { data: '[DONE]' }];
}

const refusal = (status: number, type: string): Response =>
  Response.json({ type: 'error', error: { type, message: 'no' } }, { status });
