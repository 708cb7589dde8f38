import { asArray, asNumber, asString, isObject, type Json, type JsonObject } from '../../turn/json.ts';
import { camel } from './names.ts';

/** Token log-probabilities of a candidate in OpenAI's shape. */
export function decodeLogprobs(result: JsonObject): Json[] {
  const tops = asArray(result.topCandidates).map((entry) =>
    isObject(entry) ? asArray(camel(entry).candidates).filter(isObject) : [],
  );
  return asArray(result.chosenCandidates)
    .filter(isObject)
    .map((chosen, i) => ({ ...token(chosen), top_logprobs: (tops[i] ?? []).map(token) }));
}

/** The same back again. */
export function encodeLogprobs(entries: readonly Json[]): JsonObject {
  const list = entries.filter(isObject);
  const result: JsonObject = { chosenCandidates: list.map(candidate) };
  if (list.some((entry) => asArray(entry.top_logprobs).length > 0)) {
    result.topCandidates = list.map((entry) => ({
      candidates: asArray(entry.top_logprobs).filter(isObject).map(candidate),
    }));
  }
  return result;
}

function token(value: JsonObject): JsonObject {
  const { token, logProbability } = camel(value);
  const text = asString(token) ?? '';
  return { token: text, logprob: asNumber(logProbability) ?? 0, bytes: [...new TextEncoder().encode(text)] };
}

const candidate = ({ token, logprob }: JsonObject): JsonObject => ({ token, logProbability: logprob });
