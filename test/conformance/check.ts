/** The conformance rules by their names. */
export const checkIds = [
  'T1',
  'T2',
  'R1',
  'R2',
  'C1',
  'C2',
  'C3',
  'F1',
  'U1',
  'G1',
  'G2',
  'G3',
  'G4',
  'P1',
  'P2',
  'P3',
  'L1',
  'L2',
  'E1',
  'E2',
  'N1',
  'N2',
  'Q1',
  'Q2',
  'Q3',
  'Q4',
] as const;
export type CheckId = (typeof checkIds)[number];

/** What each rule asks, for the reader of the report. */
export const askedBy: Readonly<Record<CheckId, string>> = {
  T1: 'text byte-equal in deltas, `done` events and the final object',
  T2: 'blocks in the order of the upstream, none fused',
  R1: 'reasoning text byte-equal, in its own place',
  R2: 'signatures and encrypted reasoning arrive, and come back byte-equal on the next turn',
  C1: 'calls: count, order, names, arguments',
  C2: "call ids unique and legal; a result comes back under the upstream's own id",
  C3: 'calls without arguments and custom tool input',
  F1: 'finish reason',
  U1: 'token counts, converted by the rule of each surface',
  G1: 'order of stream events',
  G2: 'the official SDK takes it and accumulates the same',
  G3: "every event and body valid against the vendor's published schema",
  G4: 'sequence numbers, indexes and item ids',
  P1: 'the streamed answer equals the whole one',
  P2: 'between equal protocols every payload arrives as it was sent',
  P3: 'however the upstream’s bytes are cut and framed, the answer is the same',
  L1: 'the client has what the upstream has sent while the upstream pauses',
  L2: 'an abort reaches the upstream; a reply that breaks off is an error',
  E1: 'an HTTP error keeps its class, message and retry-after, in the surface’s shape',
  E2: 'an error within a reply reaches the client as one, and nothing ends well after it',
  N1: 'citations and hosted tools arrive, or the gateway states that they do not',
  N2: 'nothing that the upstream did not say',
  Q1: 'a translated request asks the same',
  Q2: 'tool schemas arrive as they are, or as declared',
  Q3: 'nothing goes up that the provider was recorded to refuse',
  Q4: 'odd requests are answered or refused in form, and the next one is served',
};

/** A rule that was broken. `detail` is the same on every run. */
export interface Miss {
  readonly check: CheckId;
  readonly detail: string;
}

export const missed =
  (check: CheckId) =>
  (detail: string): Miss => ({ check, detail });
