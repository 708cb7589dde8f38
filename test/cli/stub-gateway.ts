import type { Gateway, GatewayOptions } from '../../src/gateway.ts';
import { recordTo, startRecord } from '../../src/telemetry/record.ts';
import { kinds } from '../config/kinds.ts';

/**
 * A gateway that only holds streams open, so that the command line is tested by itself: `/hold` streams until it
 * is cut, `/hold?ms=…` ends by itself, `/metrics` is the real text.
 */
export function stubGateway(): {
  createGateway(options: GatewayOptions): Gateway;
  providerSchemas: typeof kinds;
  stops: number[];
} {
  const stops: number[] = [];
  return {
    stops,
    providerSchemas: kinds,
    createGateway({ config, recorder = recordTo(), metrics = () => '' }) {
      let server: ReturnType<typeof Bun.serve> | undefined;
      const answer = (request: Request): Response => {
        const url = new URL(request.url);
        if (url.pathname === '/metrics') return new Response(metrics());
        recorder.record(
          startRecord({
            requestId: 'req_1',
            surface: 'stub',
            method: request.method,
            route: '/hold',
            startedMs: 0,
            status: 200,
            outcome: 'ok',
          }),
        );
        const ms = Number(url.searchParams.get('ms') ?? 60_000);
        const body = new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode('begun\n'));
            await Bun.sleep(ms);
            controller.enqueue(new TextEncoder().encode('ended\n'));
            controller.close();
          },
        });
        return new Response(body);
      };
      return {
        fetch: answer,
        listen({ host, port }) {
          server = Bun.serve({ hostname: host, port, idleTimeout: 0, fetch: answer });
          return { url: `http://${host}:${server.port}` };
        },
        websocket: { message() {} },
        reload: () => [],
        provider: () => undefined,
        async models() {
          const models = config.providers.map(({ name }) => ({ id: 'm\u001b[31m1', provider: name }));
          return { models, failed: config.providers.some(({ name }) => name === 'down') ? ['down'] : [] };
        },
        async stop({ drainMs }) {
          stops.push(drainMs);
          await Promise.race([server?.stop(), Bun.sleep(drainMs).then(() => server?.stop(true))]);
        },
      };
    },
  };
}
