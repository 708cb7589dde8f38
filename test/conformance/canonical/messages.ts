import {
  type Canonical,
  type CanonicalCitation,
  type CanonicalUsage,
  emptyCanonical,
  type Payload,
} from '../canonical.ts';
import { count, errorOf, has, list, object, string } from './read.ts';

interface Block {
  readonly index: number;
  readonly block: Payload;
  text: string;
  thinking: string;
  signature: string;
  json: string;
  citations: Payload[];
  closed: boolean;
}

export function messagesOfEvents(payloads: readonly Payload[]): Canonical {
  let blocks: Block[] = [];
  let usage: Payload = {};
  const out = emptyCanonical();
  for (const event of payloads) {
    switch (event['type']) {
      case 'message_start':
        usage = { ...usage, ...stated(object(object(event['message'])['usage'])) };
        break;
      case 'content_block_start': {
        const index = count(event['index']);
        const block = object(event['content_block']);
        // A block begun again before it was closed is a retry that replaces it.
        blocks = blocks.filter((other) => other.index !== index || other.closed);
        blocks.push({
          index,
          block,
          text: string(block['text']),
          thinking: string(block['thinking']),
          signature: string(block['signature']),
          json: '',
          citations: list(block['citations']),
          closed: false,
        });
        out.deltas.text += block['type'] === 'text' ? string(block['text']) : '';
        out.deltas.reasoning += string(block['thinking']);
        break;
      }
      case 'content_block_delta': {
        const target = blocks.findLast((block) => block.index === count(event['index']));
        const delta = object(event['delta']);
        if (!target) break;
        target.text += string(delta['text']);
        target.thinking += string(delta['thinking']);
        target.json += string(delta['partial_json']);
        if (has(delta['signature'])) target.signature = string(delta['signature']);
        if (has(delta['citation'])) target.citations.push(object(delta['citation']));
        out.deltas.text += string(delta['text']);
        out.deltas.reasoning += string(delta['thinking']);
        break;
      }
      case 'content_block_stop': {
        const target = blocks.findLast((block) => block.index === count(event['index']));
        if (target) target.closed = true;
        break;
      }
      case 'message_delta': {
        const delta = object(event['delta']);
        if (has(delta['stop_reason'])) out.finish = finishOf(delta);
        usage = { ...usage, ...stated(object(event['usage'])) };
        break;
      }
      case 'error':
        out.error = errorOf(event);
        break;
    }
  }
  for (const block of blocks) read(block, out);
  out.usage = usageOf(usage);
  return out;
}

export function messagesOfResult(body: Payload): Canonical {
  const out = emptyCanonical();
  list(body['content']).forEach((block, index) => {
    read(
      {
        index,
        block,
        text: block['type'] === 'text' ? string(block['text']) : '',
        thinking: string(block['thinking']),
        signature: string(block['signature']),
        json: '',
        citations: list(block['citations']),
        closed: true,
      },
      out,
    );
  });
  out.deltas = { text: out.text.join(''), reasoning: out.reasoning.flat().join(''), refusal: '' };
  if (has(body['stop_reason'])) out.finish = finishOf(body);
  out.usage = usageOf(object(body['usage']));
  if (body['type'] === 'error') out.error = errorOf(body);
  return out;
}

function read(block: Block, out: Canonical): void {
  const type = string(block.block['type']);
  switch (type) {
    case 'text':
      if (block.text === '') break;
      out.text.push(block.text);
      out.order.push('text');
      out.citations.push(...block.citations.map(citation));
      break;
    case 'thinking':
      out.reasoning.push(block.thinking === '' ? [] : [block.thinking]);
      out.order.push(block.thinking === '' ? 'seal' : 'reasoning');
      if (block.signature) out.opaque.push(block.signature);
      break;
    case 'redacted_thinking':
      out.reasoning.push([]);
      out.order.push('seal');
      out.opaque.push(string(block.block['data']));
      break;
    case 'tool_use':
      out.tools.push({
        id: string(block.block['id']),
        name: string(block.block['name']),
        args: block.json === '' ? JSON.stringify(block.block['input'] ?? {}) : block.json,
        kind: 'function',
        verbatim: block.json !== '',
      });
      out.order.push('tool');
      break;
    default:
      out.hosted.push(type === 'server_tool_use' ? `${type}:${string(block.block['name'])}` : type);
      out.order.push('hosted');
  }
}

const finishOf = (delta: Payload): Canonical['finish'] => ({
  word: string(delta['stop_reason']),
  ...(has(delta['stop_sequence']) && { sequence: string(delta['stop_sequence']) }),
});

function citation(value: Payload): CanonicalCitation {
  const quote = string(value['cited_text']);
  if (has(value['url'])) return { kind: 'url', source: string(value['url']), quote };
  if (value['type'] === 'search_result_location') {
    return { kind: 'url', source: string(value['source']), quote };
  }
  return { kind: 'document', source: string(value['document_title']), quote };
}

const stated = (usage: Payload): Payload =>
  Object.fromEntries(Object.entries(usage).filter(([, value]) => has(value)));

function usageOf(usage: Payload): CanonicalUsage | undefined {
  if (!has(usage['input_tokens']) && !has(usage['output_tokens'])) return undefined;
  const cacheRead = count(usage['cache_read_input_tokens']);
  const cacheWrite = count(usage['cache_creation_input_tokens']);
  return {
    input: count(usage['input_tokens']) + cacheRead + cacheWrite,
    output: count(usage['output_tokens']),
    cacheRead,
    cacheWrite,
    reasoning: count(object(usage['output_tokens_details'])['thinking_tokens']),
  };
}
