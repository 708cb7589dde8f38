import { createHash } from 'node:crypto';
import type { CatalogEntry } from '../routing/catalog.ts';
import type { Json, JsonObject } from '../turn/json.ts';
import { openAiModels, publicId } from './models.ts';

/**
 * The list of models as the Codex CLI reads it, and as OpenAI answers it, in one body: the CLI takes a list that has
 * `data` beside its own `models` (seen of 0.101.0 to 0.169.0). A model that comes with an entry of such a catalog has
 * that entry; every other model gets the least that the CLI takes, so that its picker offers all of them.
 */
export function clientCatalog(entries: readonly CatalogEntry[], scoped: boolean): JsonObject {
  const turns = entries.filter(({ embeds }) => embeds !== true);
  return {
    ...openAiModels(entries, scoped),
    models: turns.map((entry, i) => catalogEntry(entry, publicId(entry, scoped), i)),
  };
}

/** What the CLI remembers of a list: with the same one it does not ask again. */
export const catalogTag = (body: JsonObject): string =>
  `W/"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;

function catalogEntry(entry: CatalogEntry, slug: string, place: number): JsonObject {
  const { facts, ownEntry } = entry;
  // One entry that lacks something, and the CLI takes none of the list.
  if (ownEntry !== undefined) return { ...leastEntry(slug, place), ...ownEntry, slug };
  const efforts = (entry.efforts ?? facts?.reasoning?.efforts ?? []).filter((effort) => known.has(effort));
  const context = entry.contextTokensMax ?? facts?.contextTokensMax ?? entry.inputTokensMax;
  const inputs = (entry.inputs ?? facts?.inputs)?.filter((kind) => kind === 'text' || kind === 'image');
  return {
    ...leastEntry(slug, place),
    display_name: entry.name ?? facts?.name ?? slug,
    supported_reasoning_levels: efforts.map((effort): Json => ({ effort, description: `${effort} effort` })),
    supports_reasoning_summaries: efforts.length > 0,
    ...(context !== undefined && { context_window: context, max_context_window: context }),
    ...(inputs !== undefined && { input_modalities: inputs.includes('text') ? inputs : ['text', ...inputs] }),
  };
}

/** What every entry needs. */
const leastEntry = (slug: string, place: number): JsonObject => ({
  slug,
  display_name: slug,
  supported_reasoning_levels: [],
  shell_type: 'unified_exec',
  visibility: 'list',
  supported_in_api: true,
  // The lowest number is what the CLI takes when nobody chooses.
  priority: place,
  support_verbosity: false,
  truncation_policy: { mode: 'tokens', limit: 10_000 },
  experimental_supported_tools: [],
  base_instructions: baseInstructions,
  // Up to 0.145.0 a list without these two is not taken.
  supports_parallel_tool_calls: true,
  supports_reasoning_summaries: false,
});

/** One effort that the CLI does not know, and it takes none of the list. */
const known: ReadonlySet<string> = new Set(['minimal', 'low', 'medium', 'high', 'xhigh']);

/** What the CLI begins its conversations with; without it the model would not know where it is. */
const baseInstructions = [
  'You are a coding agent in a terminal, in the folder of the user’s project. Work on what the user asks until it is done.',
  '- Look before you change: read the files that matter with the shell, `rg` first where it is there.',
  '- Change as little as the task needs, in the style of what is there. Never undo changes that you have not made.',
  '- Check your work: run the tests or the program where there are any, and say it when you could not.',
  '- Commands that destroy, publish or reach outside the project need the user’s word first.',
  '- Say at the end in a few lines what you did and what is left. Name files by their paths.',
].join('\n');
