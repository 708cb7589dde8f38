import type { Account } from '../../accounts/account.ts';
import { asObject, asString, type JsonObject } from '../../turn/json.ts';
import type { Grants } from './grant.ts';
import { askInstance, type Instance } from './instance.ts';
import type { ListedModel } from './models.ts';

/**
 * The models that administrators have pinned for GitLab's own clients. The gateway's proxy does not hold anybody to
 * them; they are shown.
 */
export interface Pins {
  /** Asks for the one that concerns an account; as people read it, `undefined` where none is or nobody can tell. */
  ask(account: Account, models: readonly ListedModel[]): Promise<string | undefined>;
  /** Asks behind, where that is due, what concerns an account. */
  look(account: Account): void;
  /** GitLab's identifiers of all that are known to be pinned. */
  refs(): readonly string[];
}

interface Pinned {
  readonly name: string;
  readonly ref: string;
}

const freshMs = 24 * 60 * 60_000;
const askMs = 10_000;
const accountsMax = 1_000;
const charsMax = 100;

/** Instances before 18.4 do not have the field, and say so in an error that is not read. */
const query =
  'query DuoModels($rootNamespaceId: GroupID) { aiChatAvailableModels(rootNamespaceId: $rootNamespaceId) { pinnedModel { name ref } } }';

export function createPins(
  instance: Instance,
  grants: Grants,
  changed: () => void,
  nowMs: () => number,
): Pins {
  const known = new Map<string, { dueMs: number; pinned?: Pinned }>();

  async function asked(account: Account): Promise<Pinned | undefined> {
    const signal = AbortSignal.timeout(askMs);
    const { headers } = await grants.of(account, signal);
    const root = headers['x-gitlab-root-namespace-id'];
    const variables: JsonObject = root ? { rootNamespaceId: `gid://gitlab/Group/${root}` } : {};
    const { token } = account.secret;
    const answer = await askInstance(instance, 'POST', '/api/graphql', token, signal, { query, variables });
    const offer = asObject(asObject(answer.body.data)?.aiChatAvailableModels);
    const pinned = asObject(offer?.pinnedModel);
    const ref = asString(pinned?.ref);
    return ref === undefined ? undefined : { ref, name: plain(asString(pinned?.name) ?? ref) };
  }

  async function learn(account: Account): Promise<Pinned | undefined> {
    if (known.size >= accountsMax) known.clear();
    const entry: { dueMs: number; pinned?: Pinned } = { ...known.get(account.id), dueMs: nowMs() + freshMs };
    known.set(account.id, entry);
    const before = entry.pinned?.ref;
    entry.pinned = await asked(account);
    if (entry.pinned?.ref !== before) changed();
    return entry.pinned;
  }

  return {
    async ask(account, models) {
      const pinned = await learn(account).catch(() => undefined);
      if (pinned === undefined) return undefined;
      const model = models.find(({ gitlabId }) => gitlabId === pinned.ref);
      return model === undefined ? pinned.name : `${pinned.name} (${model.id})`;
    },
    look(account) {
      if ((known.get(account.id)?.dueMs ?? -Infinity) > nowMs()) return;
      // It is shown and nothing hangs on it: an instance that cannot tell is asked again tomorrow.
      void learn(account).catch(() => undefined);
    },
    refs: () => [...known.values()].flatMap(({ pinned }) => pinned?.ref ?? []),
  };
}

const plain = (words: string): string => words.replace(/[^\x20-\x7e]/g, ' ').slice(0, charsMax);
