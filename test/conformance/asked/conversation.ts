import { createHash } from 'node:crypto';
import type { Payload } from '../canonical.ts';
import { has, list, object, string } from '../canonical/read.ts';

/** Collects turns: system text before the first of them goes apart, parts of one speaker join. */
export function conversation() {
  const said: string[] = [];
  const turns: { role: 'user' | 'assistant'; parts: string[] }[] = [];
  const calls = new Map<string, number>();
  return {
    said,
    ends: () => ({
      system: said.join('\n\n'),
      turns: turns.map(({ role, parts }) => ({ role, parts: [...parts].sort(resultsFirst) })),
    }),
    add(role: string, parts: string[]): void {
      if (parts.length === 0) return;
      if ((role === 'system' || role === 'developer') && turns.length === 0) {
        said.push(...parts.map((part) => part.replace(/^text:/, '')));
        return;
      }
      const speaker = role === 'assistant' ? 'assistant' : 'user';
      const last = turns.at(-1);
      if (last?.role === speaker) last.parts.push(...parts);
      else turns.push({ role: speaker, parts });
    },
    call(id: unknown, name: unknown, args: unknown): string {
      calls.set(string(id), calls.size);
      const value = typeof args === 'string' ? parsed(args) : args;
      // Free text goes up as the one argument of a function where there are no free-text tools.
      const text = object(value)['input'];
      const isText = typeof text === 'string' && Object.keys(object(value)).length === 1;
      return `call ${calls.size - 1}:${string(name)} ${isText ? sorted(text) : sorted(value)}`;
    },
    result(id: unknown, content: unknown): string[] {
      const inside = parts(content);
      const words = inside.filter((part) => part.startsWith('text:')).map((part) => part.slice(5));
      const rest = inside.filter((part) => !part.startsWith('text:'));
      return [`result ${calls.get(string(id)) ?? '?'}:${words.join('\n')}`, ...rest];
    },
  };
}

/** Content of any of the protocols: a string is one text; hidden reasoning says nothing to compare. */
export function parts(content: unknown): string[] {
  if (typeof content === 'string') return content === '' ? [] : [`text:${content}`];
  return list(content).flatMap((part) => {
    switch (part['type']) {
      case 'thinking':
      case 'redacted_thinking':
        return [];
      case 'encrypted_content':
        // Mail between agents; its own service alone seals it.
        return [`text:${string(part['encrypted_content'])}`];
      case 'image_url':
        return [`image:${media(object(part['image_url'])['url'])}`];
      case 'input_image':
        return [`image:${media(part['image_url'])}`];
      case 'image':
      case 'document': {
        const source = object(part['source']);
        const data = `data:${string(source['media_type'])};base64,${string(source['data'])}`;
        return [`${string(part['type'])}:${media(source['url'] ?? data)}`];
      }
      case 'file':
        return [`document:${media(object(part['file'])['file_data'])}`];
      case 'input_file':
        return [`document:${media(part['file_url'] ?? part['file_data'])}`];
      default:
        return has(part['text']) ? [`text:${string(part['text'])}`] : [string(part['type'])];
    }
  });
}

const resultsFirst = (a: string, b: string): number =>
  Number(b.startsWith('result ')) - Number(a.startsWith('result '));

export const media = (url: unknown): string =>
  /^https?:/.test(string(url))
    ? string(url)
    : createHash('sha256').update(string(url)).digest('hex').slice(0, 16);

export const described = (tool: Payload, key: string) => ({
  name: string(tool['name']),
  description: string(tool['description']),
  schema: tool[key],
});

export const hostedName = (type: unknown): string =>
  string(type)
    .replace(/_(preview|\d{8}).*$/, '')
    .replace('code_interpreter', 'code_execution');

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** JSON with its members in order of name. */
export const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
