/** The plan's matrix of features and its tasks, each with the tests that prove it. Printed into the documents. */
import { paddedTable } from './matrix.ts';

/** A test by its file, relative to `test/`, and its title as it is written there. */
export type Proof = readonly [file: string, title: string];

const here = (file: string, title: string): Proof => [`providers/gitlab/${file}.test.ts`, title];
const clients: Proof = ['clients/run.ts', ' completes a tool task'];

const whole = here('clients', 'talks, with its usage; streaming: %p');
const pieces = here('transport', 'streams each piece as soon as it is there');
const unbuffered = here(
  'clients',
  'by %s: the first piece is there while the upstream waits with the second',
);
const followUps = here('clients', 'goes on from the id of a response; streaming: %p');
const compacted = here('clients', 'a conversation is compacted and goes on from its summary');
const thinking = here(
  'clients',
  'calls two tools at once and goes on with what it has thought; streaming: %p',
);
const byHistory = here('clients', 'calls two tools at once and brings the whole history; streaming: %p');
const offered = here('tools', '%s arrives as it was offered');
const called = here('tools', 'a call with %s and its result arrive as they were made');
const lightTools = here(
  'namespaces',
  'they go up as they are, and so does what was called and what came of it',
);
const overSocket = here('sockets', 'a conversation with tools on %s goes up by %s');
const cell = here('capabilities', 'by %s is as the matrix says');
const perLife = here(
  'hours',
  '200 turns at once, every %d minutes over three lives of a grant, ask for one in each',
);
const slept = here('hours', 'a machine that has slept for a night serves the first turn, without a restart');
const killed = here('killed', 'a login that was renewed just before a kill -9, %s, serves on');
const cooled = here('failures', '%s of one is not felt: it is %s, and the other serves');
const cured = here(
  'failures',
  'what cures a suspended account stands on the health board, for every trouble that suspends one',
);
const stable = here('models', 'the stable name stands for the first that there is');
const ownVendor = here('models', 'no name that is taken leads a client of any surface to another vendor');
const refreshed = here('models', 'replaces the built-in one once it was read, and is read again after a day');
const boundary = here('rest', 'after %s at the %s: %p');
const told = here('rest', 'each member that the service has no field for, and what was folded');
const propagated = here('headers', '%s %#');

export interface Feature {
  readonly feature: string;
  readonly need: 'required' | 'optional' | 'not possible';
  readonly state: string;
  readonly proofs: readonly Proof[];
}

/** What the Codex provider has, and what of it GitLab Duo needs and can have. */
export const features: readonly Feature[] = [
  { feature: 'whole replies over HTTP', need: 'required', state: 'native', proofs: [whole, clients] },
  {
    feature: 'streamed replies',
    need: 'required',
    state: 'native, each piece as it comes',
    proofs: [pieces, unbuffered],
  },
  {
    feature: '`/v1/responses`',
    need: 'required',
    state: 'native for GPT, translated for Claude',
    proofs: [byHistory, clients],
  },
  {
    feature: 'follow-ups by `previous_response_id`',
    need: 'required',
    state: 'Dragoman keeps the conversation',
    proofs: [
      followUps,
      here('clients', 'an id that nobody has given is refused as OpenAI refuses it, and never sent on'),
    ],
  },
  { feature: 'compaction', need: 'required', state: 'by emulation', proofs: [compacted] },
  {
    feature: 'tools, several at once',
    need: 'required',
    state: 'native',
    proofs: [offered, called, lightTools, thinking],
  },
  {
    feature: 'reasoning carried over turns',
    need: 'required',
    state: 'native; not by Chat Completions',
    proofs: [thinking, byHistory],
  },
  {
    feature: 'usage',
    need: 'required',
    state: 'native',
    proofs: [
      whole,
      here('clients', 'what a prompt cache has served and written is told in each client’s own words'),
    ],
  },
  {
    feature: 'renewal of logins',
    need: 'required',
    state: 'once for all, stored before it is used',
    proofs: [here('login', 'is renewed once for 200 turns at once, and has one grant'), slept, killed],
  },
  {
    feature: 'several accounts',
    need: 'required',
    state: 'also of several instances',
    proofs: [cooled, here('instances', 'asks its own instance and its own gateway')],
  },
  {
    feature: 'a list of models that stays true',
    need: 'required',
    state: 'closed list, daily refresh, stable name',
    proofs: [stable, refreshed],
  },
  { feature: 'pauses and suspensions', need: 'required', state: 'with the cure', proofs: [cooled, cured] },
  {
    feature: 'end of a session',
    need: 'optional',
    state: 'nothing is held upstream that would have to end',
    proofs: [here('hours', 'nobody is asked for anything while nobody uses it')],
  },
  {
    feature: 'token counts',
    need: 'optional',
    state: 'native for Claude, else estimated',
    proofs: [
      here('transport', 'of a Claude model are counted by the vendor'),
      here('transport', 'of a GPT model are estimated'),
    ],
  },
  {
    feature: 'a WebSocket of the client',
    need: 'optional',
    state: 'the gateway’s own affair: its turns go up over HTTP',
    proofs: [overSocket],
  },
  {
    feature: 'request ids of the upstream',
    need: 'not possible',
    state: 'the gateway strips them; Dragoman gives its own',
    proofs: [here('headers', 'nothing of the grant, and no header of the vendor, comes back to the client')],
  },
  {
    feature: 'a WebSocket to the upstream',
    need: 'not possible',
    state: 'the proxy has no such route',
    proofs: [cell],
  },
  {
    feature: 'responses stored upstream',
    need: 'not possible',
    state: 'the proxy has no such route',
    proofs: [cell],
  },
];

export interface Task {
  /** As the plan numbers and calls it. */
  readonly task: string;
  readonly result: string;
  readonly proofs: readonly Proof[];
}

export const tasks: readonly Task[] = [
  {
    task: '1.1 Codex parity checklist',
    result: 'the table above: each feature is required, optional or not possible',
    proofs: [here('docs', 'every feature has its row, its verdict and a test')],
  },
  {
    task: '1.2 runtime contract',
    result: 'gateway first; what is uncertain is a setting: `grant`, `transport`, `rest_fallback`',
    proofs: [here('failures', 'the simulator refuses in the words of the contract examples'), boundary],
  },
  {
    task: '1.3 client-facing targets',
    result: 'Messages, Chat Completions and Responses; what cannot be is in the matrix',
    proofs: [whole, clients],
  },
  {
    task: '2.1 strategy layers',
    result: 'grant, transport, REST, models and login apart, each with tests of its own',
    proofs: [
      here('grant', 'is asked for once in each of its lives, however many ask at once'),
      boundary,
      here('login', 'goes by one’s own application, with a proof and no secret'),
    ],
  },
  {
    task: '2.2 real streaming',
    result: 'each piece as it comes, by the gateway and by REST; early failures keep their status',
    proofs: [pieces, unbuffered, here('rest', 'gets each piece as it comes; without events: %p')],
  },
  {
    task: '2.3 upstream authentication and headers',
    result: 'the grant is one unit, renewed at most once a life; all its headers go along',
    proofs: [perLife, propagated],
  },
  {
    task: '3.1 several turns',
    result: 'passed whole; folded by REST within stated bounds, with notes',
    proofs: [
      thinking,
      here('rest', 'whole turns are left out from the oldest on, always the same, and never the last'),
      told,
    ],
  },
  {
    task: '3.2 tools',
    result: 'native; refused by REST with the name of the field',
    proofs: [
      offered,
      called,
      lightTools,
      clients,
      here('rest', 'more than text is refused with the name of its field'),
    ],
  },
  {
    task: '3.3 tokens and usage',
    result: 'counted by the vendor, else estimated; usage is the vendor’s',
    proofs: [here('transport', 'of a Claude model are counted by the vendor'), whole],
  },
  {
    task: '4.1 `/v1/responses`',
    result: 'on Claude and GPT; follow-ups and compaction by what Dragoman keeps',
    proofs: [followUps, compacted],
  },
  {
    task: '4.2 WebSocket',
    result: 'none upstream, and none claimed; a client’s goes up over HTTP',
    proofs: [cell, overSocket],
  },
  {
    task: '4.3 clean-up and recovery',
    result: 'cooling, suspension and their cures; nothing is held for a session',
    proofs: [cooled, cured, slept, killed],
  },
  {
    task: '5.1 model names and labels',
    result: '`gitlab-duo`, `duo-chat-*`, `pat:` and `oauth:`; no churn, no other vendor',
    proofs: [stable, ownVendor, here('login', 'is told apart by its name, and tells of itself')],
  },
  {
    task: '5.2 end to end',
    result: 'the vendors’ libraries, Claude Code and Codex CLI, on every surface',
    proofs: [unbuffered, thinking, byHistory, clients],
  },
  {
    task: '5.3 operator documentation',
    result: 'this page: set-up by OAuth and token, capabilities, limits',
    proofs: [
      here('docs', 'every setting that it names exists'),
      here('program', 'a new user logs in by OAuth %s, as the page says, and asks a model'),
      here('program', 'a person logs in at either instance, and reads what a suspended account needs'),
    ],
  },
];

const shown = (proofs: readonly Proof[]): string =>
  proofs.map(([file, title]) => `\`${file.replace('providers/gitlab/', '')}\`: ${title.trim()}`).join('<br>');

export const featureTable = (): string =>
  paddedTable([
    ['feature', 'for GitLab Duo', 'state', 'proved by'],
    ...features.map(({ feature, need, state, proofs }) => [feature, need, state, shown(proofs)]),
  ]);

export const taskTable = (): string =>
  paddedTable([
    ['', 'task', 'what came of it', 'proved by'],
    ...tasks.map(({ task, result, proofs }) => ['✓', task, result, shown(proofs)]),
  ]);
