import type { ReplayRequest } from '../../support/replay.ts';
import type { Payload } from '../canonical.ts';
import type { Miss } from '../check.ts';
import type { Surface } from '../finish.ts';
import { unknownMembers } from '../request-members.ts';
import { requestSchemaFaults } from '../schema.ts';

/** What the published descriptions do not know and is sent all the same, to the upstream or to the client. */
const accepted: readonly { readonly fault: RegExp; readonly of?: RegExp; readonly why: string }[] = [
  {
    fault: /^messages\[\d+\]\.reasoning_content$/,
    why: 'Servers that are not OpenAI read reasoning back in this member; nobody else is sent it.',
  },
  {
    fault: /must NOT have more than \d+ characters$|\/max_tokens must be >= 0$|\/top_logprobs must be [<>]= /,
    of: /^(fuzz|odd)/,
    why: 'A number out of range is the client’s mistake, and the upstream’s to refuse in its own words.',
  },
];

/** Q3: a translated request holds nothing that the vendor's description does not know or take. */
export function sentMisses(name: string, upstream: Surface, body: Payload): Miss[] {
  return [...requestSchemaFaults(upstream, body), ...unknownMembers(upstream, body)]
    .filter((fault) => !accepted.some((one) => one.fault.test(fault) && (one.of?.test(name) ?? true)))
    .map((detail) => ({ check: 'Q3', detail }));
}

/** Between equal protocols a request arrives as it was, but for the model's name and the wish for usage. */
export function nativeMisses(asked: Payload, { json }: ReplayRequest): Miss[] {
  const plain = (body: Payload | undefined): Payload => {
    const { model: _model, stream: _stream, stream_options: _options, ...rest } = body ?? {};
    return rest;
  };
  return Bun.deepEquals(plain(json), plain(asked))
    ? []
    : [{ check: 'Q1', detail: 'the request of the same protocol was changed' }];
}
