import {
  type Canonical,
  type CanonicalCitation,
  type CanonicalUsage,
  emptyCanonical,
  type Payload,
} from '../canonical.ts';
import { count, errorOf, has, list, object, string } from './read.ts';

/** What the deltas alone say of one item, by content or summary index. */
interface Built {
  readonly text: Map<number, string>;
  readonly refusal: Map<number, string>;
  readonly reasoning: Map<number, string>;
  readonly summary: Map<number, string>;
  input: string;
}

const terminals = new Set(['response.completed', 'response.incomplete', 'response.failed']);

export function responsesOfEvents(payloads: readonly Payload[]): Canonical {
  const items = new Map<number, Payload>();
  const built = new Map<number, Built>();
  const deltas = { text: '', reasoning: '', refusal: '' };
  let final: Payload | undefined;
  let error: Canonical['error'];
  const at = (event: Payload): Built => {
    const index = count(event['output_index']);
    let found = built.get(index);
    if (!found) {
      found = { text: new Map(), refusal: new Map(), reasoning: new Map(), summary: new Map(), input: '' };
      built.set(index, found);
    }
    return found;
  };
  const append = (to: Map<number, string>, key: unknown, value: string): void => {
    to.set(count(key), (to.get(count(key)) ?? '') + value);
  };

  for (const event of payloads) {
    const type = string(event['type']);
    const delta = string(event['delta']);
    switch (type) {
      case 'response.output_item.added':
      case 'response.output_item.done':
        items.set(count(event['output_index']), object(event['item']));
        break;
      case 'response.output_text.delta':
        append(at(event).text, event['content_index'], delta);
        deltas.text += delta;
        break;
      case 'response.refusal.delta':
        append(at(event).refusal, event['content_index'], delta);
        deltas.refusal += delta;
        break;
      case 'response.reasoning_text.delta':
        append(at(event).reasoning, event['content_index'], delta);
        deltas.reasoning += delta;
        break;
      case 'response.reasoning_summary_text.delta':
        append(at(event).summary, event['summary_index'], delta);
        deltas.reasoning += delta;
        break;
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        at(event).input += delta;
        break;
      case 'error':
        error = errorOf(event);
        break;
      default:
        if (terminals.has(type)) final = object(event['response']);
    }
  }
  const finalItems = list(final?.['output']);
  const merged = [...items.entries()]
    .sort(([a], [b]) => a - b)
    .map(([index, item]) => withDeltas(item, built.get(index)));
  const out = responsesOfResult({ ...final, output: merged.length > 0 ? merged : finalItems });
  out.deltas = deltas;
  if (!final) out.finish = undefined;
  out.error ??= error;
  return out;
}

export function responsesOfResult(body: Payload): Canonical {
  const out = emptyCanonical();
  for (const item of list(body['output'])) read(item, out);
  out.deltas = {
    text: out.text.join(''),
    reasoning: out.reasoning.flat().join(''),
    refusal: out.refusal,
  };
  const status = string(body['status']);
  if (status) {
    const reason = string(object(body['incomplete_details'])['reason']);
    out.finish = { word: status === 'incomplete' ? `incomplete:${reason}` : status };
  }
  if (has(body['error'])) out.error = errorOf(body);
  out.usage = usageOf(object(body['usage']));
  return out;
}

function read(item: Payload, out: Canonical): void {
  const type = string(item['type']);
  switch (type) {
    case 'message':
      for (const part of list(item['content'])) {
        if (part['type'] === 'refusal') {
          out.refusal += string(part['refusal']);
          out.order.push('refusal');
        } else if (string(part['text']) !== '') {
          out.text.push(string(part['text']));
          out.order.push('text');
          out.citations.push(...list(part['annotations']).map(citation));
        }
      }
      break;
    case 'reasoning': {
      const sections = [...list(item['summary']), ...list(item['content'])].map((part) =>
        string(part['text']),
      );
      const said = sections.filter((section) => section !== '');
      const opaque = string(item['encrypted_content']);
      if (opaque) out.opaque.push(opaque);
      // An item with neither text nor seal says nothing that could be carried.
      if (said.length === 0 && !opaque) break;
      out.reasoning.push(said);
      out.order.push(said.length === 0 ? 'seal' : 'reasoning');
      break;
    }
    case 'function_call':
    case 'custom_tool_call':
      out.tools.push({
        id: string(item['call_id']),
        name: string(item['name']),
        args: string(type === 'function_call' ? item['arguments'] : item['input']),
        kind: type === 'function_call' ? 'function' : 'custom',
        verbatim: true,
      });
      out.order.push('tool');
      break;
    default:
      out.hosted.push(type);
      out.order.push('hosted');
  }
}

/** The item with its strings completed from deltas, for streams whose `done` events are missing or empty. */
function withDeltas(item: Payload, built: Built | undefined): Payload {
  if (!built) return item;
  switch (item['type']) {
    case 'message': {
      const content = list(item['content']);
      for (const [i, text] of built.text) {
        if (string(content[i]?.['text']) === '') content[i] = { ...content[i], type: 'output_text', text };
      }
      for (const [i, refusal] of built.refusal) {
        if (string(content[i]?.['refusal']) === '') content[i] = { ...content[i], type: 'refusal', refusal };
      }
      return { ...item, content };
    }
    case 'reasoning':
      return {
        ...item,
        summary: completed(list(item['summary']), built.summary),
        content: completed(list(item['content']), built.reasoning),
      };
    case 'function_call':
      return { ...item, arguments: string(item['arguments']) || built.input };
    case 'custom_tool_call':
      return { ...item, input: string(item['input']) || built.input };
    default:
      return item;
  }
}

function completed(parts: Payload[], texts: ReadonlyMap<number, string>): Payload[] {
  const out = [...parts];
  for (const [i, text] of texts) if (string(out[i]?.['text']) === '') out[i] = { ...out[i], text };
  return out;
}

function citation(value: Payload): CanonicalCitation {
  if (has(value['url'])) return { kind: 'url', source: string(value['url']) };
  return { kind: 'file', source: string(value['file_id']) || string(value['filename']) };
}

function usageOf(usage: Payload): CanonicalUsage | undefined {
  if (!has(usage['input_tokens']) && !has(usage['output_tokens'])) return undefined;
  const details = object(usage['input_tokens_details']);
  return {
    input: count(usage['input_tokens']),
    output: count(usage['output_tokens']),
    cacheRead: count(details['cached_tokens']),
    cacheWrite: count(details['cache_write_tokens']),
    reasoning: count(object(usage['output_tokens_details'])['reasoning_tokens']),
    total: has(usage['total_tokens']) ? count(usage['total_tokens']) : undefined,
  };
}
