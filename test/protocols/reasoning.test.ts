import { describe, expect, test } from 'bun:test';
import type { ReasoningAbilities } from '../../src/protocols/protocol.ts';
import { wantedReasoning, type ReasoningControl } from '../../src/protocols/reasoning.ts';
import type { Reasoning } from '../../src/turn/request.ts';

const wanted = (reasoning: Reasoning, says: readonly ReasoningControl[], abilities?: ReasoningAbilities) => {
  const { wish, changes } = wantedReasoning(reasoning, says, abilities);
  return [wish, changes.map(({ member, name }) => `${member} ${name}`)] as const;
};

const both: readonly ReasoningControl[] = ['adaptive', 'budget'];

describe('where nobody knows the model', () => {
  test('an effort goes up as it is, or as the tokens that it stands for', () => {
    expect(wanted({ effort: 'high' }, ['effort'])).toEqual([{ as: 'effort', effort: 'high' }, []]);
    expect(wanted({ effort: 'high' }, ['budget'])).toEqual([
      { as: 'budget', budgetTokens: 16_384 },
      ['reasoning.effort asBudget'],
    ]);
  });

  test('a budget goes up as it is, or as the effort that it stands for', () => {
    expect(wanted({ budgetTokens: 5000 }, ['budget'])).toEqual([{ as: 'budget', budgetTokens: 5000 }, []]);
    for (const [budgetTokens, effort] of [
      [1024, 'low'],
      [4096, 'medium'],
      [16_384, 'high'],
    ] as const) {
      expect(wanted({ budgetTokens }, ['effort'])).toEqual([
        { as: 'effort', effort },
        ['reasoning.budgetTokens asEffort'],
      ]);
    }
  });

  test('nothing is asked where the client asks nothing', () => {
    expect(wanted({ show: 'auto' }, ['effort'])).toEqual([{ as: 'nothing' }, []]);
  });

  test('off is off, however it is said', () => {
    for (const off of [{ mode: 'off' }, { effort: 'none' }, { budgetTokens: 0 }] as const) {
      expect(wanted(off, ['effort'])[0]).toEqual({ as: 'off' });
    }
  });

  test('a mode without a measure is a middle budget, and nothing where only levels exist', () => {
    expect(wanted({ mode: 'on' }, ['budget'])[0]).toEqual({ as: 'budget', budgetTokens: 8192 });
    expect(wanted({ mode: 'on' }, ['effort'])).toEqual([{ as: 'nothing' }, ['reasoning.mode default']]);
    expect(wanted({ mode: 'adaptive' }, ['effort'])).toEqual([{ as: 'nothing' }, []]);
  });

  test('an unknown level is a middle budget', () => {
    expect(wanted({ effort: 'mighty' }, ['budget'])).toEqual([
      { as: 'budget', budgetTokens: 8192 },
      ['reasoning.effort unknown', 'reasoning.effort asBudget'],
    ]);
  });

  test('of two measures the wire’s own is sent', () => {
    const two = { effort: 'low', budgetTokens: 9000 };
    expect(wanted(two, ['effort'])).toEqual([
      { as: 'effort', effort: 'low' },
      ['reasoning.budgetTokens beside'],
    ]);
    expect(wanted(two, ['budget'])).toEqual([
      { as: 'budget', budgetTokens: 9000 },
      ['reasoning.effort covered'],
    ]);
  });
});

describe('where the model is known', () => {
  test('one that chooses by itself is guided by the effort', () => {
    const model: ReasoningAbilities = { by: ['adaptive'], efforts: ['low', 'medium', 'high', 'max'] };
    expect(wanted({ effort: 'max' }, both, model)).toEqual([{ as: 'adaptive', effort: 'max' }, []]);
    expect(wanted({ mode: 'adaptive' }, both, model)).toEqual([{ as: 'adaptive' }, []]);
    expect(wanted({ budgetTokens: 20_000 }, both, model)).toEqual([
      { as: 'adaptive', effort: 'high' },
      ['reasoning.budgetTokens asEffort'],
    ]);
  });

  test('one that takes both is told in the client’s own way', () => {
    const model: ReasoningAbilities = { by: ['adaptive', 'budget'] };
    expect(wanted({ budgetTokens: 9000 }, both, model)[0]).toEqual({ as: 'budget', budgetTokens: 9000 });
    expect(wanted({ effort: 'low' }, both, model)[0]).toEqual({ as: 'adaptive', effort: 'low' });
  });

  test('a level that it lacks is the nearest that it has, the lower of two', () => {
    const model: ReasoningAbilities = { by: ['effort'], efforts: ['low', 'high'] };
    expect(wanted({ effort: 'xhigh' }, ['effort'], model)).toEqual([
      { as: 'effort', effort: 'high' },
      ['reasoning.effort nearest'],
    ]);
    expect(wanted({ effort: 'medium' }, ['effort'], model)[0]).toEqual({ as: 'effort', effort: 'low' });
  });

  test('a budget is brought within its bounds; a level that stands for one is so without a word', () => {
    const model: ReasoningAbilities = { by: ['budget'], budgetTokensMin: 2000, budgetTokensMax: 10_000 };
    expect(wanted({ budgetTokens: 50 }, ['budget'], model)).toEqual([
      { as: 'budget', budgetTokens: 2000 },
      ['reasoning.budgetTokens bounds'],
    ]);
    expect(wanted({ effort: 'high' }, ['budget'], model)).toEqual([
      { as: 'budget', budgetTokens: 10_000 },
      ['reasoning.effort asBudget'],
    ]);
  });

  test('one that always reasons is asked for the least', () => {
    const levels: ReasoningAbilities = { by: ['effort'], efforts: ['minimal', 'high'], off: false };
    expect(wanted({ effort: 'none' }, ['effort'], levels)).toEqual([
      { as: 'effort', effort: 'minimal' },
      ['reasoning.effort always'],
    ]);
    const tokens: ReasoningAbilities = { by: ['budget'], budgetTokensMin: 128, off: false };
    expect(wanted({ mode: 'off' }, ['budget'], tokens)).toEqual([
      { as: 'budget', budgetTokens: 128 },
      ['reasoning.mode always'],
    ]);
  });

  test('one that does not reason is asked for nothing, and can be left off for free', () => {
    expect(wanted({ effort: 'high' }, ['effort'], { by: [] })).toEqual([
      { as: 'nothing' },
      ['reasoning.effort unable'],
    ]);
    expect(wanted({ effort: 'none' }, ['effort'], { by: [] })).toEqual([{ as: 'nothing' }, []]);
  });

  test('a way that the wire has no words for is not taken', () => {
    expect(wanted({ budgetTokens: 9000 }, ['effort'], { by: ['budget'] })[0]).toEqual({
      as: 'effort',
      effort: 'medium',
    });
  });
});
