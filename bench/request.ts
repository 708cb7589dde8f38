import { caller } from './caller.ts';
import type { Protocol } from './payload.ts';

export interface RequestShape {
  readonly protocol: Protocol;
  readonly model: string;
  readonly stream: boolean;
  /** `agent`: 30 tools and a long history of tool calls, about 200 KB; `small`: one question, about 1 KB. */
  readonly size: 'small' | 'agent';
}

/** The JSON body a client of the protocol sends. */
export function requestBody({ protocol, model, stream, size }: RequestShape): string {
  if (protocol === 'openai-responses')
    return JSON.stringify({
      model,
      stream,
      max_output_tokens: 1024,
      input: [{ role: 'user', content: question }],
    });
  if (protocol === 'anthropic-messages')
    return JSON.stringify({
      model,
      stream,
      max_tokens: 1024,
      messages: [{ role: 'user', content: question }],
    });
  const small = [{ role: 'user', content: question }];
  const body = { model, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) };
  return size === 'small'
    ? JSON.stringify({ ...body, messages: small })
    : JSON.stringify({ ...body, messages: agentHistory(), tools: tools(), tool_choice: 'auto' });
}

const question =
  'Here is a function that reads a file line by line.\nWhy does it "hang" when the last line is empty? '.repeat(
    9,
  );

function agentHistory(): object[] {
  const messages: object[] = [
    { role: 'system', content: 'You work in a repository. Answer briefly. '.repeat(120) },
  ];
  for (let turn = 0; turn < 40; turn++) {
    const id = `call_${String(turn).padStart(24, '0')}`;
    messages.push({ role: 'user', content: `Step ${turn}: ${question.slice(0, 300)}` });
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id,
          type: 'function',
          function: {
            name: `tool_${turn % 30}`,
            arguments: JSON.stringify({ path: `src/part-${turn}.ts`, offset: turn * 40, limit: 200 }),
          },
        },
      ],
    });
    const lines = Array.from(
      { length: 48 },
      (_, n) => `${n}\tconst value${n} = read("part-${turn}", ${n * 7});\n`,
    );
    messages.push({ role: 'tool', tool_call_id: id, content: lines.join('').repeat(2) });
    messages.push({ role: 'assistant', content: `Done with step ${turn}; “next” follows.` });
  }
  messages.push({ role: 'user', content: question });
  return messages;
}

const tools = (): object[] =>
  Array.from({ length: 30 }, (_, index) => ({
    type: 'function',
    function: {
      name: `tool_${index}`,
      description:
        `Does step ${index} of the work on a file of the repository and tells what it did. `.repeat(4),
      parameters: {
        type: 'object',
        properties: {
          path: { type: 'string', description: 'Path of the file, from the root of the repository.' },
          offset: { type: 'integer', minimum: 0, description: 'First line.' },
          limit: { type: 'integer', minimum: 1, maximum: 2000, description: 'Number of lines.' },
          mode: { type: 'string', enum: ['read', 'write', 'append', 'replace'] },
          edits: {
            type: 'array',
            items: {
              type: 'object',
              properties: { from: { type: 'string' }, to: { type: 'string' } },
              required: ['from', 'to'],
            },
          },
        },
        required: ['path'],
        additionalProperties: false,
      },
    },
  }));

/** The whole HTTP/1.1 request as the load generator writes it. */
export function rawRequest(path: string, body: string): string {
  const headers = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'user-agent: bench',
    'accept: */*',
    'content-type: application/json',
    `authorization: Bearer ${caller.key}`,
    'anthropic-version: 2023-06-01',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}
