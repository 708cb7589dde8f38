import type { Sight } from '../protocols/tap.ts';
import { settleCharge } from '../telemetry/charges.ts';
import type { Outcome, TurnRecord } from '../telemetry/record.ts';
import type { Failure } from '../turn/failure.ts';
import type { PipelineDeps } from './exchange.ts';

/** Closes the record of a turn and hands it over. */
export function finishRecord(
  deps: PipelineDeps,
  record: TurnRecord,
  failure: Failure | undefined,
  sight?: Sight,
): void {
  record.endedMs = performance.now();
  record.outcome = outcomeOf(failure);
  if (failure) {
    record.failure = failure;
    if (!record.headersMs) record.status = failure.status;
  }
  if (sight) {
    record.usage = sight.usage;
    record.stop = sight.stop;
  }
  const isComplete = failure === undefined || (sight?.done === true && sight.failure === undefined);
  settleCharge(record, record.usage, isComplete);
  deps.recorder.record(record);
  record.ended?.(failure);
}

function outcomeOf(failure: Failure | undefined): Outcome {
  if (failure === undefined) return 'ok';
  return failure.kind === 'cancelled' || failure.kind === 'cut' ? failure.kind : 'error';
}
