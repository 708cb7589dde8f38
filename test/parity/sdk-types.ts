import { join } from 'node:path';
import ts from 'typescript-api';
import { projectRoot } from '../support/program.ts';
import { type ObjectShape, type Shape, walk, type WalkedField } from './walk.ts';

/** Types of the official SDKs that are read, by a name of our own. */
const requestTypes: Readonly<Record<RequestType, readonly [module: string, type: string]>> = {
  chat: ['openai/resources/chat/completions/completions', 'ChatCompletionCreateParamsBase'],
  responses: ['openai/resources/responses/responses', 'ResponseCreateParamsBase'],
  messages: ['@anthropic-ai/sdk/resources/messages/messages', 'MessageCreateParamsBase'],
  betaMessages: ['@anthropic-ai/sdk/resources/beta/messages/messages', 'MessageCreateParamsBase'],
};

export type RequestType = 'chat' | 'responses' | 'messages' | 'betaMessages';

interface Program {
  readonly checker: ts.TypeChecker;
  readonly requests: ReadonlyMap<string, ts.Type>;
  /** Everything that the SDK of Gemini declares. */
  readonly gemini: ReadonlyMap<string, ts.Type>;
}

let program: Program | undefined;

/** The fields of a request as an SDK's declarations have them. */
export function sdkFields(name: RequestType): WalkedField[] {
  const { checker, requests } = (program ??= load());
  return walk(requests.get(name)!, (type) => shapeOf(type, checker));
}

/** A type that the SDK of Gemini declares. */
export function declaredType(name: string): { checker: ts.TypeChecker; type: ts.Type } {
  const { checker, gemini } = (program ??= load());
  const type = gemini.get(name);
  if (!type) throw new Error(`the SDK of Gemini declares no ${name}`);
  return { checker, type };
}

/** One program that names every request type; takes a second or two. */
function load(): Program {
  const file = join(projectRoot, 'test/parity/request-types.d.ts');
  const text = Object.entries(requestTypes)
    .map(([name, [module, type]]) => `export type ${name} = import('${module}').${type};`)
    .concat("import '@google/genai';")
    .join('\n');
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === file ? ts.createSourceFile(path, text, ts.ScriptTarget.ES2022) : getSourceFile(path, ...rest);
  const made = ts.createProgram([file], options, host);
  const checker = made.getTypeChecker();
  const requests = exportsOf(checker, made.getSourceFile(file)!);
  for (const [name, type] of requests) {
    if (type.flags & ts.TypeFlags.Any)
      throw new Error(`no SDK has ${requestTypes[name as RequestType].join(' ')}`);
  }
  const declarations = made
    .getSourceFiles()
    .find((each) => each.fileName.endsWith('@google/genai/dist/genai.d.ts'));
  if (!declarations) throw new Error('the SDK of Gemini has no declarations');
  return { checker, requests, gemini: exportsOf(checker, declarations) };
}

function exportsOf(checker: ts.TypeChecker, file: ts.SourceFile): ReadonlyMap<string, ts.Type> {
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
  return new Map(symbols.map((symbol) => [symbol.name, checker.getDeclaredTypeOfSymbol(symbol)]));
}

const plainFlags =
  ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike | ts.TypeFlags.BooleanLike | ts.TypeFlags.BigIntLike;
const absentFlags = ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Void | ts.TypeFlags.Never;
const freeFlags = ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive;

/** What a TypeScript type says of a JSON value. */
export function shapeOf(type: ts.Type, checker: ts.TypeChecker): Shape<ts.Type> {
  const shape = {
    plain: false,
    constants: [] as string[],
    free: false,
    items: [] as ts.Type[],
    values: [] as ts.Type[],
    objects: [] as ObjectShape<ts.Type>[],
  };
  for (const each of type.isUnion() ? type.types : [type]) read(each);
  return shape;

  function read(each: ts.Type): void {
    if (each.flags & absentFlags) return;
    if (each.flags & freeFlags) shape.free = true;
    else if (each.isStringLiteral()) shape.constants.push(each.value);
    else if (each.flags & plainFlags) shape.plain = true;
    else if (each.isIntersection() && each.types.some((part) => part.flags & plainFlags)) shape.plain = true;
    else if (checker.isArrayType(each) || checker.isTupleType(each))
      shape.items.push(...checker.getTypeArguments(each as ts.TypeReference));
    else readObject(each);
  }

  function readObject(each: ts.Type): void {
    const members = checker
      .getPropertiesOfType(each)
      .map((symbol) => [symbol.name, checker.getTypeOfSymbol(symbol)] as const)
      .filter(([, member]) => !isAbsent(member) && member.getCallSignatures().length === 0);
    const further = checker.getIndexInfosOfType(each).map((info) => info.type);
    const open = further.some((value) => value.flags & freeFlags);
    if (open || (members.length === 0 && further.length === 0)) shape.free = true;
    else shape.values.push(...further);
    if (members.length > 0)
      shape.objects.push({ id: each, members: new Map(members.map(([name, member]) => [name, [member]])) });
  }
}

const isAbsent = (type: ts.Type): boolean =>
  (type.isUnion() ? type.types : [type]).every((each) => each.flags & absentFlags);
