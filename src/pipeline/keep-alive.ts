import type { Failure } from '../turn/failure.ts';
import { sourceOf } from './byte-source.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import type { IdleWatch, Slot } from './idle-watch.ts';
import { eventStream, ownHeaders, streamHeaders } from './reply-headers.ts';
import type { ByteSink } from './relay.ts';

/** After so many silent stretches a stream is begun though no upstream has answered yet: a minute, at 15 s each. */
const unansweredPulses = 4;

/**
 * A reply, or where no upstream answers for long a stream that is begun without one and keeps the client waiting. Nothing of a reply
 * is in it until one comes, so that other accounts may still be tried; from then on a failure is told in the stream,
 * as its status has gone. Where a client can be told something before its reply, nothing is begun.
 */
export function keptAlive(
  deps: PipelineDeps,
  inbound: Inbound,
  keepAlive: Uint8Array,
  reply: Promise<Response>,
): Promise<Response> {
  const { watch } = deps;
  return new Promise((done, failed) => {
    let silent = 0;
    const slot = watch.start(
      () => {},
      () => {
        stillWaits(watch, slot);
        if (inbound.tell !== undefined) return inbound.tell(keepAlive);
        if (++silent < unansweredPulses || inbound.record.stream !== true) return;
        watch.stop(slot);
        done(begun(deps, inbound, keepAlive, reply));
      },
    );
    reply.then(
      (response) => {
        watch.stop(slot);
        done(response);
      },
      (error: unknown) => {
        watch.stop(slot);
        failed(error);
      },
    );
  });
}

/** However long it takes: each try has a watch of its own. */
function stillWaits(watch: IdleWatch, slot: Slot): void {
  watch.touch(slot);
  watch.sent(slot);
}

/** A stream that is begun before there is a reply. */
function begun(
  deps: PipelineDeps,
  inbound: Inbound,
  keepAlive: Uint8Array,
  reply: Promise<Response>,
): Response {
  const { record } = inbound;
  record.status = 200;
  record.headersMs = performance.now();
  const headers = { ...ownHeaders(inbound, eventStream), ...streamHeaders(deps.nowMs()) };
  // Who will serve it is not known yet.
  delete headers['dragoman-provider'];
  delete headers['dragoman-model'];
  const pull = (controller: ByteSink): Promise<void> =>
    fill(controller, deps, inbound, keepAlive, reply).catch(() => {
      // Writing can only fail because the client has left, which its request's signal tells the reply.
    });
  const body = new ReadableStream({ type: 'direct', pull } as unknown as UnderlyingDefaultSource<Uint8Array>);
  return new Response(body, { status: 200, headers });
}

async function fill(
  controller: ByteSink,
  { watch }: PipelineDeps,
  inbound: Inbound,
  keepAlive: Uint8Array,
  reply: Promise<Response>,
): Promise<void> {
  // A client that has left is told of by its request's signal, not here.
  const tell = (): void => {
    try {
      const write = controller.write(keepAlive);
      if (write instanceof Promise) write.catch(() => {});
    } catch {
      watch.stop(slot);
    }
  };
  const slot = watch.start(
    () => {},
    () => {
      stillWaits(watch, slot);
      tell();
    },
  );
  tell();
  let response: Response;
  try {
    response = await reply;
  } finally {
    watch.stop(slot);
  }
  if (response.headers.get('content-type') === eventStream) await pass(response, controller);
  else controller.write(failureText(inbound));
  controller.close();
}

async function pass({ body }: Response, controller: ByteSink): Promise<void> {
  const source = sourceOf(body);
  for (;;) {
    const { value, done } = await source.read();
    if (value !== undefined && value.length > 0) {
      const write = controller.write(value);
      if (write instanceof Promise) await write;
    }
    if (done) return;
  }
}

const encoder = new TextEncoder();

/** A refusal that would have been an answer of its own. */
function failureText({ surface, record, requestId }: Inbound): Uint8Array {
  const failure: Failure = { ...untold, ...record.failure };
  return encoder.encode(surface.failureFrames(failure, { requestId, lastData: undefined }));
}

const untold: Failure = {
  kind: 'internal',
  scope: 'gateway',
  status: 500,
  message: 'the gateway failed to carry this request; its log has the cause',
  retryable: false,
};
