import { z } from 'zod';
import { openaiResponses } from '../../protocols/openai-responses/index.ts';
import type { SurfaceContext } from '../../protocols/protocol.ts';
import { FailureError, type Failure } from '../../turn/failure.ts';
import type { JsonObject } from '../../turn/json.ts';
import { replyFold } from '../../turn/reply.ts';
import type { Provider, ProviderKind, WireRequest } from '../provider.ts';
import { demoModels, hash } from './replies.ts';

const configSchema = z.strictObject({
  name: z.string(),
  type: z.literal('demo'),
  pace_ms: z.number().min(0).max(10_000).default(20).describe('Pause between two words'),
});

export type DemoConfig = z.infer<typeof configSchema>;

/**
 * Models that need no account: they stream, call the client's tools and reason, always the same way. They speak
 * Responses on a wire of their own, so that clients of every protocol go through the same lanes as with a real
 * upstream.
 */
export const demo: ProviderKind<DemoConfig> = {
  type: 'demo',
  configSchema,
  create(config): Provider {
    const models = Object.keys(demoModels).map((id) => ({ id, ownedBy: 'dragoman' }));
    return {
      name: config.name,
      type: config.type,
      protocols: () => ['openai-responses'],
      abilities: () => ({}),
      configured: models,
      accounts: [],
      anonymous: true,
      forgets: true,
      readsAnySeal: true,
      discover: async () => models,
      prepare: (call) => ({ url: 'demo:', headers: {}, body: call.body }),
      send: async (request, signal) => respond(request, config.pace_ms, signal),
    };
  },
};

/** Unix seconds of every demo reply: a fixed day keeps the bytes the same. */
const createdSeconds = 1_767_225_600;
const encoder = new TextEncoder();

function respond(request: WireRequest, paceMs: number, signal: AbortSignal): Response {
  const text = typeof request.body === 'string' ? request.body : new TextDecoder().decode(request.body);
  try {
    const body = JSON.parse(text) as JsonObject;
    const turn = openaiResponses.decodeRequest(body);
    const id = `resp_${hash(text)}`;
    const context: SurfaceContext = {
      requestId: id,
      createdSeconds,
      model: turn.model,
      includeUsage: true,
      body,
    };
    const events = demoModels[turn.model]!(turn, id);
    if (turn.delivery.stream) {
      const out = openaiResponses.streamEncoder(context);
      const frames = events.map((event) => out.encode(event)).concat(out.end());
      return new Response(
        paced(
          frames.filter((frame) => frame !== ''),
          paceMs,
          signal,
        ),
        {
          headers: { 'content-type': 'text/event-stream' },
        },
      );
    }
    const fold = replyFold();
    for (const event of events) fold.push(event);
    return Response.json(openaiResponses.encodeResult(fold.reply(), context).body);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return refusal(error.failure);
  }
}

const refusal = (failure: Failure): Response =>
  Response.json(openaiResponses.encodeFailure(failure, 'demo'), { status: failure.status });

/** The frames one after another with a pause between them; stops when nobody listens any more. */
function paced(frames: readonly string[], paceMs: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (next > 0 && paceMs > 0) await new Promise((done) => setTimeout(done, paceMs));
        if (signal.aborted) return controller.error(signal.reason);
        const frame = frames[next++];
        if (frame === undefined) controller.close();
        else controller.enqueue(encoder.encode(frame));
      },
    },
    { highWaterMark: 0 },
  );
}
