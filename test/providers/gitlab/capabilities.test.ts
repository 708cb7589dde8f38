/** Every cell of the matrix of capabilities, asked for through the gateway and judged by what arrives and comes back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  capabilities,
  ways,
  type Capability,
  type Carriage,
  type Way,
} from '../../../src/providers/gitlab/capabilities.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
const running = new Map<Way, Running>();
beforeAll(async () => {
  simulated = startInstance();
  const api_key = simulated.office.pat();
  for (const way of ways) {
    const isRest = way === 'chat' || way === 'code-suggestions';
    running.set(
      way,
      await startGateway(simulated, { api_key, ...(isRest && { transport: 'rest', rest_fallback: way }) }),
    );
  }
});
beforeEach(() => {
  simulated.proxy.passed.length = 0;
  simulated.rest.asked.length = 0;
});
afterAll(async () => {
  for (const each of running.values()) await each.stop();
  await simulated.stop();
});

type Body = Record<string, unknown>;

/** How a client asks each way: in the way's own protocol, and the REST services by Chat Completions. */
const surfaces: Record<Way, 'messages' | 'responses' | 'chat'> = {
  'anthropic-messages': 'messages',
  'openai-responses': 'responses',
  'openai-chat': 'chat',
  'code-suggestions': 'chat',
  chat: 'chat',
};
const models = {
  messages: 'duo/claude-sonnet-5',
  responses: 'duo/gpt-5.6-sol',
  chat: 'duo/gpt-5.4-2026-03-05',
};
const paths = { messages: '/v1/messages', responses: '/v1/responses', chat: '/v1/chat/completions' };
const say = (content: unknown, role = 'user') => ({ role, content });
const plain: Record<'messages' | 'responses' | 'chat', Body> = {
  messages: { max_tokens: 4096, messages: [say('hi')] },
  responses: { input: [say('hi')] },
  chat: { messages: [say('hi')] },
};

interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly notes: string;
  readonly param: unknown;
  /** What reached the vendor, or one of GitLab's own services. */
  readonly arrived: Body | undefined;
}

async function ask(way: Way, members: Body, path = paths[surfaces[way]]): Promise<Outcome> {
  const surface = surfaces[way];
  const response = await fetch(running.get(way)!.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: models[surface], ...plain[surface], ...members }),
  });
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as { error?: { param?: unknown } }) : {};
  return {
    status: response.status,
    text,
    notes: response.headers.get('dragoman-notes') ?? '',
    param: body.error?.param,
    arrived: simulated.proxy.passed.at(-1)?.body ?? simulated.rest.asked.at(-1)?.body,
  };
}

/** Members pass as they are, are folded into what goes up with a note, or are refused or left out by name. */
async function members(way: Way, asked: Body, name: string, inside: string): Promise<Carriage> {
  const { status, notes, param, arrived } = await ask(way, asked);
  if (status === 400) {
    expect(param).toBe(name);
    expect(arrived).toBeUndefined();
    return 'not possible';
  }
  expect(status).toBe(200);
  const isWhole = Object.entries(asked).every(([key, value]) => Bun.deepEquals(arrived![key], value));
  if (isWhole) return 'native';
  const noted = notes.split(', ').filter((note) => note.startsWith(`${name}=`));
  expect([name, noted.length > 0]).toEqual([name, true]);
  return JSON.stringify(arrived).includes(inside) ? 'lossy' : 'not possible';
}

const image = 'iVBORw0KGgo=';
const schema = { type: 'object', properties: { a: { type: 'string' } } };
const bySurface = <T>(way: Way, of: Record<'messages' | 'responses' | 'chat', T>): T => of[surfaces[way]];
const conversation = (way: Way): string => (surfaces[way] === 'responses' ? 'input' : 'messages');

const probes: Record<Capability, (way: Way) => Promise<Carriage>> = {
  'several turns': (way) =>
    members(
      way,
      { [conversation(way)]: [say('one'), say('two', 'assistant'), say('three')] },
      conversation(way),
      'two',
    ),
  'system prompt': (way) =>
    bySurface(way, {
      messages: () => members(way, { system: 'Be terse' }, 'system', 'Be terse'),
      responses: () => members(way, { instructions: 'Be terse' }, 'instructions', 'Be terse'),
      chat: () => members(way, { messages: [say('Be terse', 'system'), say('hi')] }, 'messages', 'Be terse'),
    })(),
  tools: (way) =>
    members(
      way,
      {
        tools: [
          bySurface<Body>(way, {
            messages: { name: 'f', input_schema: schema },
            responses: { type: 'function', name: 'f', parameters: schema },
            chat: { type: 'function', function: { name: 'f', parameters: schema } },
          }),
        ],
      },
      'tools',
      '"f"',
    ),
  images: (way) =>
    members(
      way,
      {
        [conversation(way)]: [
          say([
            bySurface<Body>(way, {
              messages: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
              responses: { type: 'input_image', image_url: `data:image/png;base64,${image}` },
              chat: { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
            }),
          ]),
        ],
      },
      conversation(way),
      image,
    ),
  'structured output': (way) => {
    const json = { type: 'json_schema', name: 'j', schema };
    const asked = bySurface<[Body, string]>(way, {
      messages: [{ output_config: { format: { type: 'json_schema', schema } } }, 'output_config'],
      responses: [{ text: { format: json } }, 'text.format'],
      chat: [
        { response_format: { type: 'json_schema', json_schema: { name: 'j', schema } } },
        'response_format',
      ],
    });
    return members(way, ...asked, 'schema');
  },
  async streaming(way) {
    const { status, text, param } = await ask(way, { stream: true });
    if (status === 400) expect(param).toBe('stream');
    return status === 200 && text.startsWith('event:') !== text.startsWith('data:')
      ? 'native'
      : 'not possible';
  },
  async usage(way) {
    const { text } = await ask(way, {});
    const { usage } = JSON.parse(text) as { usage?: Body };
    return usage && (usage.output_tokens ?? usage.completion_tokens) === 2 ? 'native' : 'not possible';
  },
  async reasoning(way) {
    const asked = bySurface<[Body, string]>(way, {
      messages: [{ thinking: { type: 'adaptive' } }, 'thinking'],
      responses: [{ reasoning: { effort: 'high', summary: 'auto' } }, 'reasoning'],
      chat: [{ reasoning_effort: 'high' }, 'reasoning_effort'],
    });
    const carried = await members(way, ...asked, 'high');
    if (carried !== 'native') return carried;
    const tool = bySurface<Body>(way, {
      messages: { name: 'Bash', input_schema: schema },
      responses: { type: 'function', name: 'Bash', parameters: schema },
      chat: { type: 'function', function: { name: 'Bash', parameters: schema } },
    });
    // The effort goes up either way; what was thought comes back by some.
    const { text } = await ask(way, { ...asked[0], tools: [tool] });
    return text.includes('A listing.') ? 'native' : 'lossy';
  },
  'sampling and limits': (way) =>
    bySurface(way, {
      messages: () => members(way, { temperature: 0.5, max_tokens: 99 }, 'temperature', '0.5'),
      responses: () => members(way, { temperature: 0.5, max_output_tokens: 99 }, 'temperature', '0.5'),
      chat: () => members(way, { temperature: 0.5, max_completion_tokens: 99 }, 'temperature', '0.5'),
    })(),
  async 'choice of model'(way) {
    const { arrived, notes } = await ask(way, {});
    if (arrived!.model === models[surfaces[way]].slice('duo/'.length)) return 'native';
    expect(notes).toContain('model=dropped');
    return 'not possible';
  },
  async 'token counts'(way) {
    const url = running.get(way)!.url;
    const response = await fetch(`${url}/v1/messages/count_tokens`, {
      method: 'POST',
      body: JSON.stringify({ model: models[surfaces[way]], messages: [say('hi')] }),
    });
    expect(response.status).toBe(200);
    return response.headers.get('dragoman-count') === 'upstream' ? 'native' : 'not possible';
  },
  async embeddings(way) {
    const { status } = await ask(way, { input: 'hi' }, '/v1/embeddings');
    if (status !== 200) return 'not possible';
    // OpenAI's embeddings go by the route beside Chat Completions, whichever way turns go.
    return surfaces[way] === 'chat' ? 'native' : 'not possible';
  },
  async 'stored responses'(way) {
    if (surfaces[way] !== 'responses') return 'not possible';
    const { status, param } = await ask(way, { previous_response_id: 'resp_elsewhere' });
    expect([status, param]).toEqual([400, 'previous_response_id']);
    await ask(way, { store: true });
    return simulated.proxy.passed.at(-1)!.body.store === false ? 'not possible' : 'native';
  },
  async WebSocket(way) {
    const before = simulated.upgrades;
    await ask(way, { stream: way !== 'chat' });
    expect(simulated.upgrades).toBe(before);
    const { host } = new URL(simulated.gatewayUrl);
    const socket = new WebSocket(`ws://${host}/ai/v1/proxy/openai/v1/responses`);
    const opened = await new Promise<boolean>((done) => {
      socket.onopen = () => done(true);
      socket.onerror = () => done(false);
    });
    expect(simulated.upgrades).toBe(before + 1);
    return opened ? 'native' : 'not possible';
  },
};

describe.each(Object.keys(capabilities) as Capability[])('%s', (capability) => {
  test.each([...ways])(
    'by %s is as the matrix says',
    async (way) => {
      expect(await probes[capability](way)).toBe(capabilities[capability][way]);
      // A tokenizer may be loaded.
    },
    60_000,
  );
});
