import { describe, expect, test } from 'bun:test';
import { fieldAt, fieldOf, holdsFields, treatment } from '../../src/protocols/contracts.ts';
import { createLedger } from '../../src/protocols/ledger.ts';
import type { TurnRequest } from '../../src/turn/request.ts';

const request = (more: Partial<TurnRequest>): TurnRequest => ({
  protocol: 'openai-responses',
  model: 'm',
  instructions: [],
  turns: [],
  tools: [],
  sampling: {},
  delivery: { stream: false },
  meta: {},
  extras: {},
  ...more,
});

describe('finding a field', () => {
  test('by the member that it becomes', () => {
    expect(fieldOf('anthropic-messages', 'outputTokensMax')?.path).toBe('max_tokens');
    expect(fieldOf('openai-responses', 'sampling.topK')).toBeUndefined();
  });

  test('at a place with indexes, the right one among variants', () => {
    expect(fieldAt('openai-chat', 'messages[3].content[0].cache_control')?.is).toBe('parts.cache');
    expect(fieldAt('openai-responses', 'input[type=compaction_trigger]')?.elsewhere?.fate).toBe('refuse');
    expect(fieldAt('anthropic-messages', 'tools[type=web_search_20990101].max_uses')?.path).toBe(
      'tools[type=web_search_*].max_uses',
    );
  });

  test('inside a field that holds it, or where the same members are declared', () => {
    expect(fieldAt('openai-chat', 'response_format.json_schema.schema.properties.a')?.is).toBe(
      'format.schema',
    );
    const nested =
      'messages[0].content[type=tool_result].content[type=search_result].content[type=text].text';
    expect(fieldAt('anthropic-messages', nested)?.is).toBe('parts.text');
  });

  test('nothing stands where nobody has declared anything', () => {
    expect(fieldAt('openai-chat', 'invented')).toBeUndefined();
    expect(fieldAt('openai-responses', 'reasoning.invented')).toBeUndefined();
    expect(holdsFields('openai-responses', 'reasoning')).toBe(true);
    expect(holdsFields('openai-responses', 'invented')).toBe(false);
  });

  test('its own protocol carries everything', () => {
    const field = fieldOf('openai-chat', 'sampling.logitBias')!;
    expect(treatment(field, 'openai-chat', 'openai-chat').fate).toBe('carry');
    expect(treatment(field, 'openai-chat', 'openai-responses').fate).toBe('drop');
  });
});

describe('a ledger', () => {
  test('tells a loss by the client’s own name for it and by the target’s reason', () => {
    const ledger = createLedger('google-gemini', 'openai-responses');
    ledger.lose('sampling.topK');
    expect(ledger.notes).toEqual([
      {
        path: 'generationConfig.topK',
        action: 'dropped',
        why: 'there is no top_k in Responses',
        weight: 'degrade',
      },
    ]);
  });

  test('names the field within the thing that it belongs to', () => {
    const ledger = createLedger('anthropic-messages', 'openai-chat');
    ledger.lose('parts.cache', 'messages[2].content[1]');
    ledger.lose('parts.reference', 'messages[2].content[3]');
    expect(ledger.notes.map(({ path }) => path)).toEqual([
      'messages[2].content[1].cache_control',
      'messages[2].content[3]',
    ]);
  });

  test('a member of a message is not that of its content', () => {
    const ledger = createLedger('openai-chat', 'openai-responses');
    ledger.lose('parts.citations', 'messages[2].content[1]');
    expect(ledger.notes[0]?.path).toBe('messages[2].annotations');
  });

  test('tells the same loss once, with the place where it first happened', () => {
    const ledger = createLedger('anthropic-messages', 'openai-chat');
    for (let i = 0; i < 5; i++) ledger.lose('parts.cache', `messages[${i}].content[0]`);
    expect(ledger.notes).toHaveLength(1);
    expect(ledger.notes[0]?.path).toBe('messages[0].content[0].cache_control');
  });

  test('tells losses of different things apart by their detail', () => {
    const ledger = createLedger('openai-responses', 'openai-chat');
    ledger.lose('tools.shell', 'tools[0]', 'local_shell');
    ledger.lose('tools.shell', 'tools[1]', 'shell');
    expect(ledger.notes.map(({ why }) => why.split(': ')[1])).toEqual(['local_shell', 'shell']);
  });

  test('a case has a reason and a weight of its own', () => {
    const ledger = createLedger('openai-chat', 'anthropic-messages');
    ledger.loseWhen('sampling.temperature', 'scale');
    expect(ledger.notes[0]).toMatchObject({ path: 'temperature', action: 'clamped', weight: 'degrade' });
  });

  test('what is refused has the weight of a refusal', () => {
    const ledger = createLedger('openai-responses', 'anthropic-messages');
    ledger.lose('state.previousId');
    expect(ledger.notes[0]).toMatchObject({ path: 'previous_response_id', weight: 'refuse' });
  });

  test('a part that nobody else knows is told by what the table says of it', () => {
    const ledger = createLedger('openai-responses', 'openai-chat');
    ledger.native({ protocol: 'openai-responses', type: 'compaction_trigger' }, 'input[4]');
    ledger.native({ protocol: 'openai-responses', type: 'content:odd' }, 'input[5].content[0]');
    expect(ledger.notes).toMatchObject([
      { path: 'input[4]', weight: 'refuse' },
      { path: 'input[5].content[0]', weight: 'degrade' },
    ]);
  });
});

describe('what another protocol left', () => {
  const told = (extras: TurnRequest['extras'], to: 'openai-chat' | 'anthropic-messages' = 'openai-chat') => {
    const ledger = createLedger('openai-responses', to);
    ledger.foreignRequest(request({ extras }));
    return ledger.notes.map(({ path, weight }) => `${path} ${weight}`);
  };

  test('is weighed as its own table says, and as a note where that does not know it', () => {
    expect(told({ 'openai-responses': { truncation: 'auto', invented: 1, prompt: { id: 'p' } } })).toEqual([
      'truncation degrade',
      'invented note',
      'prompt refuse',
    ]);
  });

  test('is no loss where it asks for what every upstream does', () => {
    expect(
      told({ 'openai-responses': { truncation: 'disabled', background: false, invented: null } }),
    ).toEqual([]);
  });

  test('a list of words is told word by word', () => {
    const include = ['reasoning.encrypted_content', 'file_search_call.results'];
    expect(told({ 'openai-responses': { include } })).toEqual(['include[1] note']);
  });

  test('a list of things is told by their kind', () => {
    const edits = [{ type: 'clear_thinking_20251015' }, { type: 'compact_20260112' }];
    expect(told({ 'anthropic-messages': { context_management: { edits } } })).toEqual([
      'context_management.edits[0] note',
      'context_management.edits[1] degrade',
    ]);
  });

  test('the two protocols of one vendor share what they spell alike', () => {
    const moderation = { model: 'm' };
    expect(told({ 'openai-responses': { moderation } })).toEqual([]);
    expect(told({ 'openai-responses': { moderation } }, 'anthropic-messages')).toEqual([
      'moderation degrade',
    ]);
  });

  test('stands under the name of the object that it was left in', () => {
    const ledger = createLedger('openai-responses', 'openai-chat');
    ledger.foreignRequest(
      request({ reasoning: { effort: 'low', extras: { 'openai-responses': { context: 'all_turns' } } } }),
    );
    expect(ledger.notes.map(({ path }) => path)).toEqual(['reasoning.context']);
  });

  test('members that nobody models are found inside those that are', () => {
    const ledger = createLedger('openai-chat', 'anthropic-messages');
    ledger.foreign({ 'openai-chat': { function: { odd: 1 } } }, 'tools[0]');
    expect(ledger.notes.map(({ path }) => path)).toEqual(['tools[0].function.odd']);
  });

  test('a value that its decoder could not read is told, though its field is modelled', () => {
    const ledger = createLedger('openai-chat', 'anthropic-messages');
    ledger.foreignRequest(
      request({
        protocol: 'openai-chat',
        output: { extras: { 'openai-chat': { response_format: { type: 'grammar' } } } },
      }),
    );
    expect(ledger.notes.map(({ path }) => path)).toEqual(['response_format.type']);
  });
});
