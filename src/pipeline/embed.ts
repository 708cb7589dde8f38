import { embeddingsUsage } from '../protocols/embeddings.ts';
import { refuse } from '../turn/failure.ts';
import { answer } from './answer.ts';
import { readAsked } from './asked.ts';
import { attempts, findRoutes, served } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';
import { exchangeWhole, passWhole, readWhole, wholeReply } from './whole-call.ts';

/** 2,048 vectors of 3,072 numbers written out are some 130 MB. */
const answerBytesMax = 256 * 1024 * 1024;

/**
 * Carries a request for embeddings, in the native lane only: vectors of one model mean nothing to another, so that
 * whoever asks knows whom. Every end is recorded exactly once.
 */
export const serveEmbeddings = (deps: PipelineDeps, inbound: Inbound): Promise<Response> =>
  served(deps, inbound, embed);

async function embed(deps: PipelineDeps, inbound: Inbound): Promise<Response> {
  const { record, surface } = inbound;
  const operation = inbound.operation as 'embed' | 'embed_batch';
  const body = await inbound.body();
  record.bytesIn = body.length;
  const asked = readAsked(body, inbound);
  record.model = asked.model;
  const routes = await findRoutes(deps, inbound, asked.model);
  const able = routes.filter(({ provider }) => provider.offers?.(operation, surface.id));
  if (able.length === 0) {
    refuse(
      `the model ${JSON.stringify(asked.model.slice(0, 200))} makes no embeddings here: its provider ` +
        `${routes[0]!.provider.name} has no such route`,
      'model',
      { code: 'unsupported_model' },
    );
  }
  return attempts(deps, inbound, able, body, async (attempt) => {
    const outgoing = passWhole(deps, inbound, body, asked, attempt.route);
    const exchange = await exchangeWhole(deps, inbound, attempt, surface, operation, outgoing);
    if (!exchange.response.ok) return answer(exchange);
    const bytes = await readWhole(exchange, answerBytesMax);
    return wholeReply(exchange, bytes, {}, embeddingsUsage(surface.id, bytes));
  });
}
