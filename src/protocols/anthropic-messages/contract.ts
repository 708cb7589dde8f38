import type { Case, Contract, Member, Treatment } from '../contract.ts';
import { reasoningCases } from '../reasoning.ts';
import {
  drop,
  carry,
  emulate,
  fixedSampling,
  moot,
  noSchema,
  outputLimit,
  refused,
  unreadable,
} from '../treatments.ts';
import { fields } from './contract-fields.ts';

const { unable, always, nearest, unknown, asBudget, bounds, beside, covered } = reasoningCases;

const noHost = drop('no such tool is hosted here', 'degrade');

const thinking = (why: string): Case => ({
  fate: 'drop',
  when: 'the model thinks',
  why,
  weight: 'degrade',
});

/** What the API does not let the model think beside. */
const thoughtless: Readonly<Record<string, Case>> = {
  forced: {
    fate: 'drop',
    when: 'a tool must be called',
    why: 'the model cannot think when it is made to call a tool',
    weight: 'degrade',
  },
  begun: {
    fate: 'drop',
    when: 'the turn goes on that began without thinking',
    why: 'the turn was begun without thinking that this upstream could take up',
    weight: 'degrade',
  },
  room: {
    fate: 'drop',
    when: 'the output limit leaves no room',
    why: 'the output limit leaves no room for thinking',
    weight: 'degrade',
  },
  fit: {
    fate: 'clamp',
    when: 'the output limit is too small for it',
    why: 'thinking has to fit into the output limit',
  },
};

const members: Readonly<Record<Member, Treatment>> = {
  model: { fate: 'translate', why: 'by its name at the upstream' },
  instructions: { fate: 'translate', why: 'the system prompt' },
  turns: { fate: 'translate', why: 'messages' },
  'turns.name': drop('messages have no name'),
  'turns.system': {
    fate: 'translate',
    why: 'the system prompt',
    cases: {
      later: {
        fate: 'emulate',
        when: 'the conversation has begun',
        why: 'it is sent as a marked user message',
      },
    },
  },
  'turns.developer': {
    fate: 'translate',
    why: 'the system prompt',
    cases: {
      later: {
        fate: 'emulate',
        when: 'the conversation has begun',
        why: 'it is sent as a marked user message',
      },
    },
  },
  'turns.system_media': drop('a system prompt is text', 'degrade'),

  'parts.text': carry,
  'parts.citations': drop('only the vendor’s own citations can be sent'),
  'parts.logprobs': moot('the odds of earlier tokens are not read back'),
  'parts.refusal': { fate: 'translate', why: 'text of the assistant' },
  'parts.image': {
    fate: 'carry',
    cases: {
      unreadable,
      kind: { fate: 'refuse', when: 'it is of another kind', why: 'images are JPEG, PNG, GIF or WebP' },
    },
  },
  'parts.image_detail': drop('the detail of an image cannot be chosen'),
  'parts.audio': refused('Messages takes no audio'),
  'parts.video': refused('Messages takes no video'),
  'parts.document': {
    fate: 'carry',
    cases: {
      unreadable,
      kind: { fate: 'refuse', when: 'it is neither PDF nor text', why: 'documents are PDF or text' },
    },
  },
  'parts.text_document': carry,
  'parts.parts_document': carry,
  'parts.file': carry,
  'parts.url': carry,
  'parts.reply_media': drop('a message of the assistant cannot hold media', 'degrade'),
  'parts.file_id': refused('the file is not stored at this upstream'),
  'parts.title': carry,
  'parts.context': carry,
  'parts.citable': carry,
  'parts.search_result': carry,
  'parts.reasoning': {
    ...drop('reasoning goes up only with a signature of this upstream'),
    cases: {
      last: {
        fate: 'drop',
        when: 'nothing follows it',
        why: 'reasoning that nothing follows cannot be sent',
      },
    },
  },
  'parts.seal': drop('sealed reasoning goes back only to the provider that made it'),
  'parts.tool_call': carry,
  'parts.custom_call': { fate: 'translate', why: 'the call of a function of one string' },
  'parts.call_namespace': { fate: 'translate', why: 'part of the name' },
  'parts.vendor_call': emulate('a call of the vendor’s own tool goes up as that of a function of its name'),
  'parts.vendor_result': { fate: 'translate', why: 'the result of a function' },
  'parts.hosted_call': drop('calls of tools that another provider hosts cannot be told', 'degrade'),
  'parts.tool_result': carry,
  'parts.result_media': carry,
  'parts.result_error': carry,
  'parts.hosted_result': drop('results of tools that another provider hosts cannot be told', 'degrade'),
  'parts.approval': drop('approvals of another provider cannot be told', 'degrade'),
  'parts.tool_change': emulate('tools that join later are offered from the start'),
  'parts.compaction': emulate('a compacted stretch goes up as its summary', 'degrade'),
  'parts.sealed_compaction': refused('a compaction that is sealed cannot be read here'),
  'parts.reference': refused('this upstream does not keep the item that is referred to'),
  'parts.notice': drop('notices of an upstream are not sent back'),
  'parts.cache': {
    fate: 'carry',
    cases: {
      many: {
        fate: 'drop',
        when: 'there are more than 4',
        why: '4 cache marks are taken; the last ones stay',
      },
    },
  },
  'parts.item': moot('ids and states of items belong to the server that made them'),

  'tools.function': carry,
  'tools.custom': emulate('a tool of free text goes up as a function of one string'),
  'tools.namespace': { fate: 'translate', why: 'part of the names of its tools' },
  'tools.web_search': {
    fate: 'translate',
    why: 'the vendors’ tools do the same',
    cases: {
      named: {
        fate: 'drop',
        when: 'another tool has its name',
        why: 'another tool has its name',
        weight: 'degrade',
      },
    },
  },
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
  'tools.schema': {
    fate: 'carry',
    cases: {
      object: {
        fate: 'emulate',
        when: 'it is not that of one object',
        why: 'the schema must be that of one object',
      },
      union: {
        fate: 'emulate',
        when: 'it is a union',
        why: 'the schema must be that of one object; the branches are put together',
        weight: 'degrade',
      },
    },
  },
  'tools.grammar': emulate('the grammar stands in a description and is not enforced', 'degrade'),
  'tools.strict': drop('the schema is followed without being enforced'),
  'tools.defer': drop('every tool is loaded from the start'),
  'tools.cache': carry,
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
  'toolChoice.allowed': { fate: 'emulate', why: 'the tools that may not be called are not offered' },
  'toolChoice.hosted': {
    fate: 'translate',
    why: 'for web search; of others none are offered',
    cases: {
      missing: {
        fate: 'drop',
        when: 'it is another hosted tool',
        why: 'no such tool is hosted here',
        weight: 'degrade',
      },
    },
  },
  parallelTools: { fate: 'translate', why: 'a member of `tool_choice`' },

  'sampling.temperature': {
    fate: 'carry',
    cases: {
      fixed: fixedSampling,
      scale: { fate: 'clamp', when: 'it is above 1', why: 'the scale ends at 1', weight: 'degrade' },
      thinking: thinking('it cannot be set while the model thinks'),
    },
  },
  'sampling.topP': {
    fate: 'carry',
    cases: {
      fixed: fixedSampling,
      thinking: thinking('below 0.95 it cannot be set while the model thinks'),
      beside: {
        fate: 'drop',
        when: 'a temperature stands beside it',
        why: 'only one of temperature and top_p can be set',
        weight: 'degrade',
      },
    },
  },
  'sampling.topK': {
    fate: 'carry',
    cases: { fixed: fixedSampling, thinking: thinking('it cannot be set while the model thinks') },
  },
  'sampling.seed': drop('there is no seed in Messages', 'degrade'),
  'sampling.frequencyPenalty': drop('there are no penalties in Messages', 'degrade'),
  'sampling.presencePenalty': drop('there are no penalties in Messages', 'degrade'),
  'sampling.logitBias': drop('there is no logit bias in Messages', 'degrade'),
  'sampling.logprobs': drop('the odds of tokens are not told', 'degrade'),
  'sampling.topLogprobs': drop('the odds of tokens are not told', 'degrade'),
  'sampling.stop': {
    fate: 'carry',
    cases: {
      blank: {
        fate: 'drop',
        when: 'it is white space alone',
        why: 'a stop sequence cannot be white space alone',
        weight: 'degrade',
      },
    },
  },
  'sampling.choices': drop('there is one reply to a request', 'degrade'),
  outputTokensMax: { fate: 'translate', cases: { model: outputLimit } },
  'reasoning.mode': {
    fate: 'translate',
    why: 'thinking, with the model’s own or a middle budget',
    cases: { unable, always, ...thoughtless },
  },
  'reasoning.effort': {
    fate: 'emulate',
    why: asBudget.why,
    cases: { unable, always, nearest, unknown, asBudget, covered, ...thoughtless },
  },
  'reasoning.budgetTokens': {
    fate: 'carry',
    cases: { unable, always, bounds, beside, asEffort: reasoningCases.asEffort, ...thoughtless },
  },
  'reasoning.show': drop('only models that choose their thinking are asked to show it'),
  'output.verbosity': drop('how much is said cannot be chosen', 'degrade'),
  'output.modalities': drop('replies are text in Messages', 'degrade'),
  'format.text': moot('text is what is written anyway'),
  'format.json': drop('JSON without a schema cannot be asked for', 'degrade'),
  'format.schema': {
    fate: 'carry',
    cases: {
      unable: noSchema,
      absent: {
        fate: 'drop',
        when: 'it is not there',
        why: 'a format without its schema cannot be asked for',
        weight: 'degrade',
      },
      closed: {
        fate: 'clamp',
        when: 'its objects are open',
        why: 'its objects hold no members beyond those described',
        weight: 'degrade',
      },
      keywords: {
        fate: 'clamp',
        when: 'it has constraints that are not enforced here',
        why: 'constraints that are not enforced stand in descriptions',
        weight: 'degrade',
      },
      recursive: {
        fate: 'emulate',
        when: 'it refers to itself',
        why: 'a schema that refers to itself is told in words and not enforced',
        weight: 'degrade',
      },
    },
  },
  'format.name': drop('a format has no name'),
  'format.description': drop('a format has no description'),
  'format.strict': {
    ...drop('the schema is always enforced'),
  },
  'cache.key': drop('prompts are cached by what they say'),
  'cache.retention': drop('how long is said at each cache mark'),
  'cache.mark': carry,
  'state.store': drop('nothing is stored by this upstream'),
  'state.previousId': refused('this upstream keeps no conversation'),
  'delivery.stream': carry,
  'delivery.includeUsage': moot('usage is told in any case, and shown to those who want it'),
  'meta.tier': {
    fate: 'translate',
    why: '`default` and `standard` are `standard_only`',
    cases: {
      unknown: {
        fate: 'drop',
        when: 'no tier here means the same',
        why: 'there is no such tier at this upstream',
        weight: 'degrade',
      },
    },
  },
  'meta.user': {
    fate: 'translate',
    why: '`metadata.user_id`',
    cases: {
      long: {
        fate: 'drop',
        when: 'it has more than 512 characters',
        why: '512 characters are taken at most',
      },
      beside: {
        fate: 'drop',
        when: 'a safety identifier stands beside it',
        why: 'safety_identifier stands for the user',
      },
    },
  },
  'meta.safetyId': {
    fate: 'translate',
    why: '`metadata.user_id`',
    cases: {
      long: {
        fate: 'drop',
        when: 'it has more than 512 characters',
        why: '512 characters are taken at most',
      },
    },
  },
  'meta.labels': drop('requests have no labels'),
};

/** Messages' half of the table of parity. */
export const contract: Contract = {
  protocol: 'anthropic-messages',
  fields,
  members,
  homes: { reasoning: 'thinking', output: 'output_config' },
};
