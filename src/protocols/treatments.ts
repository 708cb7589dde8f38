import type { Case, Treatment } from './contract.ts';

/** Treatments and cases that the contracts of several protocols have in common. */

export const carry: Treatment = { fate: 'carry' };

/** What a server wrote beside a thing, and reads back itself if at all. */
export const moot = (why: string): Treatment => ({ fate: 'moot', why });

export const drop = (why: string, weight?: Treatment['weight']): Treatment => ({
  fate: 'drop',
  why,
  ...(weight && { weight }),
});

export const emulate = (why: string, weight?: Treatment['weight']): Treatment => ({
  fate: 'emulate',
  why,
  ...(weight && { weight }),
});

export const refused = (why: string): Treatment => ({ fate: 'refuse', why });

/** Of the model's abilities. */
export const fixedSampling: Case = {
  fate: 'drop',
  when: 'the model takes no sampling parameters',
  why: 'the model takes no sampling parameters',
  weight: 'degrade',
};

export const outputLimit: Case = {
  fate: 'clamp',
  when: 'the model puts out less',
  why: 'the model does not put out more tokens',
};

export const unreadable: Case = {
  fate: 'drop',
  when: 'the model is known not to read it',
  why: 'the model does not read it; a line of text stands in its place',
  weight: 'degrade',
};

export const noSchema: Case = {
  fate: 'emulate',
  when: 'the model is known not to be held to a schema',
  why: 'the model is told of the schema in words and not held to it',
  weight: 'degrade',
};

/** Media of each kind, as carried unless the model cannot read it. */
export const readable: Treatment = { fate: 'carry', cases: { unreadable } };
