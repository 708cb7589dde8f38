/**
 * How long an upstream asks to be left alone, in milliseconds, as the headers of a refusal say; `undefined` when they
 * say nothing. Points in time are measured against the reply's own `date`, because a protocol has no clock.
 *
 * `retry-after-ms` and `retry-after` go first. On a 429 without them, the limits that are used up say when they are
 * whole again: OpenAI's `x-ratelimit-*`, Anthropic's `anthropic-ratelimit-*`.
 */
export function waitHint(headers: Headers, status: number): number | undefined {
  const ms = numberOf(headers.get('retry-after-ms'));
  if (ms !== undefined) return ms;
  const after = headers.get('retry-after');
  const stated = after === null ? undefined : (secondsOf(after) ?? untilTime(after, headers));
  if (stated !== undefined || status !== 429) return stated;
  return limitReset(headers);
}

/** The units of limits, as both families of headers name them. */
const units = ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const;

function limitReset(headers: Headers): number | undefined {
  const waits: (number | undefined)[] = [];
  if (headers.get('anthropic-ratelimit-unified-status') === 'rejected') {
    waits.push(untilEpoch(numberOf(headers.get('anthropic-ratelimit-unified-reset')), headers));
  }
  for (const unit of units) {
    if (headers.get(`x-ratelimit-remaining-${unit}`) === '0')
      waits.push(spanMs(headers.get(`x-ratelimit-reset-${unit}`) ?? ''));
    if (headers.get(`anthropic-ratelimit-${unit}-remaining`) === '0')
      waits.push(untilTime(headers.get(`anthropic-ratelimit-${unit}-reset`) ?? '', headers));
  }
  // Some have one limit only, whose end is a point in time.
  if (headers.get('x-ratelimit-remaining') === '0')
    waits.push(untilEpoch(numberOf(headers.get('x-ratelimit-reset')), headers));
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/**
 * Milliseconds until a point in time, in seconds or milliseconds since the epoch; `undefined` for what is neither, or
 * when the reply has no date.
 */
export function untilEpoch(at: number | undefined, headers: Headers): number | undefined {
  if (at === undefined || at < 1e9) return undefined;
  return positive((at < 1e12 ? at * 1000 : at) - Date.parse(headers.get('date') ?? ''));
}

const untilTime = (time: string, headers: Headers): number | undefined =>
  positive(Date.parse(time) - Date.parse(headers.get('date') ?? ''));

/** A span as OpenAI and Google write them: `48s`, `1.5s`, `6m0s`, `1h12m`, `120ms`. */
export function spanMs(text: string): number | undefined {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(
    text,
  );
  if (match === null || text === '') return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0, ms = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  return Math.ceil((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + ms);
}

/** `Please try again in 6m0s.`: what is said in words only, inside a stream above all. */
export function waitInWords(message: string): number | undefined {
  const found = /try again in (\d[\d.]*) ?(seconds?|[a-z0-9.]*)/.exec(message);
  if (found === null) return undefined;
  return spanMs(`${found[1]}${found[2]!.startsWith('second') ? 's' : found[2]}`.replace(/\.$/, ''));
}

const secondsOf = (text: string): number | undefined => {
  const seconds = numberOf(text);
  return seconds === undefined ? undefined : seconds * 1000;
};

function numberOf(text: string | null): number | undefined {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

const positive = (ms: number): number | undefined => (Number.isFinite(ms) && ms >= 0 ? ms : undefined);
