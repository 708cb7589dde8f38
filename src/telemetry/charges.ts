import type { Usage } from '../turn/usage.ts';
import { dispatchCost, turnCost } from './cost.ts';
import type { TurnRecord } from './record.ts';

/** A request goes to the upstream that the record names: from here on it may cost something. */
export function openCharge(record: TurnRecord): void {
  const { provider = '', accountId: account, upstreamModel: model = '', prices } = record;
  record.charging = { provider, account, model, prices };
  record.usage = undefined;
}

/** The upstream was not reached, or has refused: it charges nothing. */
export function dropCharge(record: TurnRecord): void {
  record.charging = undefined;
}

/**
 * The answer has ended, `whole` or not, with this usage: its cost is added to the turn's. Does nothing when no charge
 * is open.
 */
export function settleCharge(record: TurnRecord, usage: Usage | undefined, whole: boolean): void {
  if (record.charging === undefined) return;
  const { account } = record.charging;
  const cost = dispatchCost({ ...record.charging, usage, whole });
  record.costs = [...record.costs, { ...cost, account, usage }];
  record.charging = undefined;
  const sum = turnCost(record.costs);
  record.costUsd = sum?.usd;
  record.costBasis = sum?.basis;
}
