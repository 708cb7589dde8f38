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

const { unable, always, nearest, unknown, asBudget, asEffort, bounds, beside } = reasoningCases;

const noHost = drop('no such tool is hosted here', 'degrade');

const later: Case = {
  fate: 'emulate',
  when: 'the conversation has begun',
  why: 'it is sent as a marked text of the user',
};

const fetched: Case = {
  fate: 'emulate',
  when: 'it is a link',
  why: 'the upstream opens the link itself, where the model can',
};

/** What can become of a schema, of a tool's arguments or of the reply. */
const schemaCases: Readonly<Record<string, Case>> = {
  keyword: {
    fate: 'clamp',
    when: 'it has keywords that are not known here',
    why: 'keywords that are not known here are left out',
    weight: 'degrade',
  },
  format: {
    fate: 'clamp',
    when: 'it names a format that is not known here',
    why: 'formats that are not known here are left out',
  },
  recursion: {
    fate: 'clamp',
    when: 'it refers to itself',
    why: 'a schema that refers to itself is ended there',
    weight: 'degrade',
  },
  size: {
    fate: 'clamp',
    when: 'it is very large with its references written out',
    why: 'the schema is too large with its references written out',
    weight: 'degrade',
  },
};

const members: Readonly<Record<Member, Treatment>> = {
  model: { fate: 'translate', why: 'in the path, by its name at the upstream' },
  instructions: { fate: 'translate', why: '`systemInstruction`' },
  turns: { fate: 'translate', why: '`contents`' },
  'turns.name': drop('contents have no name'),
  'turns.system': { fate: 'translate', why: '`systemInstruction`', cases: { later } },
  'turns.system_media': drop('an instruction is text', 'degrade'),
  'turns.developer': { fate: 'translate', why: '`systemInstruction`', cases: { later } },

  'parts.text': carry,
  'parts.citations': drop('citations in the history cannot be sent'),
  'parts.logprobs': moot('the odds of earlier tokens are not read back'),
  'parts.refusal': { fate: 'translate', why: 'text of the model' },
  'parts.image': { fate: 'carry', cases: { unreadable, fetched } },
  'parts.image_detail': drop('the detail of an image cannot be chosen'),
  'parts.audio': readable,
  'parts.video': readable,
  'parts.document': readable,
  'parts.text_document': emulate('a document of text goes up as that text'),
  'parts.parts_document': emulate('a document made of parts goes up as those parts'),
  'parts.file': readable,
  'parts.url': { fate: 'carry', cases: { fetched } },
  'parts.file_id': refused('the file is not stored at this upstream'),
  'parts.title': emulate('the title of a document goes up as a text before it'),
  'parts.context': emulate('the context of a document goes up as a text before it'),
  'parts.citable': drop('documents cannot be cited', 'degrade'),
  'parts.reply_media': carry,
  'parts.search_result': emulate('a search result goes up as its text', 'degrade'),
  'parts.reasoning': { fate: 'carry', why: 'as a thought' },
  'parts.seal': drop('sealed reasoning goes back only to the provider that made it'),
  'parts.tool_call': carry,
  'parts.custom_call': { fate: 'translate', why: 'the call of a function of one string' },
  'parts.call_namespace': { fate: 'translate', why: 'part of the name' },
  'parts.vendor_call': emulate('a call of the vendor’s own tool goes up as that of a function of its name'),
  'parts.hosted_call': drop('calls of tools that another provider hosts cannot be told', 'degrade'),
  'parts.tool_result': carry,
  'parts.result_media': {
    fate: 'carry',
    cases: {
      behind: {
        fate: 'emulate',
        when: 'the model is older, or they are links',
        why: 'media in a tool result stand behind it',
      },
    },
  },
  'parts.result_error': { fate: 'translate', why: 'the member `error` of the response' },
  'parts.vendor_result': { fate: 'translate', why: 'the result of a function' },
  'parts.hosted_result': drop('results of tools that another provider hosts cannot be told', 'degrade'),
  'parts.approval': drop('approvals of another provider cannot be told', 'degrade'),
  'parts.tool_change': emulate('tools that join later are offered from the start'),
  'parts.compaction': emulate('a compacted stretch goes up as its summary', 'degrade'),
  'parts.sealed_compaction': refused('a compaction that is sealed cannot be read here'),
  'parts.reference': refused('this upstream does not keep the item that is referred to'),
  'parts.notice': drop('notices of an upstream are not sent back'),
  'parts.cache': drop('prompts are cached by themselves'),
  'parts.item': moot('ids and states of items belong to the server that made them'),

  'tools.function': carry,
  'tools.custom': emulate('a tool of free text goes up as a function of one string'),
  'tools.namespace': { fate: 'translate', why: 'part of the names of its tools' },
  'tools.web_search': { fate: 'translate', why: '`googleSearch`' },
  'tools.web_fetch': { fate: 'translate', why: '`urlContext`' },
  'tools.file_search': noHost,
  'tools.code': { fate: 'translate', why: '`codeExecution`' },
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
  'tools.schema': {
    fate: 'carry',
    cases: {
      ...schemaCases,
      union: {
        fate: 'emulate',
        when: 'it is a union',
        why: 'the schema must be that of one object; the branches are put together',
        weight: 'degrade',
      },
      object: {
        fate: 'emulate',
        when: 'it is not that of one object',
        why: 'the schema must be that of one object',
      },
    },
  },
  'tools.grammar': emulate('the grammar stands in a description and is not enforced', 'degrade'),
  'tools.strict': drop('the schema is followed without being enforced'),
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
  'toolChoice.allowed': {
    fate: 'carry',
    cases: {
      missing: {
        fate: 'drop',
        when: 'a tool is hosted or not on offer',
        why: 'only functions that are on offer can be named',
        weight: 'degrade',
      },
    },
  },
  'toolChoice.hosted': drop('when to use a hosted tool is left to the model', 'degrade'),
  parallelTools: drop('whether calls come together is left to the model', 'degrade'),

  'sampling.temperature': {
    fate: 'carry',
    cases: {
      fixed: fixedSampling,
      scale: { fate: 'clamp', when: 'it is above 2', why: 'the scale ends at 2', weight: 'degrade' },
    },
  },
  'sampling.topP': { fate: 'carry', cases: { fixed: fixedSampling } },
  'sampling.topK': { fate: 'carry', cases: { fixed: fixedSampling } },
  'sampling.seed': {
    fate: 'carry',
    cases: {
      range: {
        fate: 'drop',
        when: 'it has more than 32 bits',
        why: 'a seed is a whole number of 32 bits',
        weight: 'degrade',
      },
    },
  },
  'sampling.frequencyPenalty': carry,
  'sampling.presencePenalty': carry,
  'sampling.logitBias': drop('there is no logit bias here', 'degrade'),
  'sampling.logprobs': carry,
  'sampling.topLogprobs': {
    fate: 'carry',
    why: 'together with `responseLogprobs`, which it needs',
    cases: {
      many: { fate: 'clamp', when: 'it is above 20', why: '20 alternatives are told', weight: 'degrade' },
    },
  },
  'sampling.stop': {
    fate: 'carry',
    cases: {
      many: {
        fate: 'clamp',
        when: 'there are more than 5',
        why: '5 stop sequences are taken',
        weight: 'degrade',
      },
    },
  },
  'sampling.choices': carry,
  outputTokensMax: { fate: 'translate', cases: { model: outputLimit } },
  'reasoning.mode': {
    fate: 'translate',
    why: 'a number of tokens, -1 where the model is to choose it',
    cases: { unable, always, default: reasoningCases.default },
  },
  'reasoning.effort': { fate: 'carry', cases: { unable, always, nearest, unknown, asBudget } },
  'reasoning.budgetTokens': {
    fate: 'carry',
    cases: { unable, always, nearest, bounds, beside, asEffort },
  },
  'reasoning.show': {
    fate: 'translate',
    why: '`includeThoughts`',
    cases: {
      length: {
        fate: 'clamp',
        when: 'it is `concise` or `detailed`',
        why: 'how much of the thoughts is shown is left to the model',
      },
    },
  },
  'output.verbosity': drop('how much is said cannot be chosen', 'degrade'),
  'output.modalities': carry,
  'format.text': moot('text is what is written anyway'),
  'format.json': carry,
  'format.schema': {
    fate: 'carry',
    cases: {
      unable: noSchema,
      absent: {
        fate: 'drop',
        when: 'it is not there',
        why: 'JSON is asked for without a schema',
        weight: 'degrade',
      },
      ...schemaCases,
    },
  },
  'format.name': drop('a format has no name'),
  'format.description': drop('a format has no description'),
  'format.strict': drop('the schema is always enforced'),
  'cache.key': drop('prompts are cached by what they say'),
  'cache.retention': drop('how long prompts are cached cannot be chosen'),
  'cache.mark': drop('prompts are cached by themselves'),
  'state.store': drop('what is stored is the account’s to say'),
  'state.previousId': refused('this upstream keeps no conversation'),
  'delivery.stream': { fate: 'translate', why: 'in the path' },
  'delivery.includeUsage': moot('usage is told in any case, and shown to those who want it'),
  'meta.tier': {
    fate: 'translate',
    why: '`default` is `standard`',
    cases: {
      unknown: {
        fate: 'drop',
        when: 'no tier here means the same',
        why: 'there is no such tier at this upstream',
        weight: 'degrade',
      },
    },
  },
  'meta.user': drop('requests do not say who the user is'),
  'meta.safetyId': drop('requests do not say who the user is'),
  'meta.labels': drop('requests have no labels'),
};

/** The Gemini API's half of the table of parity. */
export const contract: Contract = {
  protocol: 'google-gemini',
  fields,
  members,
  homes: { reasoning: 'generationConfig.thinkingConfig', output: 'generationConfig' },
};
