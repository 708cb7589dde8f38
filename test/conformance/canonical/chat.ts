import {
  type Canonical,
  type CanonicalTool,
  type CanonicalUsage,
  emptyCanonical,
  type Payload,
} from '../canonical.ts';
import { count, errorOf, has, list, object, string } from './read.ts';

export function chatOfEvents(payloads: readonly Payload[]): Canonical {
  const choices = new Map<number, ReturnType<typeof choiceReader>>();
  const reader = (index: number): ReturnType<typeof choiceReader> => {
    let found = choices.get(index);
    if (!found) choices.set(index, (found = choiceReader()));
    return found;
  };
  let usage: CanonicalUsage | undefined;
  let error: Canonical['error'];
  let sources: Canonical['citations'] = [];
  for (const chunk of payloads) {
    sources = sourcesOf(chunk) ?? sources;
    if (has(chunk['error'])) error = errorOf(chunk);
    usage = usageOf(chunk) ?? usage;
    for (const choice of list(chunk['choices'])) {
      reader(count(choice['index'])).push(object(choice['delta']), string(choice['finish_reason']));
    }
  }
  return joined(choices, usage, error, sources);
}

export function chatOfResult(body: Payload): Canonical {
  const choices = new Map<number, ReturnType<typeof choiceReader>>();
  list(body['choices']).forEach((choice, i) => {
    const reader = choiceReader();
    choices.set(count(choice['index']) || i, reader);
    reader.push(object(choice['message']), string(choice['finish_reason']));
  });
  return joined(
    choices,
    usageOf(body),
    has(body['error']) ? errorOf(body) : undefined,
    sourcesOf(body) ?? [],
  );
}

function joined(
  choices: ReadonlyMap<number, ReturnType<typeof choiceReader>>,
  usage: CanonicalUsage | undefined,
  error: Canonical['error'],
  sources: Canonical['citations'],
): Canonical {
  const [first, ...others] = [...choices.entries()].sort(([a], [b]) => a - b).map(([, one]) => one.canonical);
  const out = { ...(first ?? emptyCanonical()), usage, error, others };
  if (out.citations.length === 0) out.citations = sources;
  return out;
}

/** Perplexity and xAI list the URLs of all sources beside the choices, in every chunk. */
function sourcesOf(body: Payload): Canonical['citations'] | undefined {
  const urls = body['citations'];
  if (!Array.isArray(urls) || urls.length === 0) return undefined;
  return urls.map((url) => ({ kind: 'url', source: string(url) }));
}

/** Reads the deltas of one choice, or a whole message as a single delta. */
function choiceReader(): { push(delta: Payload, finish: string): void; canonical: Canonical } {
  const out = emptyCanonical();
  const tools = new Map<number, CanonicalTool>();
  const began = (kind: Canonical['order'][number]): boolean => {
    if (out.order.at(-1) === kind) return false;
    out.order.push(kind);
    return true;
  };
  const text = (value: string): void => {
    if (value === '') return;
    if (began('text')) out.text.push('');
    out.text[out.text.length - 1] += value;
    out.deltas.text += value;
  };
  const reasoning = (value: string): void => {
    if (value === '') return;
    if (out.order.at(-1) === 'seal') out.order[out.order.length - 1] = 'reasoning';
    if (began('reasoning')) out.reasoning.push(['']);
    const block = out.reasoning.at(-1)!;
    block[0] = (block[0] ?? '') + value;
    out.deltas.reasoning += value;
  };

  const opaque = (value: string): void => {
    if (value === '') return;
    out.opaque.push(value);
    if (out.reasoning.length > 0) return;
    began('seal');
    out.reasoning.push([]);
  };

  return {
    canonical: out,
    push(delta, finish) {
      const spoken =
        string(delta['reasoning_content']) || string(delta['reasoning']) || string(delta['reasoning_text']);
      reasoning(spoken);
      for (const detail of list(delta['reasoning_details'])) {
        if (spoken === '') reasoning(string(detail['text']) || string(detail['summary']));
        opaque(string(detail['signature']));
        opaque(string(detail['data']));
      }
      opaque(string(delta['reasoning_opaque']));

      if (typeof delta['content'] === 'string') text(delta['content']);
      for (const part of list(delta['content'])) {
        if (part['type'] === 'text') text(string(part['text']));
        for (const thought of list(part['thinking'])) reasoning(string(thought['text']));
      }
      const refusal = string(delta['refusal']);
      if (refusal) {
        began('refusal');
        out.refusal += refusal;
        out.deltas.refusal += refusal;
      }
      for (const annotation of list(delta['annotations'])) {
        const url = object(annotation['url_citation']);
        if (has(url['url'])) out.citations.push({ kind: 'url', source: string(url['url']) });
      }
      for (const call of list(delta['tool_calls'])) tool(call);
      if (finish) out.finish = { word: finish };
    },
  };

  function tool(call: Payload): void {
    const custom = has(call['custom']);
    const body = object(custom ? call['custom'] : call['function']);
    const id = string(call['id']);
    const index =
      typeof call['index'] === 'number'
        ? call['index']
        : id !== ''
          ? tools.size
          : Math.max(0, ...tools.keys());
    let found = tools.get(index);
    if (!found) {
      found = { id: '', name: '', args: '', kind: 'function', verbatim: true };
      tools.set(index, found);
      out.tools.push(found);
      out.order.push('tool');
    }
    found.id ||= id;
    found.name ||= string(body['name']);
    if (custom) found.kind = 'custom';
    found.args += string(custom ? body['input'] : body['arguments']);
  }
}

function usageOf(body: Payload): CanonicalUsage | undefined {
  const usage = has(body['usage']) ? object(body['usage']) : object(object(body['x_groq'])['usage']);
  if (!has(usage['prompt_tokens']) && !has(usage['completion_tokens'])) return undefined;
  const details = object(usage['prompt_tokens_details']);
  const reasoning = count(object(usage['completion_tokens_details'])['reasoning_tokens']);
  const input = count(usage['prompt_tokens']);
  const stated = count(usage['completion_tokens']);
  const total = has(usage['total_tokens']) ? count(usage['total_tokens']) : undefined;
  // xAI counts reasoning beside the completion; its total tells.
  const beside = reasoning > 0 && total === input + stated + reasoning;
  return {
    input,
    output: beside ? stated + reasoning : stated,
    cacheRead: count(details['cached_tokens']),
    cacheWrite: count(details['cache_write_tokens']),
    reasoning,
    total,
  };
}
