import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asNumber, asString, isObject, type Json } from '../turn/json.ts';
import { readCatalog, type ModelCatalog } from './models-dev.ts';

export interface FactsRefreshOptions {
  /** A document of the shape of models.dev's `api.json`. */
  readonly url: string;
  readonly everyMs: number;
  /** Where the last good catalog is kept; only in memory when absent. */
  readonly file?: string;
  /** The catalog that came with the program: its vendors are kept, and its size is what others are measured by. */
  readonly snapshot: ModelCatalog;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  /** Takes a catalog that was found good. */
  readonly renewed: (catalog: ModelCatalog) => void;
  /** Hears how each asking went. */
  readonly report?: (outcome: RefreshOutcome) => void;
}

export type RefreshOutcome =
  | { readonly kind: 'renewed'; readonly models: number }
  | { readonly kind: 'unchanged' }
  /** What was good last stays in use. */
  | { readonly kind: 'failed'; readonly why: string };

export interface FactsRefresh {
  /** Takes up what is kept on disk, then asks for newer from time to time. Returns at once and never throws. */
  start(): void;
  /** Asks now. */
  refresh(): Promise<RefreshOutcome>;
  stop(): void;
}

const answerMs = 30_000;
const bodyBytesMax = 32 * 1024 * 1024;
/** After a failure it is asked again this soon, then twice as late each time. */
const retryMs = 5 * 60_000;
/** A catalog with fewer models than this share of the snapshot is a broken one. */
const modelsMin = 0.5;
/** So is one of which more than this share is not of the shape. */
const faultyMax = 0.1;

/**
 * Keeps a model catalog up to date. It is asked with the `ETag` of the one before; whatever is not whole, far
 * smaller than the snapshot or not of the shape is refused, and the last good one stays.
 */
export function factsRefresh(options: FactsRefreshOptions): FactsRefresh {
  const { url, everyMs, file, snapshot, nowMs, report } = options;
  const vendors = Object.keys(snapshot);
  const floor = countOf(snapshot) * modelsMin;
  const stopped = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let etag: string | undefined;
  let catalog: ModelCatalog | undefined;
  let failures = 0;

  async function refresh(): Promise<RefreshOutcome> {
    let outcome: RefreshOutcome;
    try {
      outcome = await ask();
      failures = 0;
    } catch (error) {
      failures++;
      outcome = { kind: 'failed', why: error instanceof Error ? error.message : String(error) };
    }
    if (!stopped.signal.aborted) report?.(outcome);
    return outcome;
  }

  async function ask(): Promise<RefreshOutcome> {
    const response = await options.fetch(url, {
      headers: { accept: 'application/json', ...(etag !== undefined && { 'if-none-match': etag }) },
      signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMs)]),
      // Where it leads was configured by nobody.
      redirect: 'manual',
    });
    if (response.status === 304 && catalog !== undefined) {
      await keep();
      return { kind: 'unchanged' };
    }
    if (!response.ok) {
      void response.body?.cancel();
      throw new Error(`the catalog's server answered ${response.status}`);
    }
    const found = checked(JSON.parse(await boundedText(response)));
    etag = response.headers.get('etag') ?? undefined;
    catalog = found.catalog;
    options.renewed(catalog);
    await keep();
    return { kind: 'renewed', models: found.models };
  }

  function checked(document: unknown): { catalog: ModelCatalog; models: number } {
    const { faulty, ...found } = readCatalog(document, vendors);
    if (found.models < floor)
      throw new Error(`the catalog has ${found.models} models of ${countOf(snapshot)} or so`);
    if (faulty.length > found.models * faultyMax)
      throw new Error(`${faulty.length} models of the catalog are not of the shape`);
    return found;
  }

  /** A file that cannot be written costs the next start one more request, nothing else. */
  async function keep(): Promise<void> {
    if (file === undefined) return;
    const part = `${file}.${process.pid}.part`;
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(part, JSON.stringify({ url, etag, askedMs: nowMs(), catalog }), { mode: 0o600 });
      await rename(part, file);
    } catch {
      await rm(part, { force: true }).catch(() => {});
    }
  }

  /** Takes up what was kept; returns when that was asked for. */
  async function takeUp(): Promise<number | undefined> {
    if (file === undefined) return undefined;
    try {
      const kept = JSON.parse(await readFile(file, 'utf8')) as Json;
      if (!isObject(kept) || kept.url !== url) return undefined;
      ({ catalog } = checked(kept.catalog));
      etag = asString(kept.etag);
      options.renewed(catalog);
      return asNumber(kept.askedMs);
    } catch {
      // There is none yet, or it is damaged: the next answer replaces it.
      return undefined;
    }
  }

  function schedule(inMs: number): void {
    if (stopped.signal.aborted) return;
    timer = setTimeout(() => void refresh().then(next), Math.max(0, inMs));
    timer.unref?.();
  }

  const next = (): void =>
    schedule(failures === 0 ? everyMs : Math.min(everyMs, retryMs * 2 ** Math.min(failures - 1, 10)));

  return {
    start: () =>
      void takeUp().then((askedMs) => {
        const sinceMs = askedMs === undefined ? everyMs : nowMs() - askedMs;
        schedule(sinceMs < 0 ? 0 : everyMs - sinceMs);
      }),
    refresh,
    stop() {
      stopped.abort();
      clearTimeout(timer);
    },
  };
}

const countOf = (catalog: ModelCatalog): number =>
  Object.values(catalog).reduce((count, { models }) => count + Object.keys(models).length, 0);

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error(`the catalog is larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
