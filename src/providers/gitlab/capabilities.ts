/** What a way carries: as the vendor has it, in part, or not at all. */
export type Carriage = 'native' | 'lossy' | 'not possible';

/** The ways to an answer: the vendors' protocols at the model proxy of the gateway, and GitLab's own REST services. */
export const ways = [
  'anthropic-messages',
  'openai-responses',
  'openai-chat',
  'code-suggestions',
  'chat',
] as const;
export type Way = (typeof ways)[number];

/** One of GitLab's own REST services, which a text may be asked for where the gateway's proxy may not be. */
export type RestService = Extract<Way, 'code-suggestions' | 'chat'>;

type Row = Readonly<Record<Way, Carriage>>;

const row = (
  messages: Carriage,
  responses: Carriage,
  completions: Carriage,
  suggestions: Carriage,
  chat: Carriage,
): Row => ({
  'anthropic-messages': messages,
  'openai-responses': responses,
  'openai-chat': completions,
  'code-suggestions': suggestions,
  chat,
});

const no = 'not possible';
/** The proxy passes bodies as they are; what REST has no field for is lost there. */
const byProxyOnly = row('native', 'native', 'native', no, no);
const byNone = row(no, no, no, no, no);

/**
 * What each way carries. REST refuses and notes by it, and the documents print it. The proxy has `POST` routes for what
 * is native here and answers 404 to all others, an upgrade to a WebSocket among them.
 */
export const capabilities = {
  'several turns': row('native', 'native', 'native', 'lossy', 'lossy'),
  'system prompt': row('native', 'native', 'native', 'lossy', 'lossy'),
  tools: byProxyOnly,
  images: byProxyOnly,
  'structured output': byProxyOnly,
  streaming: row('native', 'native', 'native', 'native', no),
  usage: byProxyOnly,
  // Chat Completions takes an effort, and never says what was thought.
  reasoning: row('native', 'native', 'lossy', no, no),
  'sampling and limits': byProxyOnly,
  'choice of model': byProxyOnly,
  'token counts': row('native', no, no, no, no),
  embeddings: row(no, no, 'native', no, no),
  'stored responses': byNone,
  WebSocket: byNone,
} as const satisfies Readonly<Record<string, Row>>;

export type Capability = keyof typeof capabilities;

export const carriage = (capability: Capability, way: Way): Carriage => capabilities[capability][way];
export const isPossible = (capability: Capability, way: Way): boolean => carriage(capability, way) !== no;
