import type { Account } from '../accounts/account.ts';
import type { Vault } from '../accounts/vault.ts';
import { readOriginLabel, type OpaqueRules } from '../protocols/opaque.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { Route } from '../routing/catalog.ts';
import type { Attempt } from './dispatch.ts';
import type { Inbound, PipelineDeps } from './exchange.ts';

/** Who made an opaque value. */
export interface Origin {
  readonly provider: string;
  /** The account's id. */
  readonly account: string;
  /** As the provider calls it. */
  readonly model: string;
}

/**
 * Writes and reads where opaque values come from. An origin is sealed for the caller whose reply the value is in, and
 * lies nowhere but in the value itself.
 */
export interface Origins {
  /** The origin as text that only this gateway can read: base64url and dots. The same for all values of one origin. */
  seal(caller: string, origin: Origin): string;
  /** `strange`: it is this gateway's own, but for another caller, or was changed. `unknown`: it is of another one. */
  read(caller: string, sealed: string): Origin | 'strange' | 'unknown';
  /** The sealed origin in a value of this gateway's own, be it a label or the seal of another protocol. */
  find(value: string): { sealed: string; labelLength: number } | undefined;
}

/** Origins that are remembered in each direction. */
const heldMax = 10_000;
/** The least that must be seen of a packed seal to find its origin. */
export const headCharsMin = 768;
const packedHeads = /^drgr?1:/;
const packedBase64 = /^ZHJndDE6/;

export function createOrigins(vault: Pick<Vault, 'seal' | 'open' | 'keyId'>): Origins {
  const sealedOf = new Map<string, string>();
  const readAs = new Map<string, Origin | 'strange'>();
  const about = (caller: string): string => `the origin of reasoning of ${caller}`;
  const own = `v1.${vault.keyId}.`;
  const packed = new RegExp(`:(v1\\.${vault.keyId}\\.[\\w-]+):`);

  return {
    seal(caller, { provider, account, model }) {
      const text = JSON.stringify([provider, account, model]);
      return remembered(sealedOf, `${caller}\n${text}`, () => vault.seal(text, about(caller)));
    },
    read(caller, sealed) {
      if (!sealed.startsWith(own)) return 'unknown';
      // None of ours is that long, and what is not ours is not remembered at length.
      if (sealed.length > headCharsMin) return 'strange';
      return remembered(readAs, `${caller}\n${sealed}`, () => {
        try {
          const [provider, account, model] = JSON.parse(vault.open(sealed, about(caller))) as string[];
          return { provider: provider!, account: account!, model: model! };
        } catch {
          return 'strange';
        }
      });
    },
    find(value) {
      const label = readOriginLabel(value);
      if (label !== undefined) return { sealed: label.sealed, labelLength: label.length };
      let text = packedHeads.test(value) ? value : '';
      if (packedBase64.test(value))
        text = Buffer.from(value.slice(0, headCharsMin), 'base64').toString('latin1');
      const sealed = packed.exec(text)?.[1];
      return sealed === undefined ? undefined : { sealed, labelLength: 0 };
    },
  };
}

function remembered<T>(held: Map<string, T>, key: string, make: () => T): T {
  let value = held.get(key);
  if (value === undefined) {
    value = make();
    if (held.size >= heldMax) held.delete(held.keys().next().value!);
    held.set(key, value);
  }
  return value;
}

/** Whether what comes from there may go to this account: reasoning is the model's, and in some protocols the account's. */
export const isMaker = (
  origin: Origin,
  { provider, model }: Route,
  { id }: Pick<Account, 'id'>,
  { accountBound }: OpaqueRules,
): boolean =>
  origin.provider === provider.name && origin.model === model && (!accountBound || origin.account === id);

/**
 * Whether the next turn may go to another maker in the client's own protocol: to another account or target of the
 * same name, or to another provider by a name of the client's choice.
 */
const hasRivals = (deps: PipelineDeps, { id }: Protocol, routes: readonly Route[]): boolean =>
  hasChoice(deps, routes) || deps.catalog.speakers(id) > 1;

/** Whether more than one account may be asked for what these routes have. */
export const hasChoice = ({ accounts }: PipelineDeps, routes: readonly Route[]): boolean =>
  routes.length > 1 || accounts.of(routes[0]!.provider.name).length > 1;

/**
 * What labels the opaque values of a reply with their maker; `undefined` where nobody else could come to read them, so
 * that the client's own protocol passes as it came.
 */
export const sealedOrigin = (
  deps: PipelineDeps,
  { surface, caller }: Inbound,
  routes: readonly Route[],
  { route, account }: Attempt,
  isOwn: boolean,
): string | undefined =>
  isOwn && !hasRivals(deps, surface, routes)
    ? undefined
    : deps.origins.seal(caller.id, {
        provider: route.provider.name,
        account: account.id,
        model: route.model,
      });
