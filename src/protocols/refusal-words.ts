import type { FailureKind, FailureScope } from '../turn/failure.ts';

/** A thing that the request names by an id, and that another account does not have either. */
const thingOfRequest =
  /\b(?:files?|responses?|conversations?|items?|containers?|prompts?|messages?|vector.?stores?|cached ?contents?|entity|batch(?:es)?)\b/i;
const model = /model|deployment|endpoints? found/i;
/** What the request says is not allowed, whoever says it. */
const contents = /moderation|flagged|safety|content.?policy|you do not have permission to access the file/i;
/** Where the request comes from is not allowed: that is the gateway's address, the same for all accounts. */
const place = /countr(?:y|ies)|region|territory|location is not supported|request not allowed/i;
const purse = /billing|credit|payment|subscription|\bplan\b/i;
const limitOfModel =
  /^Rate limit reached for (?!requests\b|tokens\b|organization\b)|\bmodel: [\w.-]+|PerModel/i;

/**
 * Whom a refusal concerns, as far as its words tell more than its status and type: vendors use one status for a model
 * that an account lacks, a file that the request names, and an account that is locked.
 *
 * @param text message, code and type together
 */
export function narrowedScope(kind: FailureKind, scope: FailureScope, text: string): FailureScope {
  const words = text.replaceAll('_', ' ');
  switch (kind) {
    case 'not_found':
      if (/model not found/i.test(words)) return 'model';
      if (thingOfRequest.test(words)) return 'request';
      // A route that is not there is the wrong place.
      return model.test(words) ? 'model' : 'provider';
    case 'permission':
      if (contents.test(words) || /cached ?content/i.test(words)) return 'request';
      if (purse.test(words)) return 'account';
      if (place.test(words)) return 'provider';
      return model.test(words) ? 'model' : scope;
    case 'rate_limited':
      return limitOfModel.test(words) ? 'model' : scope;
    default:
      return scope;
  }
}
