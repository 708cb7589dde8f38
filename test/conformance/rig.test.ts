import { afterAll, describe, expect, test } from 'bun:test';
import { corpusAvailable } from '../support/corpus.ts';
import type { CheckId } from './check.ts';
import { startReplay } from '../support/replay.ts';
import { replayed, turns } from './matrix.ts';
import { type Subject, subjects } from './subjects.ts';

// The rig without the gateway: an SDK that asks the replay upstream of its own protocol must see the upstream's
// canonical form. What the official SDK itself cannot read is named here, not hidden.
/** The SDK leaves out citations under the name that Vertex gives them. */
const withoutCitations = [
  'gemini-generate/citations--vertex',
  'gemini-generate/recitation-no-content--vertex',
];

const sdkRefuses = new Set([
  'anthropic-messages/duplicate-message-start',
  'anthropic-messages/spliced-message-start',
  'openai-chat/tool-call-empty-name-delta--mistral',
  'openai-chat/tool-call-no-index--mistral',
  'openai-chat/tool-index-from-1--anthropic-compat',
  'openai-responses/apply-patch--openai',
  'openai-responses/id-rotation--github-copilot',
  'openai-chat/content-array-thinking--mistral',
  'constructed/anthropic-messages--done-at-end',
  'constructed/anthropic-messages--no-last-blank-line',
  'constructed/openai-responses--completed-with-empty-output',
  'constructed/openai-responses--text-only-in-deltas',
  // A chat of the SDK forgets a reply of which one chunk has no parts.
  'gemini-generate/empty-parts--gemini',
  'constructed/google-gemini--chunk-without-candidates',
  'constructed/google-gemini--no-last-blank-line',
  ...withoutCitations,
]);

// Its source left deltas out, so they do not add up to its own `done` events.
const abridged = 'openai-responses/message-phases--openai';

const sameMeaning = new Set<CheckId>(['T1', 'T2', 'R1', 'C1', 'C3', 'F1', 'U1', 'N1', 'G2']);

const chosen = subjects();
const upstream = startReplay();
upstream.handle(replayed(chosen));
afterAll(() => upstream.stop());

const forms = (subject: Subject): boolean[] => [
  ...(subject.stream ? [true] : []),
  ...(subject.whole ? [false] : []),
];

describe.skipIf(!corpusAvailable)(
  'an official SDK in front of the replay upstream sees what was recorded',
  () => {
    for (const [number, subject] of chosen.entries()) {
      for (const stream of forms(subject)) {
        const refused = stream ? sdkRefuses.has(subject.name) : withoutCitations.includes(subject.name);
        test(`${subject.name}, ${stream ? 'streamed' : 'whole'}${refused ? ', which the SDK refuses' : ''}`, async () => {
          const { misses } = await turns(
            { upstream, subject, number, surface: subject.protocol },
            upstream.url,
            `s${number}`,
            stream,
          );
          const unlike = misses
            .filter(({ check }) => sameMeaning.has(check))
            .filter(
              ({ detail }) => subject.name !== abridged || !detail.startsWith('deltas and done differ'),
            );
          if (refused) expect(unlike.map(({ check }) => check)).toContain('G2');
          else expect(unlike).toEqual([]);
        });
      }
    }
  },
);
