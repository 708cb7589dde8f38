/** The backend's side of a WebSocket: one turn at a time, which may go on from the last one of its connection. */
import type { Server, ServerWebSocket, WebSocketHandler } from 'bun';
import { failure, quotaHeaders, type Backend } from './backend.ts';
import { bodyFaults, frameFaults, upgradeFaults } from './rules.ts';
import { replies } from './replies.ts';

type Json = Record<string, unknown>;

/** What a connection knows. */
export interface Wire {
  readonly number: number;
  readonly upgrade: Headers;
  readonly token: string;
  readonly account: string;
  last?: { readonly id: string; readonly items: readonly unknown[]; readonly rest: string };
  busy: boolean;
}

/** Answers that only a connection can give: to be cut before any frame, or these frames and no more. */
export type SocketAnswer = 'cut' | { readonly frames: readonly (Json | string)[]; readonly endsIn?: 'cut' };

interface Turns {
  /** The reply with an id of its own. */
  readonly numbered: (reply: string) => string;
  readonly turnState: () => string;
}

export function socketSide(at: () => Backend, turns: Turns) {
  let opened = 0;

  function upgrade(request: Request, server: Server<Wire>): Response | undefined {
    const backend = at();
    const refusal = backend.upgrades.shift();
    if (refusal !== undefined) return refusal;
    const { headers } = request;
    const token = headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
    const account = backend.tokens.get(token);
    if (account === undefined) return failure(401, { message: 'expired', code: 'token_expired' });
    if (headers.get('chatgpt-account-id') !== account) return failure(403, { message: 'not yours' });
    const faults = upgradeFaults(headers);
    if (faults.length > 0 && !backend.lenient) {
      backend.faults.push(...faults);
      return failure(400, { message: faults[0]! });
    }
    const data: Wire = { number: ++opened, upgrade: new Headers(headers), token, account, busy: false };
    server.upgrade(request, { data });
    return undefined;
  }

  async function turn(socket: ServerWebSocket<Wire>, text: string): Promise<void> {
    const backend = at();
    const wire = socket.data;
    const tell = (event: Json) => socket.send(JSON.stringify(event));
    const refuse = (status: number, error: Json, more: Json = {}) => {
      wire.last = undefined;
      tell({ type: 'error', status, error, ...more });
    };
    const frame = JSON.parse(text) as Json;
    if (!backend.tokens.has(wire.token)) {
      refuse(401, { message: 'Provided authentication token is expired.', code: 'token_expired' });
      return;
    }
    const { type: _, previous_response_id: previous, generate, ...own } = frame;
    if (previous !== undefined && previous !== wire.last?.id) {
      refuse(400, {
        type: 'invalid_request_error',
        code: 'previous_response_not_found',
        message: `Previous response with id '${previous}' not found.`,
        param: 'previous_response_id',
      });
      return;
    }
    const items = [...(previous === undefined ? [] : wire.last!.items), ...((own.input as unknown[]) ?? [])];
    const body: Json = { ...own, input: items };
    const headers = effectiveHeaders(wire.upgrade, body);
    const { account, number: connection } = wire;
    // A turn that only warms the connection asks for nothing.
    const warms = generate === false;
    if (!warms) backend.asked.push({ headers, body, account, frame, connection });
    const { input: __, client_metadata: ___, ...rest } = own;
    const restText = JSON.stringify(rest);
    const catalog = { slugs: backend.models.map(({ slug }) => String(slug)) };
    const faults = [
      ...frameFaults(frame, wire.upgrade),
      ...(previous !== undefined && wire.last!.rest !== restText ? ['More than the input has changed'] : []),
      ...(previous !== undefined && (own.input as unknown[]).length === 0 ? ['Nothing new'] : []),
      ...bodyFaults(body, headers, catalog),
    ];
    const answer = warms ? replies.nothing() : (backend.script?.(body, headers) ?? backend.answers.shift());
    if (answer instanceof Response) {
      const { error } = (await answer.json()) as { error: Json };
      refuse(answer.status, error, { headers: Object.fromEntries(answer.headers) });
      return;
    }
    if (answer === 'cut') {
      socket.terminate();
      return;
    }
    if (faults.length > 0 && !backend.lenient) {
      backend.faults.push(...faults);
      wire.last = undefined;
      tell({ type: 'error', status: 400, detail: faults[0]! });
      return;
    }
    wire.last = undefined;
    const given = typeof answer === 'object' ? answer : undefined;
    const isReset = answer === 'reset';
    if (given === undefined && !warms) {
      tell(limitsEvent());
      tell({ type: 'response.metadata', headers: { 'x-codex-turn-state': turns.turnState() } });
    }
    const compacts = items.some((item) => (item as Json).type === 'compaction_trigger');
    const usual = compacts ? replies.compaction() : replies.text();
    const events =
      given?.frames.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))) ??
      turns
        .numbered(typeof answer === 'string' && !isReset ? answer : usual)
        .split('\n')
        .flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
    const output: unknown[] = [];
    for (const text of isReset ? events.slice(0, 3) : events) {
      const event = (text.startsWith('{') ? JSON.parse(text) : {}) as Json;
      if (event.type === 'response.output_item.done') output.push(event.item);
      if (event.type === 'response.completed') {
        const { id } = event.response as { id: string };
        wire.last = { id, items: [...items, ...output], rest: restText };
      }
      if (backend.paceMs > 0) await Bun.sleep(backend.paceMs);
      socket.send(text);
    }
    if (isReset || given?.endsIn === 'cut') {
      await Bun.sleep(5);
      socket.terminate();
    }
  }

  const websocket: WebSocketHandler<Wire> = {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: true,
    open(socket) {
      at().connections.add(socket);
      socket.ping('still there?');
    },
    pong() {
      at().pongs++;
    },
    close(socket) {
      at().connections.delete(socket);
    },
    async message(socket, message) {
      if (typeof message !== 'string' || socket.data.busy) {
        at().faults.push(socket.data.busy ? 'Two turns at once' : 'A binary frame');
        socket.terminate();
        return;
      }
      socket.data.busy = true;
      await turn(socket, message);
      socket.data.busy = false;
    },
  };

  return { upgrade, websocket };
}

/** What the backend knows of a turn: the frame's own words go before those of the upgrade, which were another turn's. */
function effectiveHeaders(upgrade: Headers, body: Json): Headers {
  const headers = new Headers(upgrade);
  for (const name of upgrade.keys())
    if (/^(?:openai-beta|version|upgrade|sec-websocket-.*)$/.test(name)) headers.delete(name);
  const metadata = (body.client_metadata ?? {}) as Record<string, string>;
  const put = (name: string, value: string | undefined) =>
    value === undefined ? headers.delete(name) : headers.set(name, value);
  const blob = metadata['x-codex-turn-metadata'];
  put('x-codex-turn-metadata', blob?.replace(/[^\x20-\x7e]/g, '?'));
  put('x-codex-window-id', metadata['x-codex-window-id']);
  put('x-codex-turn-state', metadata['x-codex-turn-state']);
  put(
    'x-openai-internal-codex-responses-lite',
    metadata['ws_request_header_x_openai_internal_codex_responses_lite'],
  );
  return headers;
}

function limitsEvent(): Json {
  const headers = quotaHeaders();
  const window = (name: string) => ({
    used_percent: Number(headers[`x-codex-${name}-used-percent`]),
    window_minutes: Number(headers[`x-codex-${name}-window-minutes`]),
    reset_at: Number(headers[`x-codex-${name}-reset-at`]),
  });
  return {
    type: 'codex.rate_limits',
    plan_type: 'plus',
    rate_limits: {
      allowed: true,
      limit_reached: false,
      primary: window('primary'),
      secondary: window('secondary'),
    },
    credits: { has_credits: false, unlimited: false, balance: null },
  };
}
