import { createHash } from 'node:crypto';

/** A piece of a conversation as an upstream's model reads it, in no protocol's words. */
export type HeardPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image'; readonly mime: string; readonly data: string }
  | { readonly kind: 'file'; readonly mime: string; readonly data: string }
  | { readonly kind: 'call'; readonly id: string; readonly name: string }
  | { readonly kind: 'result'; readonly id: string; readonly text: string }
  /** Reasoning of an earlier reply that came back with its seal. */
  | { readonly kind: 'thought'; readonly seal: string };

export interface Heard {
  readonly system: string;
  readonly turns: readonly { readonly role: 'user' | 'assistant'; readonly parts: readonly HeardPart[] }[];
  readonly tools: readonly string[];
  /** `auto`, `none`, `required`, or the name of the one tool to call. */
  readonly toolChoice: string;
  readonly parallel: boolean;
  readonly schema: boolean;
  readonly outputTokensMax: number | undefined;
  readonly reasoning: boolean;
  /** The upstream is to compact the conversation itself. */
  readonly compacts?: boolean;
}

export type SaidPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refusal'; readonly text: string }
  | { readonly kind: 'thought'; readonly text: string; readonly seal: string }
  | { readonly kind: 'call'; readonly id: string; readonly name: string; readonly input: string }
  /** What stands for the conversation so far, for the upstream's own eyes. */
  | { readonly kind: 'compaction'; readonly summary: string };

export interface Said {
  readonly parts: readonly SaidPart[];
  readonly stop: 'end' | 'calls' | 'length' | 'filter';
  /** What is sent of the reply before the upstream fails, counted in stream events; whole unless given. */
  readonly breaks?: 'error' | 'cut';
  /** A refusal of the request itself. */
  readonly refuses?: 'rate_limited' | 'overloaded';
}

/** Tokens of every reply: the same on each upstream, so that the same totals must reach the client. */
export const tokens = { input: 11, cached: 3, output: 7, reasoning: 2 } as const;

/** The seal of every thought. */
export const seal = Buffer.from('a thought, sealed by the upstream').toString('base64');

/**
 * The model behind every simulated upstream. It does what the last user message asks in a few fixed phrases, and
 * proves by its words what reached it: the system prompt, earlier turns, an image's bytes, a tool's result.
 */
export function answer(heard: Heard): Said {
  if (heard.compacts) return { parts: [{ kind: 'compaction', summary: summaryOf(heard) }], stop: 'end' };
  const results = trailing(heard).filter((part) => part.kind === 'result');
  if (results.length > 0) {
    const sealed =
      heard.reasoning && heard.turns.some(({ parts }) => parts.some((part) => part.kind === 'thought'));
    const text = results.map((result) => `The tool said: ${result.text}.`).join(' ');
    return say(sealed ? `${text} My thought came back.` : text);
  }
  const prompt = texts(heard.turns.at(-1)?.parts ?? []).at(-1) ?? '';
  const calls = callsFor(heard, prompt);
  if (calls.length > 0) return reasoned(heard, { parts: calls, stop: 'calls' });
  return reasoned(heard, spoken(heard, prompt));
}

function spoken(heard: Heard, prompt: string): Said {
  if (prompt.startsWith('Write a summary of this conversation')) return summarised(heard);
  if (/fail with 429/.test(prompt)) return { ...say(''), refuses: 'rate_limited' };
  if (/fail with 503/.test(prompt)) return { ...say(''), refuses: 'overloaded' };
  if (/break with an error/.test(prompt)) return { ...say('This will not last.'), breaks: 'error' };
  if (/break off/.test(prompt)) return { ...say('This will not last.'), breaks: 'cut' };
  if (/a long story/.test(prompt) && heard.outputTokensMax !== undefined) {
    return { ...say('Once upon a time there was a'), stop: 'length' };
  }
  if (/something filtered/.test(prompt)) return { ...say('It begins with'), stop: 'filter' };
  if (/something forbidden/.test(prompt)) {
    return { parts: [{ kind: 'refusal', text: 'I cannot help with that.' }], stop: 'end' };
  }
  if (heard.schema) return say('{"city":"Oslo","degrees":12}');
  const media = (heard.turns.at(-1)?.parts ?? []).filter(isMedia);
  if (media.length > 0) {
    return say(media.map((part) => `I see ${part.kind} ${part.mime} ${digest(part.data)}.`).join(' '));
  }
  if (/What is my name/.test(prompt)) return say(nameIn(heard));
  if (/Count from 1 to 5/.test(prompt)) return say('1, 2, 3, 4, 5');
  if (/pirate/i.test(heard.system)) return say('Arr, hello matey!');
  return say('Hello there, friend!');
}

/** A summary, unless the conversation itself says how it is to fail. */
function summarised(heard: Heard): Said {
  const summary = summaryOf(heard);
  if (/nothing but silence/.test(summary)) return say('');
  if (/a summary without end/.test(summary)) return { ...say(summary), stop: 'length' };
  if (/a summary that breaks off/.test(summary)) return { ...say('This will not last.'), breaks: 'cut' };
  if (/a summary that fails/.test(summary)) return { ...say('This will not last.'), breaks: 'error' };
  return say(summary);
}

/** All that was said, which a summary must not lose. */
const summaryOf = ({ turns }: Heard): string =>
  `Summary. ${turns.flatMap(({ parts }) => texts(parts).filter((text) => !text.startsWith('Write a summary'))).join(' ')}`;

const say = (text: string): Said => ({ parts: [{ kind: 'text', text }], stop: 'end' });

/** Puts a thought in front, when the client asked for reasoning. */
const reasoned = (heard: Heard, said: Said): Said =>
  heard.reasoning
    ? {
        ...said,
        parts: [{ kind: 'thought', text: 'The user wants something. I will do it.', seal }, ...said.parts],
      }
    : said;

function callsFor(heard: Heard, prompt: string): SaidPart[] {
  if (heard.tools.length === 0 || heard.toolChoice === 'none') return [];
  const forced = heard.tools.includes(heard.toolChoice) ? heard.toolChoice : undefined;
  const name =
    forced ?? (/weather/.test(prompt) || heard.toolChoice === 'required' ? heard.tools[0] : undefined);
  if (name === undefined) return [];
  const cities = /San Francisco|Oslo|Rome/.test(prompt)
    ? prompt.match(/San Francisco|Oslo|Rome/g)!
    : ['Oslo'];
  return cities.slice(0, heard.parallel ? cities.length : 1).map((city, i) => ({
    kind: 'call',
    id: `call_${city.replace(' ', '')}_${i}`,
    name,
    input: JSON.stringify({ location: city }),
  }));
}

/** The name that the user gave, if the model's own greeting stands between that and the question. */
function nameIn(heard: Heard): string {
  const all = heard.turns.map(({ role, parts }) => ({ role, text: texts(parts).join(' ') }));
  const told = all.findIndex(({ role, text }) => role === 'user' && text.includes('My name is'));
  const name = /My name is (\w+)/.exec(all[told]?.text ?? '')?.[1];
  const greeted = all
    .slice(told + 1)
    .some(({ role, text }) => role === 'assistant' && text.includes(`Hello ${name}`));
  const summed = all.some(({ text }) => /Summary\..*My name is .*Hello/s.test(text));
  return name !== undefined && (greeted || summed) ? `Your name is ${name}.` : 'I do not know your name.';
}

/** What the user side said since the model last spoke. */
const trailing = (heard: Heard): HeardPart[] =>
  heard.turns
    .slice(heard.turns.findLastIndex(({ role }) => role === 'assistant') + 1)
    .flatMap(({ parts }) => [...parts]);

const texts = (parts: readonly HeardPart[]): string[] =>
  parts.flatMap((part) => (part.kind === 'text' ? [part.text] : []));

const isMedia = (part: HeardPart): part is Extract<HeardPart, { data: string }> =>
  part.kind === 'image' || part.kind === 'file';

/** A short fingerprint of base64 bytes. */
export const digest = (base64: string): string =>
  createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex').slice(0, 8);
