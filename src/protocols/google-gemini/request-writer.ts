import type { TurnRequest } from '../../turn/request.ts';
import type { Ledger } from '../ledger.ts';
import type { EncodeTarget } from '../protocol.ts';

/** What the conversation of another protocol's request is written with. */
export interface RequestWriter {
  readonly request: TurnRequest;
  readonly target: EncodeTarget;
  readonly ledger: Ledger;
  /** A tool's name on the wire. */
  wireName(name: string, namespace?: string): string;
}
