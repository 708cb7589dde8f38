import type { Case, Contract, Member, Treatment } from '../contract.ts';
import { reasoningCases } from '../reasoning.ts';
import {
  carry,
  drop,
  emulate,
  fixedSampling,
  moot,
  noSchema,
  outputLimit,
  readable,
  refused,
  unreadable,
} from '../treatments.ts';
import { fields } from './contract-fields.ts';

const { unable, always, unsure, nearest, unknown, asEffort, beside } = reasoningCases;

/** Strict servers refuse members that they do not know, so a foreign client's go up only where they are known. */
const plain: Case = {
  fate: 'drop',
  when: 'the endpoint is not known to take it',
  why: 'this upstream is not known to take it',
};
const unlessPlain: Treatment = { fate: 'carry', cases: { plain } };

const noHost = drop('Chat Completions hosts no such tool', 'degrade');

const members: Readonly<Record<Member, Treatment>> = {
  model: { fate: 'translate', why: 'by its name at the upstream' },
  instructions: { fate: 'translate', why: 'one leading system message' },
  turns: { fate: 'translate', why: 'messages' },
  'turns.name': carry,
  'turns.system': carry,
  'turns.developer': {
    fate: 'carry',
    cases: { plain: { ...plain, fate: 'emulate', why: 'developer messages go up as system messages' } },
  },
  'turns.system_media': carry,

  'parts.text': carry,
  'parts.citations': drop('citations in the history cannot be sent'),
  'parts.logprobs': moot('the odds of earlier tokens are not read back'),
  'parts.refusal': carry,
  'parts.image': readable,
  'parts.image_detail': {
    fate: 'carry',
    cases: {
      original: { fate: 'clamp', when: 'it is `original`', why: 'the highest detail of an image is high' },
    },
  },
  'parts.audio': {
    fate: 'carry',
    cases: {
      unreadable,
      format: { fate: 'refuse', when: 'it is neither WAV nor MP3', why: 'audio has to be WAV or MP3' },
    },
  },
  'parts.video': refused('Chat Completions takes no video'),
  'parts.document': {
    fate: 'carry',
    cases: {
      unreadable,
      text: {
        fate: 'emulate',
        when: 'it is a text file',
        why: 'a text file goes up as its text',
        weight: 'degrade',
      },
    },
  },
  'parts.text_document': emulate('a document of text goes up as that text', 'degrade'),
  'parts.parts_document': emulate('a document made of parts goes up as those parts', 'degrade'),
  'parts.file': carry,
  'parts.url': refused('Chat Completions takes links to images only'),
  'parts.reply_media': drop('a message of the assistant cannot hold media', 'degrade'),
  'parts.file_id': refused('the file is not stored at this upstream'),
  'parts.title': { fate: 'translate', why: 'the name of the file, or a text before what stands for it' },
  'parts.context': emulate('the context of a document goes up as a text before it'),
  'parts.citable': drop('documents cannot be cited in Chat Completions', 'degrade'),
  'parts.search_result': emulate('a search result goes up as its text', 'degrade'),
  'parts.reasoning': drop('reasoning in the history goes only to servers that read `reasoning_content`'),
  'parts.seal': drop('sealed reasoning goes back only to the provider that made it'),
  'parts.tool_call': carry,
  'parts.custom_call': { fate: 'carry', why: 'or as the call of a function, where tools go up as functions' },
  'parts.call_namespace': { fate: 'translate', why: 'part of the name' },
  'parts.vendor_call': emulate('a call of the vendor’s own tool goes up as that of a function of its name'),
  'parts.vendor_result': { fate: 'translate', why: 'the result of a function' },
  'parts.hosted_call': drop('calls of hosted tools have no place in Chat Completions', 'degrade'),
  'parts.tool_result': carry,
  'parts.result_media': emulate('media in a tool result follows it in a user message'),
  'parts.result_error': drop(
    'a tool result is not marked as failed; the text of the error goes up',
    'degrade',
  ),
  'parts.hosted_result': drop('results of hosted tools have no place in Chat Completions', 'degrade'),
  'parts.approval': drop('there are no approvals in Chat Completions', 'degrade'),
  'parts.tool_change': emulate('tools that join later are offered from the start'),
  'parts.compaction': emulate('a compacted stretch goes up as its summary', 'degrade'),
  'parts.sealed_compaction': refused('a compaction that is sealed cannot be read here'),
  'parts.reference': refused('this upstream does not keep the item that is referred to'),
  'parts.notice': drop('notices of an upstream are not sent back'),
  'parts.cache': drop('prompts are cached by themselves'),
  'parts.item': moot('ids and states of items belong to the server that made them'),

  'tools.function': carry,
  'tools.custom': {
    fate: 'carry',
    cases: {
      plain: { ...plain, fate: 'emulate', why: 'a tool of free text goes up as a function of one string' },
    },
  },
  'tools.namespace': { fate: 'translate', why: 'part of the names of its tools' },
  'tools.web_search': noHost,
  'tools.web_fetch': noHost,
  'tools.file_search': noHost,
  'tools.code': noHost,
  'tools.image': noHost,
  'tools.computer': noHost,
  'tools.shell': noHost,
  'tools.editor': noHost,
  'tools.memory': noHost,
  'tools.tool_search': noHost,
  'tools.mcp': noHost,
  'tools.advisor': noHost,
  'tools.other': noHost,
  'tools.description': carry,
  'tools.schema': carry,
  'tools.grammar': {
    fate: 'carry',
    cases: {
      plain: {
        ...plain,
        fate: 'emulate',
        why: 'the grammar stands in a description and is not enforced',
        weight: 'degrade',
      },
    },
  },
  'tools.strict': carry,
  'tools.defer': drop('every tool is loaded from the start'),
  'tools.cache': drop('prompts are cached by themselves'),
  toolChoice: {
    fate: 'translate',
    cases: {
      missing: {
        fate: 'drop',
        when: 'the tool is not on offer',
        why: 'the tool is not among those that are offered',
        weight: 'degrade',
      },
      unknown: {
        fate: 'drop',
        when: 'nobody knows this kind of choice',
        why: 'this kind of choice cannot be made',
        weight: 'degrade',
      },
    },
  },
  'toolChoice.allowed': carry,
  'toolChoice.hosted': drop('Chat Completions hosts no such tool', 'degrade'),
  parallelTools: { fate: 'carry' },

  'sampling.temperature': { fate: 'carry', cases: { fixed: fixedSampling } },
  'sampling.topP': { fate: 'carry', cases: { fixed: fixedSampling } },
  'sampling.topK': drop('there is no top_k in Chat Completions', 'degrade'),
  'sampling.seed': carry,
  'sampling.frequencyPenalty': carry,
  'sampling.presencePenalty': carry,
  'sampling.logitBias': carry,
  'sampling.logprobs': carry,
  'sampling.topLogprobs': { fate: 'carry', why: 'together with `logprobs`, which it needs' },
  'sampling.stop': {
    fate: 'carry',
    cases: {
      many: {
        fate: 'clamp',
        when: 'there are more than 4',
        why: '4 stop sequences are taken',
        weight: 'degrade',
      },
    },
  },
  'sampling.choices': carry,
  outputTokensMax: { fate: 'translate', cases: { model: outputLimit } },
  'reasoning.mode': {
    fate: 'moot',
    why: 'a model that is left to itself chooses how much it reasons',
    cases: { unable, always, unsure, default: reasoningCases.default },
  },
  'reasoning.effort': { fate: 'carry', cases: { unable, always, nearest, unknown } },
  'reasoning.budgetTokens': {
    fate: asEffort.fate,
    why: asEffort.why,
    cases: { unable, always, unsure, nearest, beside, asEffort },
  },
  'reasoning.show': drop('there is no say in how reasoning is shown'),
  'output.verbosity': { fate: 'carry', cases: { plain: { ...plain, weight: 'degrade' } } },
  'output.modalities': carry,
  'format.text': carry,
  'format.json': carry,
  'format.schema': { fate: 'carry', cases: { unable: noSchema } },
  'format.name': carry,
  'format.description': carry,
  'format.strict': carry,
  'cache.key': unlessPlain,
  'cache.retention': unlessPlain,
  'cache.mark': drop('prompts are cached by themselves'),
  'state.store': unlessPlain,
  'state.previousId': refused('this upstream keeps no conversation'),
  'delivery.stream': carry,
  'delivery.includeUsage': moot('usage is asked for in any case, and shown to those who want it'),
  'meta.tier': {
    fate: 'carry',
    cases: {
      plain,
      unknown: {
        fate: 'drop',
        when: 'no tier here means the same',
        why: 'there is no such tier at this upstream',
      },
    },
  },
  'meta.user': {
    fate: 'carry',
    cases: {
      plain,
      long: { fate: 'drop', when: 'it has more than 64 characters', why: '64 characters are taken at most' },
    },
  },
  'meta.safetyId': unlessPlain,
  'meta.labels': {
    fate: 'carry',
    cases: {
      plain,
      unstored: {
        fate: 'drop',
        when: 'the completion is not stored',
        why: 'labels are kept only with stored completions',
      },
    },
  },
};

/** Chat Completions' half of the table of parity. */
export const contract: Contract = {
  protocol: 'openai-chat',
  fields,
  members,
  homes: { reasoning: '', output: '' },
};
