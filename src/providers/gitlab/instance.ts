import { parseObject, type JsonObject } from '../../turn/json.ts';
import { readText } from '../http.ts';

/** A GitLab instance as its API is asked. */
export interface Instance {
  /** The root, with its path where GitLab runs under one; no slash at the end. */
  readonly url: string;
  readonly userAgent: string;
  readonly fetch: typeof fetch;
}

/** What an instance has answered, success or not. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON object of the answer; empty when it was none. */
  readonly body: JsonObject;
}

/** Answers of the API are a few KiB. */
const answerBytesMax = 256 * 1024;

/** Asks the instance in the name of a token, personal or of OAuth: GitLab takes both as a bearer token. */
export async function askInstance(
  { url, userAgent, fetch: fetcher }: Instance,
  method: 'GET' | 'POST',
  path: string,
  token: string,
  signal: AbortSignal,
  body: JsonObject = {},
): Promise<Answer> {
  const response = await fetcher(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      'user-agent': userAgent,
      ...(method === 'POST' && { 'content-type': 'application/json' }),
    },
    ...(method === 'POST' && { body: JSON.stringify(body) }),
    signal,
    redirect: 'manual',
  });
  const { status, headers } = response;
  return { status, headers, body: objectOf(await readText(response, answerBytesMax)) };
}

/** The JSON object that a text is, or an empty one. */
export const objectOf = (text: string): JsonObject => parseObject(text) ?? {};
