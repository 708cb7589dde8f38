import { asObject, asString, parseObject } from '../turn/json.ts';
import type { Client } from './clients/client.ts';
import { keyAgainMs, keyKnownMs } from './reach.ts';

/** A small turn may have to wait for a model to be loaded. */
const answerMs = 120_000;
export type Ask = (request: Request) => Response | Promise<Response>;

/** Asks a model through a gateway as the client would, once; throws an `Unproven` where that did not work. */
export async function prove(
  client: Client,
  model: string,
  key: string,
  url: string,
  ask: Ask,
): Promise<void> {
  const { path, body, headers } = client.probe(model);
  const giveUpMs = performance.now() + keyKnownMs;
  for (;;) {
    const request = new Request(url + path, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(answerMs),
    });
    const response = await ask(request);
    const text = await response.text();
    if (response.ok) return;
    if (response.status === 401 && performance.now() < giveUpMs) {
      await Bun.sleep(keyAgainMs);
      continue;
    }
    throw new Unproven(response.status, model, messageIn(text));
  }
}

/** The gateway did not answer a request that a client would send. */
export class Unproven extends Error {
  override readonly name = 'Unproven';
  readonly status: number;

  constructor(status: number, model: string, why: string) {
    super(`asking ${model} through the gateway gave ${status}: ${why}`);
    this.status = status;
  }
}

function messageIn(text: string): string {
  // What is no error of a protocol is told as it stands.
  return asString(asObject(parseObject(text)?.error)?.message) ?? text.slice(0, 200);
}
