import type { MediaPart, Part, Tool } from '../turn/part.ts';
import type { TurnRequest } from '../turn/request.ts';

/** What a model reads of a request: texts to tokenize, and the tokens of what is no text. */
export interface RequestText {
  readonly texts: readonly string[];
  readonly fixedTokens: number;
  /** All of it is text, so that a count says something of the model's vocabulary. */
  readonly plain: boolean;
}

/** The marks around a message, a call and a tool, as chat templates write them; and what opens the reply. */
const messageTokens = 4;
const callTokens = 4;
const toolTokens = 8;
const replyTokens = 3;

/** Sizes of pictures are not looked up: this is about one of 1000 by 750 pixels. */
const imageTokens = 1_000;
const smallImageTokens = 85;
/** Documents that are not here to be read, and the least of those that are: about a page of text with its picture. */
const documentTokensMin = 2_000;
const documentBytesPerToken = 25;
/** Speech of some 30 tokens a second at 128 kbit/s; a film has as many for its size. */
const recordingTokensMin = 100;
const recordingBytesPerToken = 500;

/**
 * Collects what of a request becomes input tokens. What a provider adds by itself (instructions for tools, results
 * of hosted searches) and what it keeps (earlier responses) is not in a request and not counted.
 */
export function requestText(request: TurnRequest): RequestText {
  const reading: Reading = { texts: [], fixedTokens: replyTokens, plain: true };
  if (request.instructions.length > 0) reading.fixedTokens += messageTokens;
  for (const part of request.instructions) readPart(reading, part);
  for (const turn of request.turns) {
    reading.fixedTokens += messageTokens;
    if (turn.name !== undefined) reading.texts.push(turn.name);
    for (const part of turn.parts) readPart(reading, part);
  }
  for (const tool of request.tools) readTool(reading, tool);
  const schema = request.output?.format?.schema;
  if (schema !== undefined) reading.texts.push(JSON.stringify(schema));
  if (request.state?.previousId !== undefined) reading.plain = false;
  return reading;
}

interface Reading {
  readonly texts: string[];
  fixedTokens: number;
  plain: boolean;
}

function readPart(reading: Reading, part: Part): void {
  const { texts } = reading;
  switch (part.kind) {
    case 'text':
    case 'refusal':
      texts.push(part.text);
      return;
    case 'reasoning':
      if (part.text !== undefined) texts.push(part.text);
      else texts.push(...(part.summary ?? []));
      return;
    case 'media':
      readMedia(reading, part);
      return;
    case 'tool_call':
      reading.fixedTokens += callTokens;
      texts.push(part.name, part.input);
      return;
    case 'tool_result':
      reading.fixedTokens += callTokens;
      if (part.output.as === 'text') texts.push(part.output.text);
      else if (part.output.as === 'json') texts.push(JSON.stringify(part.output.value));
      else for (const inner of part.output.parts) readPart(reading, inner);
      return;
    case 'tool_change':
      for (const tool of part.add ?? []) readTool(reading, tool);
      return;
    case 'compaction':
      // Without a summary it is sealed, and how long what it stands for is cannot be seen.
      if (part.summary === undefined) reading.plain = false;
      else texts.push(part.summary);
      return;
    case 'reference':
      reading.plain = false;
      return;
    case 'approval_ask':
    case 'approval_answer':
    case 'notice':
      texts.push(JSON.stringify(part.wire.value));
      return;
    case 'native':
      reading.plain = false;
      texts.push(JSON.stringify(part.value));
  }
}

function readTool(reading: Reading, tool: Tool): void {
  reading.fixedTokens += toolTokens;
  if (tool.wire !== undefined) {
    // A hosted tool brings instructions and results of its own.
    reading.plain = false;
    reading.texts.push(JSON.stringify(tool.wire.value));
    return;
  }
  const { name, description, schema, format } = tool;
  reading.texts.push(JSON.stringify({ name, description, parameters: schema, format }));
  for (const inner of tool.tools ?? []) readTool(reading, inner);
}

function readMedia(reading: Reading, part: MediaPart): void {
  const { source, as, detail } = part;
  if (part.title !== undefined) reading.texts.push(part.title);
  if (part.context !== undefined) reading.texts.push(part.context);
  if (source.by === 'text') {
    reading.texts.push(source.text);
    return;
  }
  if (source.by === 'parts') {
    for (const inner of source.parts) readPart(reading, inner);
    return;
  }
  reading.plain = false;
  const bytes = source.by === 'bytes' ? source.data.length * 0.75 : 0;
  if (as === 'image') reading.fixedTokens += detail === 'low' ? smallImageTokens : imageTokens;
  else if (as === 'audio' || as === 'video')
    reading.fixedTokens += sized(bytes, recordingBytesPerToken, recordingTokensMin);
  else reading.fixedTokens += sized(bytes, documentBytesPerToken, documentTokensMin);
}

const sized = (bytes: number, bytesPerToken: number, tokensMin: number): number =>
  Math.max(tokensMin, Math.round(bytes / bytesPerToken));
