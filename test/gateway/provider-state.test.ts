import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { createVault } from '../../src/accounts/vault.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createGateway, schemasWith, type Gateway } from '../../src/gateway.ts';
import type { Provider, ProviderKind } from '../../src/providers/provider.ts';
import type { ProviderState } from '../../src/sessions/provider-state.ts';
import { openState, type State } from '../../src/server/state.ts';
import { openStore } from '../../src/store/open.ts';
import type { JsonObject } from '../../src/turn/json.ts';

/**
 * A provider that counts how often a conversation has been narrowed: it goes on in the pane of its parent, opens the
 * next one for a fork, and steps on by one where the conversation was replaced.
 */
interface Pane {
  readonly house: string;
  readonly pane: number;
  /** The pane that the next fork gets. */
  readonly next?: number;
}

const sent: string[] = [];
let houses = 0;
let replies = 0;
let compacts = false;
let mode: string | undefined;

function paneOf(state: ProviderState): Pane {
  const pending = state.read() as unknown as Pane | undefined;
  const parent = state.readParent() as unknown as Pane | undefined;
  if (parent === undefined) return pending ?? { house: `house${++houses}`, pane: 0 };
  const pane = parent.next ?? parent.pane;
  state.leaveWithParent({ ...parent, next: pane + 1 } as unknown as JsonObject);
  return { house: parent.house, pane };
}

const panes: ProviderKind<{ name: string; type: 'panes' }> = {
  type: 'panes',
  configSchema: z.strictObject({ name: z.string(), type: z.literal('panes') }),
  create: ({ name, type }): Provider => ({
    name,
    type,
    protocols: () => ['openai-responses'],
    abilities: () => ({}),
    configured: [{ id: 'm' }],
    accounts: [],
    anonymous: true,
    discover: async () => [],
    prepare({ state, body }) {
      if (state !== undefined) {
        const pane = paneOf(state);
        state.leave({ ...pane });
        sent.push(`${pane.house}:${pane.pane}`);
      }
      return { url: 'panes:', headers: {}, body };
    },
    async send() {
      const id = `resp_${++replies}`;
      const item = compacts
        ? { type: 'compaction', id: `cmp_${replies}`, encrypted_content: 'x' }
        : { type: 'message', id: `msg_${replies}`, role: 'assistant', status: 'completed', content: [] };
      return Response.json({ id, object: 'response', status: 'completed', model: 'm', output: [item] });
    },
    settle(outcome, state) {
      ({ mode } = outcome);
      const pane = state.read() as unknown as Pane;
      if (mode === 'replace') state.leave({ house: pane.house, pane: pane.pane + 1 });
    },
  }),
};

let state: State;
let gateway: Gateway;
beforeAll(async () => {
  const vault = createVault(new Uint8Array(32).fill(5));
  state = await openState({ stored: { store: await openStore('sqlite::memory:'), vault } });
  const kinds = [panes];
  gateway = createGateway({
    config: configSchema(schemasWith(kinds)).parse({ providers: [{ name: 'up', type: 'panes' }] }),
    version: 'test',
    state,
    kinds,
    metrics: () => '',
    recorder: { record() {}, streamsOpen() {} },
  });
});
afterAll(async () => {
  await gateway.stop({ drainMs: 0 });
  await state.close();
});

/** One turn; returns its id and where the provider sent it. */
async function turn(previous?: string, more: JsonObject = {}): Promise<{ id: string; pane: string }> {
  const body = { model: 'm', input: 'hi', previous_response_id: previous, ...more };
  const answer = await gateway.fetch(
    new Request('http://127.0.0.1/v1/responses', { method: 'POST', body: JSON.stringify(body) }),
  );
  const { id } = (await answer.json()) as { id: string };
  return { id, pane: sent.at(-1)! };
}

async function compacted(previous: string): Promise<{ id: string; pane: string }> {
  compacts = true;
  try {
    return await turn(previous);
  } finally {
    compacts = false;
  }
}

describe('what a provider leaves with a conversation', () => {
  test('goes with it from turn to turn', async () => {
    const first = await turn();
    const second = await turn(first.id);
    const third = await turn(second.id);
    expect([first.pane, second.pane, third.pane]).toEqual(['house1:0', 'house1:0', 'house1:0']);
    expect((await turn()).pane).toBe('house2:0');
  });

  test('tells forks apart', async () => {
    const root = await turn();
    const panesOfForks = [];
    for (let i = 0; i < 3; i++) panesOfForks.push((await turn(root.id)).pane);
    expect(panesOfForks).toEqual(['house3:0', 'house3:1', 'house3:2']);
  });

  test('is stepped on where the conversation is replaced, in that branch only', async () => {
    const root = await turn();
    const left = await turn(root.id);
    const right = await turn(root.id);
    expect(right.pane).toBe('house4:1');
    const replaced = await compacted(left.id);
    expect(replaced.pane).toBe('house4:0');
    expect(mode).toBe('replace');
    expect((await turn(replaced.id)).pane).toBe('house4:1');
    expect((await turn(right.id)).pane).toBe('house4:1');
    expect(mode).toBe('append');
  });

  test('is not written by a turn that is not stored', async () => {
    const root = await turn();
    await turn(root.id, { store: false });
    await turn(root.id, { store: false });
    expect((await turn(root.id)).pane).toBe('house5:0');
  });
});
