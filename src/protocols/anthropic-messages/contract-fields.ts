import type { Field } from '../contract.ts';
import { drop, refused } from '../treatments.ts';
import { blocks } from './contract-blocks.ts';
import { tools } from './contract-tools.ts';

const settings: readonly Field[] = [
  { path: 'model', is: 'model' },
  { path: 'max_tokens', is: 'outputTokensMax' },
  { path: 'temperature', is: 'sampling.temperature' },
  { path: 'top_p', is: 'sampling.topP' },
  { path: 'top_k', is: 'sampling.topK' },
  { path: 'stop_sequences', is: 'sampling.stop', inside: ['[]'] },
  { path: 'stream', is: 'delivery.stream' },
  { path: 'thinking.type', is: 'reasoning.mode' },
  { path: 'thinking.budget_tokens', is: 'reasoning.budgetTokens' },
  { path: 'thinking.display', is: 'reasoning.show' },
  {
    path: 'thinking.block_binding',
    elsewhere: drop('thinking is not bound to what stands before it'),
    inside: ['prefix_mismatch_behavior'],
  },
  { path: 'output_config.effort', is: 'reasoning.effort' },
  { path: 'output_config.format', is: 'format.schema', inside: ['type', 'schema', 'schema.*'] },
  {
    path: 'output_config.task_budget',
    elsewhere: drop('the model is not told how many tokens a task may take', 'degrade'),
    inside: ['type', 'total', 'remaining'],
  },
  { path: 'output_format', is: 'format.schema', inside: ['type', 'schema', 'schema.*'] },
  { path: 'cache_control', is: 'cache.mark', inside: ['type', 'ttl'] },
  { path: 'metadata.user_id', is: 'meta.user' },
  { path: 'service_tier', is: 'meta.tier' },
  { path: 'speed', elsewhere: drop('there is one speed'), usual: ['standard'] },
  {
    path: 'container',
    elsewhere: drop('there are no containers at this upstream', 'degrade'),
    inside: ['id', 'skills', 'skills[]', 'skills[].type', 'skills[].skill_id', 'skills[].version'],
  },
  {
    path: 'context_management.edits[type=clear_tool_uses_*]',
    elsewhere: drop('old tool results are not cleared from the context'),
    inside: [
      'clear_at_least',
      'clear_at_least.type',
      'clear_at_least.value',
      'clear_tool_inputs',
      'clear_tool_inputs[]',
      'exclude_tools',
      'exclude_tools[]',
      'keep',
      'keep.type',
      'keep.value',
      'trigger',
      'trigger.type',
      'trigger.value',
    ],
  },
  {
    path: 'context_management.edits[type=clear_thinking_*]',
    elsewhere: drop('which thinking of earlier turns is read cannot be chosen'),
    inside: ['keep', 'keep.type', 'keep.value'],
  },
  {
    path: 'context_management.edits[type=compact_*]',
    elsewhere: drop('conversations are not compacted by this upstream', 'degrade'),
    inside: ['instructions', 'pause_after_compaction', 'trigger', 'trigger.type', 'trigger.value'],
  },
  {
    path: 'compaction',
    elsewhere: refused('there is no compaction at this upstream'),
    inside: ['type', 'instructions'],
  },
  {
    path: 'thread',
    elsewhere: refused('this upstream keeps no threads'),
    inside: ['type', 'previous_message_id'],
  },
  {
    path: 'fallbacks',
    elsewhere: drop('which model answers is the gateway’s to say'),
    inside: ['[]', '[].*'],
  },
  {
    path: 'fallback_credit_token',
    elsewhere: drop('it is the vendor’s own'),
    inside: ['token', 'mode'],
  },
  { path: 'billing_policy', elsewhere: drop('it is the vendor’s own'), inside: ['type', 'bill_to'] },
  { path: 'diagnostics', elsewhere: drop('it is the vendor’s own'), inside: ['previous_message_id'] },
  { path: 'inference_geo', elsewhere: drop('where the model runs cannot be chosen', 'degrade') },
  { path: 'user_profile_id', elsewhere: drop('it is the vendor’s own') },
];

/** Every field of a Messages request. */
export const fields: readonly Field[] = [...settings, ...tools, ...blocks];
