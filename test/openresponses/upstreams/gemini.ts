import { has, list, object, string } from '../../conformance/canonical/read.ts';
import { requestSchemaFaults } from '../../conformance/schema.ts';
import { blocksOfPayloads } from '../../support/corpus.ts';
import { seal, tokens, type Heard, type HeardPart, type Said } from './model.ts';
import { dataUrl, pieces, type Body, type Wire } from './simulator.ts';

/** Google's Gemini API. Its calls have no ids: a result finds its call by name and order. */
export const gemini: Wire = {
  route({ pathname, searchParams }) {
    const [, model, method] = /^\/v1beta\/models\/([^/:]+):(\w+)$/.exec(pathname) ?? [];
    if (method === 'generateContent') return { model, stream: false };
    // Without `alt=sse` the real API streams a JSON array.
    return method === 'streamGenerateContent' && searchParams.get('alt') === 'sse'
      ? { model, stream: true }
      : undefined;
  },
  unwelcome: (headers) =>
    headers.get('x-goog-api-key') === 'upstream-key'
      ? undefined
      : 'Method doesn’t allow unregistered callers',
  faults: (body) => [
    ...requestSchemaFaults('google-gemini', body),
    ...contentFaults(list(body['contents'])),
    ...toolFaults(body),
  ],
  heard,
  whole: (said) => ({
    candidates: [{ ...candidate(partsOf(said)), finishReason: finish(said) }],
    ...tail(tokens.output),
  }),
  events(said) {
    const parts = partsOf(said).flatMap((part) =>
      has(part['text']) ? pieces(string(part['text'])).map((text) => ({ ...part, text })) : [part],
    );
    const chunks = parts.map((part) => ({ candidates: [candidate([part])], ...tail(0) }));
    const last = {
      candidates: [{ ...candidate([{ text: '' }]), finishReason: finish(said) }],
      ...tail(tokens.output),
    };
    return blocksOfPayloads(
      [...chunks, last].map((chunk) => JSON.stringify(chunk)),
      'google-gemini',
    );
  },
  failure() {
    const data = JSON.stringify(gemini.refusal('overloaded', 'The model is overloaded.').body);
    return { text: `data: ${data}`, data };
  },
  refusal(kind, message) {
    const [code, status] = refusals[kind];
    return { status: code, body: { error: { code, message, status } } };
  },
};

const refusals = {
  invalid: [400, 'INVALID_ARGUMENT'],
  unauthorized: [403, 'PERMISSION_DENIED'],
  not_found: [404, 'NOT_FOUND'],
  rate_limited: [429, 'RESOURCE_EXHAUSTED'],
  overloaded: [503, 'UNAVAILABLE'],
} as const;

const candidate = (parts: Body[]): Body => ({
  index: 0,
  ...(parts.length > 0 && { content: { role: 'model', parts } }),
});

/** What stands beside the candidates. Thoughts are counted apart from the answer, cached tokens within the prompt. */
const tail = (output: number): Body => ({
  usageMetadata: {
    promptTokenCount: tokens.input,
    cachedContentTokenCount: tokens.cached,
    ...(output > 0 && {
      candidatesTokenCount: output - tokens.reasoning,
      thoughtsTokenCount: tokens.reasoning,
    }),
    totalTokenCount: tokens.input + output,
  },
  modelVersion: 'm-1',
  responseId: 'reply-1',
});

/** Only the first call of a reply carries the signature of the thought before it. */
function partsOf(said: Said): Body[] {
  let sealed = false;
  return said.parts.flatMap((part): Body[] => {
    switch (part.kind) {
      case 'text':
        return [{ text: part.text }];
      case 'thought':
        return [{ text: part.text, thought: true }];
      case 'call': {
        const signature = sealed ? {} : { thoughtSignature: seal };
        sealed = true;
        return [{ functionCall: { name: part.name, args: JSON.parse(part.input) }, ...signature }];
      }
      case 'refusal':
      case 'compaction':
        return [];
    }
  });
}

function finish({ stop, parts }: Said): string {
  if (parts.some((part) => part.kind === 'refusal')) return 'SAFETY';
  return { end: 'STOP', calls: 'STOP', length: 'MAX_TOKENS', filter: 'SAFETY' }[stop];
}

/** A signature that the API documents for calls that another model made. */
const unsigned = Buffer.from('skip_thought_signature_validator').toString('base64');
const signatures: ReadonlySet<unknown> = new Set([seal, unsigned, 'skip_thought_signature_validator']);

/** What the API says no to though the schema allows it. */
function contentFaults(contents: readonly Body[]): string[] {
  const faults: string[] = [];
  if (contents.length === 0) faults.push('contents is not specified');
  let before: Body[] = [];
  contents.forEach((content, i) => {
    const parts = list(content['parts']);
    const role = content['role'];
    if (role !== 'user' && role !== 'model') faults.push('Please use a valid role: user, model.');
    if (i === 0 && role === 'model') faults.push('a conversation begins with a user turn');
    if (i > 0 && role === contents[i - 1]!['role']) faults.push(`contents[${i}] does not alternate`);
    if (parts.length === 0) faults.push(`contents[${i}] must include at least one parts field`);
    const calls = before.filter((part) => has(part['functionCall']));
    const results = parts.filter((part) => has(part['functionResponse']));
    if (results.length !== calls.length) {
      faults.push(`contents[${i}]: ${results.length} function responses for ${calls.length} function calls`);
    }
    const names = (from: Body[], key: string): string =>
      JSON.stringify(from.map((part) => object(part[key])['name']));
    if (names(results, 'functionResponse') !== names(calls, 'functionCall')) {
      faults.push(`contents[${i}]: function responses are not named after their calls`);
    }
    const first = parts.find((part) => has(part['functionCall']));
    if (first && !signatures.has(first['thoughtSignature'])) {
      faults.push(`contents[${i}]: Function call is missing a thought_signature`);
    }
    for (const part of parts) {
      const kinds = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'].filter(
        (key) => key in part,
      );
      if (kinds.length !== 1) faults.push(`contents[${i}]: a part with data of ${kinds.length} kinds`);
    }
    before = parts;
  });
  if (before.some((part) => has(part['functionCall'])))
    faults.push('the last function calls are not answered');
  return faults;
}

function toolFaults(body: Body): string[] {
  const faults: string[] = [];
  const config = object(body['generationConfig']);
  const names = declarations(body).map((one) => one['name']);
  for (const one of declarations(body)) {
    if (has(one['parameters']) && has(one['parametersJsonSchema'])) {
      faults.push('parameters and parametersJsonSchema are mutually exclusive');
    }
    if (!/^[a-zA-Z_][\w.:-]{0,127}$/.test(string(one['name'])))
      faults.push(`Invalid function name ${string(one['name'])}`);
  }
  const calling = object(object(body['toolConfig'])['functionCallingConfig']);
  const allowed = (calling['allowedFunctionNames'] ?? []) as string[];
  if (allowed.length > 0 && !['ANY', 'VALIDATED'].includes(string(calling['mode']))) {
    faults.push('allowed_function_names only works with mode ANY or VALIDATED');
  }
  for (const name of allowed) if (!names.includes(name)) faults.push(`no function is called ${name}`);
  const schema = config['responseJsonSchema'] ?? config['responseSchema'];
  if (has(schema) && config['responseMimeType'] !== 'application/json') {
    faults.push('a response schema needs response_mime_type application/json');
  }
  const thinking = object(config['thinkingConfig']);
  if (has(thinking['thinkingBudget']) && has(thinking['thinkingLevel'])) {
    faults.push('thinking_budget and thinking_level are mutually exclusive');
  }
  return faults;
}

const declarations = (body: Body): Body[] =>
  list(body['tools']).flatMap((tool) => list(tool['functionDeclarations']));

function heard(body: Body): Heard {
  const config = object(body['generationConfig']);
  const calling = object(object(body['toolConfig'])['functionCallingConfig']);
  const allowed = calling['allowedFunctionNames'] as string[] | undefined;
  const tools = declarations(body).map((one) => string(one['name']));
  const thinking = object(config['thinkingConfig']);
  return {
    system: list(object(body['systemInstruction'])['parts'])
      .map((part) => string(part['text']))
      .join('\n'),
    turns: list(body['contents']).map((content) => ({
      role: content['role'] === 'model' ? 'assistant' : 'user',
      parts: list(content['parts']).flatMap(heardParts),
    })),
    tools: allowed ?? tools,
    toolChoice: { ANY: 'required', NONE: 'none' }[string(calling['mode'])] ?? 'auto',
    parallel: true,
    schema: has(config['responseJsonSchema'] ?? config['responseSchema']),
    outputTokensMax: config['maxOutputTokens'] as number | undefined,
    reasoning: thinking['includeThoughts'] === true,
  };
}

function heardParts(part: Body): HeardPart[] {
  const thought: HeardPart[] =
    part['thoughtSignature'] === seal ? [{ kind: 'thought', seal: string(part['thoughtSignature']) }] : [];
  const { fileUri } = object(part['fileData']);
  if (has(fileUri)) return [{ kind: 'image', ...dataUrl(fileUri) }];
  const { mimeType, data } = object(part['inlineData']);
  if (has(data)) {
    const mime = string(mimeType);
    return [{ kind: mime.startsWith('image/') ? 'image' : 'file', mime, data: string(data) }];
  }
  const call = object(part['functionCall']);
  if (has(part['functionCall'])) return [...thought, { kind: 'call', id: '', name: string(call['name']) }];
  const result = object(part['functionResponse']);
  if (has(part['functionResponse']))
    return [{ kind: 'result', id: '', text: resultText(object(result['response'])) }];
  return [...thought, { kind: 'text', text: string(part['text']) }];
}

const resultText = (response: Body): string =>
  typeof response['output'] === 'string' ? response['output'] : JSON.stringify(response);
