import type { Field } from '../contract.ts';
import { carry, drop } from '../treatments.ts';

const use = ['name', 'allowed_callers', 'allowed_callers[]', 'defer_loading', 'strict'];
const examples = ['input_examples', 'input_examples[]', 'input_examples[].*'];

/** What stands in `tools`, and what chooses among them. */
export const tools: readonly Field[] = [
  { path: 'tools[]', is: 'tools.function', inside: ['name'] },
  { path: 'tools[type=custom]', is: 'tools.function', inside: ['name'] },
  { path: 'tools[type=custom].description', is: 'tools.description' },
  { path: 'tools[type=custom].input_schema', is: 'tools.schema', inside: ['*'] },
  { path: 'tools[type=custom].strict', is: 'tools.strict' },
  { path: 'tools[type=custom].defer_loading', is: 'tools.defer', usual: [false] },
  {
    path: 'tools[type=custom].eager_input_streaming',
    elsewhere: drop('arguments are streamed as the upstream does it'),
    usual: [false],
  },
  {
    path: 'tools[type=custom].input_examples',
    elsewhere: drop('tools have no examples', 'degrade'),
    inside: ['[]', '[].*'],
  },
  {
    path: 'tools[type=custom].allowed_callers',
    elsewhere: drop('tools are called by the model alone', 'degrade'),
    inside: ['[]'],
    usual: [['direct']],
  },
  { path: 'tools[].cache_control', is: 'tools.cache', inside: ['type', 'ttl'] },
  {
    path: 'tools[type=web_search_*]',
    is: 'tools.web_search',
    inside: ['name'],
  },
  {
    path: 'tools[type=web_search_*].allowed_domains',
    elsewhere: drop('a search cannot be kept to some pages', 'degrade'),
    at: { 'openai-responses': carry },
    inside: ['[]'],
  },
  {
    path: 'tools[type=web_search_*].user_location',
    elsewhere: drop('where the user is cannot be told to the tools'),
    at: { 'openai-responses': carry },
    inside: ['type', 'city', 'country', 'region', 'timezone'],
  },
  {
    path: 'tools[type=web_search_*].blocked_domains',
    elsewhere: drop('pages cannot be kept out of a search', 'degrade'),
    inside: ['[]'],
  },
  { path: 'tools[type=web_search_*].max_uses', elsewhere: drop('searches are not counted', 'degrade') },
  {
    path: 'tools[type=web_search_*].allowed_callers',
    elsewhere: drop('tools are called by the model alone', 'degrade'),
    inside: ['[]'],
    usual: [['direct']],
  },
  {
    path: 'tools[type=web_search_*].defer_loading',
    elsewhere: drop('a hosted tool is loaded from the start'),
    usual: [false],
  },
  {
    path: 'tools[type=web_search_*].strict',
    elsewhere: drop('a hosted tool is never strict'),
    usual: [false],
  },
  {
    path: 'tools[type=web_search_*].response_inclusion',
    elsewhere: drop('what of a search is shown cannot be chosen'),
  },
  {
    path: 'tools[type=web_fetch_*]',
    is: 'tools.web_fetch',
    inside: [
      ...use,
      'allowed_domains',
      'allowed_domains[]',
      'blocked_domains',
      'blocked_domains[]',
      'citations',
      'citations.enabled',
      'max_content_tokens',
      'max_uses',
      'use_cache',
      'response_inclusion',
      'url_sources',
      'url_sources.*',
    ],
  },
  { path: 'tools[type=code_execution_*]', is: 'tools.code', inside: use },
  { path: 'tools[type=bash_*]', is: 'tools.shell', inside: [...use, ...examples] },
  { path: 'tools[type=text_editor_*]', is: 'tools.editor', inside: [...use, ...examples, 'max_characters'] },
  {
    path: 'tools[type=computer_*|browser_*]',
    is: 'tools.computer',
    inside: [
      ...use,
      ...examples,
      'display_height_px',
      'display_width_px',
      'display_number',
      'enable_zoom',
      'configs',
      'configs.*',
    ],
  },
  { path: 'tools[type=memory_*]', is: 'tools.memory', inside: [...use, ...examples] },
  { path: 'tools[type=tool_search_tool_*]', is: 'tools.tool_search', inside: use },
  {
    path: 'tools[type=advisor_*]',
    is: 'tools.advisor',
    inside: [...use, 'model', 'caching', 'caching.type', 'caching.ttl', 'max_tokens', 'max_uses'],
  },
  {
    path: 'tools[type=mcp_toolset]',
    is: 'tools.mcp',
    inside: [
      'mcp_server_name',
      'configs',
      'configs.*',
      'default_config',
      'default_config.defer_loading',
      'default_config.enabled',
      'tools',
      'tools[]',
      'tools[].*',
    ],
  },
  {
    path: 'mcp_servers[]',
    is: 'tools.mcp',
    inside: [
      'type',
      'name',
      'url',
      'authorization_token',
      'tool_configuration',
      'tool_configuration.allowed_tools',
      'tool_configuration.allowed_tools[]',
      'tool_configuration.enabled',
    ],
  },
  { path: 'tool_choice', is: 'toolChoice', inside: ['type', 'name'] },
  { path: 'tool_choice.disable_parallel_tool_use', is: 'parallelTools', usual: [false] },
];
