import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ProtocolId } from '../../src/turn/part.ts';

/** What the corpus index computed from a stream by plain concatenation. Hashes are the first 16 hex digits of SHA-256. */
export interface Facts {
  readonly events: number;
  readonly text_chars: number;
  readonly text_sha256_16: string;
  readonly reasoning_chars: number;
  readonly reasoning_sha256_16: string;
  readonly refusal_chars?: number;
  readonly refusal_sha256_16?: string;
  readonly signature_chars?: number;
  readonly tools?: readonly {
    readonly id: string;
    readonly name: string;
    readonly args_chars: number;
    readonly args_sha256_16: string;
    readonly custom?: boolean;
  }[];
  readonly finish?: readonly string[];
  readonly usage?: Record<string, unknown>;
  readonly kinds?: Record<string, number>;
  /** `ok`, or what the protocol's own official SDK threw on these bytes. */
  readonly own_sdk?: string;
  readonly grammar_oddities?: readonly string[];
}

/** One server-sent event as it stands on the wire, without its blank line. A block without `data` is a comment. */
export interface SseBlock {
  readonly text: string;
  readonly event?: string;
  readonly data?: string;
}

export interface StreamFixture {
  /** The file under `fixtures/` without its suffix, or `parallel-cases/<case>/<protocol>.<which>`. */
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly blocks: readonly SseBlock[];
  readonly provenance: string;
  readonly note?: string;
  readonly facts?: Facts;
}

export interface ResultFixture {
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly note?: string;
}

export interface RequestFixture {
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly body: Record<string, unknown>;
}

export interface ErrorFixture {
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly status: number;
  readonly contentType: string;
  /** Verbatim. */
  readonly body: string;
  readonly requestWasStreaming: boolean;
}

export interface ParallelSide {
  readonly request?: Record<string, unknown>;
  readonly response?: Record<string, unknown>;
  readonly stream?: readonly Record<string, unknown>[];
  readonly followup_request?: Record<string, unknown>;
  readonly followup_response?: Record<string, unknown>;
  readonly followup_stream?: readonly Record<string, unknown>[];
}

export interface ParallelCase {
  readonly name: string;
  readonly sides: Partial<Record<ProtocolId, ParallelSide>>;
}

interface IndexEntry {
  readonly file: string;
  readonly protocol: string;
  readonly shape: string;
  readonly provenance: string;
  readonly status?: number;
  readonly note?: string;
  readonly facts?: Facts;
  readonly facts_per_stream?: Record<string, Facts>;
}

const projectRoot = resolve(import.meta.dir, '../..');

/** Where the recorded replies and specifications are: `$DRAGOMAN_CORPUS`, else `../shared` beside the project. */
export const corpusRoot = resolve(projectRoot, process.env['DRAGOMAN_CORPUS'] ?? '../shared');

const fixturesRoot = join(corpusRoot, 'fixtures');

/** Whether this machine has the corpus; tests that need it skip with a visible line when it does not. */
export const corpusAvailable = existsSync(join(fixturesRoot, 'index.json'));

/** The corpus names Gemini's protocol otherwise than the gateway does. */
const protocolOf: Record<string, ProtocolId> = {
  'openai-chat': 'openai-chat',
  'openai-responses': 'openai-responses',
  'anthropic-messages': 'anthropic-messages',
  'gemini-generate': 'google-gemini',
};

let entries: readonly IndexEntry[] | undefined;

function index(): readonly IndexEntry[] {
  if (!corpusAvailable) return [];
  entries ??= (JSON.parse(readFileSync(join(fixturesRoot, 'index.json'), 'utf8')) as { files: IndexEntry[] })
    .files;
  return entries;
}

const read = (file: string): string => readFileSync(join(fixturesRoot, file), 'utf8');
const byName = (a: { name: string }, b: { name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/**
 * Every recorded stream, those inside the parallel cases included, sorted by name.
 *
 * @example
 * for (const fixture of streamFixtures('openai-chat')) replay.enqueue(streamScript(fixture.blocks));
 */
export function streamFixtures(protocol?: ProtocolId): StreamFixture[] {
  const fixtures: StreamFixture[] = [];
  for (const entry of index()) {
    if (entry.shape === 'parallel.json') {
      fixtures.push(...streamsOfCase(entry));
    } else if (entry.shape === 'stream.sse' || entry.shape === 'stream.jsonl') {
      const id = protocolOf[entry.protocol];
      if (!id) continue;
      fixtures.push({
        name: entry.file.replace(/\.stream\.(sse|jsonl)$/, ''),
        protocol: id,
        blocks:
          entry.shape === 'stream.sse' ? blocksOfSse(read(entry.file)) : blocksOfJsonl(read(entry.file), id),
        provenance: entry.provenance,
        note: entry.note,
        facts: entry.facts,
      });
    }
  }
  return fixtures.filter((fixture) => !protocol || fixture.protocol === protocol).sort(byName);
}

/** Every recorded one-shot reply, those inside the parallel cases included, sorted by name. */
export function resultFixtures(protocol?: ProtocolId): ResultFixture[] {
  const fixtures: ResultFixture[] = [];
  for (const entry of index()) {
    const id = protocolOf[entry.protocol];
    if (entry.shape !== 'response.json' || !id) continue;
    const body = JSON.parse(read(entry.file)) as Record<string, unknown>;
    fixtures.push({
      name: entry.file.replace(/\.response\.json$/, ''),
      protocol: id,
      // The index leaves the status of some recorded error bodies out; all of those are quota refusals.
      status: entry.status ?? ('error' in body && body['error'] && !('object' in body) ? 429 : 200),
      body,
      note: entry.note,
    });
  }
  for (const parallel of parallelCases()) {
    for (const [id, side] of Object.entries(parallel.sides) as [ProtocolId, ParallelSide][]) {
      for (const which of ['response', 'followup_response'] as const) {
        const body = side[which];
        if (body) {
          fixtures.push({
            name: `parallel-cases/${parallel.name}/${id}.${which}`,
            protocol: id,
            status: 200,
            body,
          });
        }
      }
    }
  }
  return fixtures.filter((fixture) => !protocol || fixture.protocol === protocol).sort(byName);
}

/** Requests that clients were recorded to send. */
export function requestFixtures(protocol?: ProtocolId): RequestFixture[] {
  return index()
    .filter((entry) => entry.shape === 'request.json' && protocolOf[entry.protocol])
    .map((entry) => ({
      name: entry.file.replace(/\.request\.json$/, ''),
      protocol: protocolOf[entry.protocol]!,
      body: JSON.parse(read(entry.file)) as Record<string, unknown>,
    }))
    .filter((fixture) => !protocol || fixture.protocol === protocol)
    .sort(byName);
}

/** Replies with an error status. */
export function errorFixtures(protocol?: ProtocolId): ErrorFixture[] {
  const fixtures: ErrorFixture[] = [];
  for (const entry of index()) {
    const id = protocolOf[entry.protocol];
    if (entry.shape !== 'errors.jsonl' || !id) continue;
    jsonLines(read(entry.file)).forEach((line, i) => {
      const row = line as {
        status: number;
        content_type: string;
        body: string;
        request_was_streaming?: boolean;
      };
      fixtures.push({
        name: `${entry.file}#${i + 1}`,
        protocol: id,
        status: row.status,
        contentType: row.content_type,
        body: row.body,
        requestWasStreaming: row.request_was_streaming ?? false,
      });
    });
  }
  return fixtures.filter((fixture) => !protocol || fixture.protocol === protocol);
}

/** One meaning asked of several providers, each in its own protocol. */
export function parallelCases(): ParallelCase[] {
  return index()
    .filter((entry) => entry.shape === 'parallel.json')
    .map(caseOf)
    .sort(byName);
}

/** A JSONL file of the corpus by its path under `fixtures/`, a value a line. */
export const corpusLines = (file: string): unknown[] => jsonLines(read(file));

/** A JSON file of the corpus by its path under the corpus root, such as `specs/openai.openapi.json`. */
export const corpusJson = (file: string): unknown => JSON.parse(readFileSync(join(corpusRoot, file), 'utf8'));

/** Splits the text of an event stream into its events and comments. */
export function blocksOfSse(text: string): SseBlock[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/(?:\r\n|\r(?!\n)|\n){2,}/)
    .filter((block) => block.trim() !== '')
    .map((block) => {
      let event: string | undefined;
      let data: string | undefined;
      for (const line of block.split(/\r\n|\r|\n/)) {
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') event = value;
        else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`;
      }
      return { text: block.replace(/(\r\n|\r|\n)+$/, ''), event, data };
    });
}

/** Makes events from payloads, one JSON value each, as the protocol frames them. */
export function blocksOfPayloads(payloads: readonly string[], protocol: ProtocolId): SseBlock[] {
  const blocks = payloads.map((data): SseBlock => {
    if (protocol === 'openai-chat' || protocol === 'google-gemini') return { text: `data: ${data}`, data };
    const event = (JSON.parse(data) as { type: string }).type;
    return { text: `event: ${event}\ndata: ${data}`, event, data };
  });
  if (protocol === 'openai-chat') blocks.push({ text: 'data: [DONE]', data: '[DONE]' });
  return blocks;
}

/** The JSON payloads of a stream, in order, without `[DONE]` and whatever else is not JSON. */
export function payloadsOf(blocks: readonly SseBlock[]): Record<string, unknown>[] {
  const payloads: Record<string, unknown>[] = [];
  for (const { data } of blocks) {
    if (data === undefined || data === '' || data === '[DONE]') continue;
    try {
      payloads.push(JSON.parse(data) as Record<string, unknown>);
    } catch {
      // A payload that is no JSON carries nothing to compare; the framing checks report it.
    }
  }
  return payloads;
}

function blocksOfJsonl(text: string, protocol: ProtocolId): SseBlock[] {
  return blocksOfPayloads(
    text.split('\n').filter((line) => line.trim() !== ''),
    protocol,
  );
}

function jsonLines(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown);
}

function caseOf(entry: IndexEntry): ParallelCase {
  const file = JSON.parse(read(entry.file)) as { case: string; protocols: Record<string, ParallelSide> };
  const sides: Partial<Record<ProtocolId, ParallelSide>> = {};
  for (const [name, side] of Object.entries(file.protocols)) {
    const id = protocolOf[name];
    if (id) sides[id] = side;
  }
  return { name: file.case, sides };
}

function streamsOfCase(entry: IndexEntry): StreamFixture[] {
  const parallel = caseOf(entry);
  const fixtures: StreamFixture[] = [];
  for (const [id, side] of Object.entries(parallel.sides) as [ProtocolId, ParallelSide][]) {
    const corpusName = Object.keys(protocolOf).find((name) => protocolOf[name] === id)!;
    for (const which of ['stream', 'followup_stream'] as const) {
      const events = side[which];
      if (!events) continue;
      fixtures.push({
        name: `parallel-cases/${parallel.name}/${id}.${which}`,
        protocol: id,
        blocks: blocksOfPayloads(
          events.map((event) => JSON.stringify(event)),
          id,
        ),
        provenance: entry.provenance,
        facts: entry.facts_per_stream?.[`${corpusName}.${which}`],
      });
    }
  }
  return fixtures;
}
