import type { Field } from '../contract.ts';
import { drop, moot, refused } from '../treatments.ts';
import { items } from './contract-items.ts';
import { tools } from './contract-tools.ts';

/** Other words than `auto` are a case of it. */
const shown = moot('thoughts are shown to all who ask for reasoning');

const settings: readonly Field[] = [
  { path: 'model', is: 'model' },
  { path: 'instructions', is: 'instructions' },
  { path: 'temperature', is: 'sampling.temperature' },
  { path: 'top_p', is: 'sampling.topP' },
  { path: 'top_logprobs', is: 'sampling.topLogprobs' },
  { path: 'frequency_penalty', is: 'sampling.frequencyPenalty' },
  { path: 'presence_penalty', is: 'sampling.presencePenalty' },
  { path: 'max_output_tokens', is: 'outputTokensMax' },
  { path: 'reasoning.effort', is: 'reasoning.effort' },
  { path: 'reasoning.summary', is: 'reasoning.show', at: { 'google-gemini': shown } },
  { path: 'reasoning.generate_summary', is: 'reasoning.show', at: { 'google-gemini': shown } },
  {
    path: 'reasoning.mode',
    elsewhere: drop('there is one way of reasoning', 'degrade'),
    usual: ['standard'],
  },
  {
    path: 'reasoning.context',
    elsewhere: drop('how much of the earlier reasoning is read cannot be chosen', 'degrade'),
    usual: ['auto'],
  },
  { path: 'text.format.type', is: 'format.json', usual: ['text'] },
  { path: 'text.format.schema', is: 'format.schema', inside: ['*'] },
  { path: 'text.format.name', is: 'format.name' },
  { path: 'text.format.description', is: 'format.description' },
  { path: 'text.format.strict', is: 'format.strict' },
  { path: 'text.verbosity', is: 'output.verbosity' },
  { path: 'prompt_cache_key', is: 'cache.key' },
  { path: 'prompt_cache_retention', is: 'cache.retention' },
  {
    path: 'prompt_cache_options',
    elsewhere: drop('how prompts are cached cannot be chosen'),
    at: {
      'openai-chat': {
        fate: 'carry',
        cases: {
          plain: {
            fate: 'drop',
            when: 'the endpoint is not known to take it',
            why: 'this upstream is not known to take it',
          },
        },
      },
    },
    inside: ['mode', 'ttl', 'prewarm', 'comparison_response_id'],
  },
  { path: 'store', is: 'state.store' },
  { path: 'previous_response_id', is: 'state.previousId' },
  {
    path: 'conversation',
    elsewhere: refused('this upstream does not keep that conversation'),
    inside: ['id'],
  },
  {
    path: 'prompt',
    elsewhere: refused('this upstream does not keep that prompt'),
    inside: ['id', 'version', 'variables', 'variables.*'],
  },
  { path: 'stream', is: 'delivery.stream' },
  {
    path: 'stream_options.include_obfuscation',
    elsewhere: moot('it hides lengths on the way from that server to its client'),
  },
  { path: 'service_tier', is: 'meta.tier' },
  { path: 'user', is: 'meta.user' },
  { path: 'safety_identifier', is: 'meta.safetyId' },
  { path: 'metadata', is: 'meta.labels', inside: ['*'] },
  {
    path: 'background',
    elsewhere: drop('a reply cannot be left to be fetched later', 'degrade'),
    usual: [false],
  },
  { path: 'max_tool_calls', elsewhere: drop('calls are not counted', 'degrade') },
  {
    path: 'truncation',
    elsewhere: drop('a conversation that is too long is refused and not cut', 'degrade'),
    usual: ['disabled'],
  },
  {
    path: 'context_management',
    elsewhere: drop('conversations are not compacted by this upstream', 'degrade'),
    inside: ['[]', '[].type', '[].compact_threshold'],
    usual: [[]],
  },
  {
    path: 'moderation',
    elsewhere: drop('replies are not moderated on request', 'degrade'),
    at: {
      'openai-chat': {
        fate: 'carry',
        cases: {
          plain: {
            fate: 'drop',
            when: 'the endpoint is not known to take it',
            why: 'this upstream is not known to take it',
            weight: 'degrade',
          },
        },
      },
    },
    inside: ['model', 'policy', 'policy.input', 'policy.input.mode', 'policy.output', 'policy.output.mode'],
  },
  { path: 'access_programs', elsewhere: drop('access programs are the vendor’s own'), inside: ['cyber'] },
  {
    path: 'image',
    elsewhere: drop('how images are kept in the context cannot be chosen'),
    inside: ['context_compression'],
  },
  { path: 'include', elsewhere: drop('replies hold what they hold') },
  {
    path: 'include[reasoning.encrypted_content]',
    elsewhere: moot('sealed reasoning comes back in any case'),
  },
  { path: 'include[message.output_text.logprobs]', is: 'sampling.logprobs' },
  {
    path: 'include[message.input_image.image_url]',
    elsewhere: moot('a reply does not repeat its request'),
  },
];

/** Every field of a Responses request. */
export const fields: readonly Field[] = [...settings, ...tools, ...items];
