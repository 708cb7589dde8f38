import { memberValue, overwrite, splice, type Member } from '../protocols/json-scan.ts';
import type { EncodedRequest, Protocol, SurfaceContext } from '../protocols/protocol.ts';
import type { Route, RouteOptions } from '../routing/catalog.ts';
import { abilitiesAt } from '../routing/model-facts.ts';
import { FailureError, invalidRequest } from '../turn/failure.ts';
import type { JsonObject } from '../turn/json.ts';
import { joinNotes, noNotes, type Note } from '../turn/note.ts';
import type { TurnRequest } from '../turn/request.ts';
import { parseBody, type Asked, type Edit } from './asked.ts';
import type { Attempt } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { narrowBody, narrowBytes } from './narrow.ts';
import { nameIssuers } from './own-opaque.ts';

/** A request as it goes up, and what its reply must know of the client. */
export interface Outgoing extends Omit<EncodedRequest, 'body' | 'notes'> {
  readonly body: Uint8Array | string;
  readonly notes: readonly Note[];
  /** Usage was asked for though the client did not: the answer to that is not for the client. */
  readonly askedUsage: boolean;
  readonly context: () => SurfaceContext;
}

/** The native lane: the client's own bytes. Its context is needed only when the answer comes in another form. */
export function passOn(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  { provider, model }: Route,
): Outgoing {
  const { surface } = inbound;
  const { modelMember, byPath } = asked;
  const allowed = provider.allows?.(surface.id, model);
  const withoutModel = byPath && modelMember !== undefined && !names(body, modelMember, model);
  const { cuts, notes } =
    allowed || withoutModel ? narrowBytes(body, surface, allowed, withoutModel) : nothingCut;
  const option = surface.tap.usageOption?.member;
  const usage = allowed === undefined || allowed.has(option ?? '') ? asked.usage : undefined;
  return {
    body: nativeBody(body, asked, model, usage === undefined ? cuts : [...cuts, usage]),
    notes,
    askedUsage: usage !== undefined,
    context() {
      const json = parseBody(body, asked);
      return surfaceContext(deps, inbound, surface.decodeRequest(json), json);
    },
  };
}

const nothingCut = { cuts: [], notes: noNotes } as const;

/** Whether a member names the model, as itself or as a resource such as `models/m`. */
function names(body: Uint8Array, member: Member, model: string): boolean {
  const value = memberValue(body, member);
  return value === model || (typeof value === 'string' && value.slice(value.indexOf('/') + 1) === model);
}

/** The client's own bytes with the named edits, of which the model's name is one. */
function nativeBody(body: Uint8Array, asked: Asked, model: string, others: readonly Edit[]): Uint8Array {
  const edits = [...others];
  const { modelMember, byPath } = asked;
  if (!byPath && modelMember !== undefined) {
    const text = JSON.stringify(model);
    // An earlier try elsewhere may have written another name over the client's own.
    if (!stands(body, modelMember, text) && !overwrite(body, modelMember, text))
      edits.push({ ...modelMember, text });
  }
  if (edits.length === 0) return body;
  return splice(
    body,
    edits.sort((a, b) => a.from - b.from),
  );
}

/** Whether a member's value is written as `text`, with blanks behind it. */
function stands(body: Uint8Array, { from, to }: Member, text: string): boolean {
  for (let at = from; at < to; at++) {
    const i = at - from;
    if (body[at] !== (i < text.length ? text.charCodeAt(i) : 0x20)) return false;
  }
  return text.length <= to - from;
}

/** A request in the words of an upstream, as far as its provider and its model take them. */
export const encodeFor = (request: TurnRequest, route: Route, upstream: Protocol): EncodedRequest =>
  upstream.encodeRequest(request, {
    model: route.model,
    issuer: route.provider.name,
    abilities: abilitiesAt(route, upstream.id),
  });

/** The translated lane: the client's request in the upstream's words. */
export function translate(
  deps: PipelineDeps,
  inbound: Inbound,
  body: Uint8Array,
  asked: Asked,
  attempt: Attempt,
  upstream: Protocol,
): Outgoing {
  const { route } = attempt;
  const { provider, model } = route;
  const json = parseBody(body, asked);
  const request = inbound.surface.decodeRequest(json);
  const context = surfaceContext(deps, inbound, request, json);
  if (route.options) setOptions(request, route.options);
  nameIssuers(deps, inbound, request, attempt, upstream);
  const left = inbound.leaveOut(request);
  const encoded = encodeFor(request, route, upstream);
  const allowed = provider.allows?.(upstream.id, model);
  const narrowed = allowed
    ? narrowBody(encoded.body, upstream, allowed, { by: inbound.surface, body: json })
    : { body: encoded.body, notes: noNotes };
  return {
    body: JSON.stringify(narrowed.body),
    notes: joinNotes(joinNotes(left, encoded.notes), narrowed.notes),
    names: encoded.names,
    askedUsage: false,
    context: () => context,
  };
}

/** What an alias asks for goes before what the client did; a limit is only ever lowered. */
function setOptions(request: TurnRequest, { effort, outputTokensMax }: RouteOptions): void {
  if (effort !== undefined) request.reasoning = { show: request.reasoning?.show, effort };
  if (outputTokensMax === undefined) return;
  request.outputTokensMax = Math.min(request.outputTokensMax ?? outputTokensMax, outputTokensMax);
}

/** A request that cannot go to one place, which has not been asked. */
export class CannotCarry extends FailureError {
  /** Its maker can read what is in the way. */
  readonly isOpaque: boolean;

  constructor({ path, why }: Note, isOpaque: boolean) {
    super(invalidRequest(`${path} cannot be carried to this model: ${why}`, path));
    this.isOpaque = isOpaque;
  }
}

/** A loss without which the request makes no sense is an answer, not a note; in strict mode every loss is. */
export function refuseLosses(notes: readonly Note[], strict: boolean, areOpaque = false): void {
  const loss = notes.find(
    ({ action, weight }) => weight === 'refuse' || (strict && action === 'dropped' && weight === 'degrade'),
  );
  if (loss) throw new CannotCarry(loss, areOpaque);
}

/** What the reply repeats of its request. */
export function surfaceContext(
  deps: PipelineDeps,
  { requestId, surface }: Inbound,
  request: TurnRequest,
  json: JsonObject,
): SurfaceContext {
  // A stream may be open for long: the conversation is let go.
  const { [surface.conversation]: _, ...body } = json;
  return {
    requestId,
    createdSeconds: Math.floor(deps.nowMs() / 1000),
    model: request.model,
    includeUsage: request.delivery.includeUsage === true,
    body,
  };
}
