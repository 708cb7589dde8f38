import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript-api';
import { projectRoot } from '../support/program.ts';
import { declaredType, shapeOf } from './sdk-types.ts';
import { type ObjectShape, type Shape, walk, type WalkedField } from './walk.ts';

/**
 * The SDK of Gemini takes its parameters in another arrangement than the wire has. Its own converters
 * (`generateContentParametersToMldev` and those that it calls) say which member goes where and which are refused,
 * so the wire is read from them, and the types of what they pass on from the declarations.
 */
export interface GeminiWire {
  readonly fields: readonly WalkedField[];
  /** Members that the SDK refuses to send to this API; they belong to the vendor's other platform. */
  readonly refused: readonly string[];
  /** Members of the configuration that never leave the SDK. */
  readonly clientOnly: readonly string[];
}

/** What a converter does with one member of its argument. */
interface Move {
  readonly from: string;
  readonly to: readonly string[];
  /** It is set on the object around the one that the converter returns. */
  readonly onParent: boolean;
  /** The converter of the value or of its items. */
  readonly by?: string;
}

interface Converter {
  readonly moves: readonly Move[];
  readonly refused: readonly string[];
}

interface Wire {
  readonly type: ts.Type;
  readonly by?: string;
}

let read: GeminiWire | undefined;

export function geminiWire(): GeminiWire {
  return (read ??= readWire());
}

function readWire(): GeminiWire {
  const converters = readConverters();
  const find = (name: string): Converter => {
    const found = converters.get(name);
    if (!found) throw new Error(`the SDK of Gemini has no converter ${name}`);
    return found;
  };
  const used = new Set<string>();
  const { checker, type: Config } = declaredType('GenerateContentConfig');
  const config = find('generateContentConfigToMldev');
  const contents = find('generateContentParametersToMldev').moves.find((move) => move.from === 'contents')!;
  const root: ObjectShape<Wire> = {
    id: 'root',
    members: new Map<string, readonly Wire[]>([
      ['contents', [{ type: declaredType('GenerateContentParameters').type, by: `list ${contents.by}` }]],
      ...membersOf(
        Config,
        config.moves.filter((move) => move.onParent),
      ),
      ['generationConfig', [{ type: Config, by: 'generateContentConfigToMldev' }]],
    ]),
  };
  const fields = walk<Wire | undefined>(undefined, (wire) =>
    wire ? wireShape(wire) : { ...empty, objects: [root] },
  );
  const names = new Set(checker.getPropertiesOfType(Config).map((symbol) => symbol.name));
  for (const { from } of config.moves) names.delete(from);
  for (const from of config.refused) names.delete(from);
  return {
    fields,
    refused: [...used].flatMap((name) => find(name).refused).sort(),
    clientOnly: [...names].sort(),
  };

  function wireShape({ type, by }: Wire): Shape<Wire> {
    if (by?.startsWith('list ')) return { ...empty, items: [{ type, by: by.slice(5) }] };
    if (by !== undefined) {
      used.add(by);
      const moves = find(by).moves.filter((move) => !move.onParent);
      const converted = typeOf(by);
      return { ...empty, objects: [{ id: converted, members: new Map(membersOf(converted, moves)) }] };
    }
    const given = checker.getNonNullableType(type);
    if (given.symbol?.name === 'Schema') return { ...empty, free: true };
    const own = shapeOf(given, checker);
    return {
      // Where an object may be given in short as text, the wire has the object.
      plain: own.plain && own.objects.length === 0,
      constants: own.constants,
      free: own.free,
      items: own.items.map((item) => ({ type: item })),
      values: own.values.map((value) => ({ type: value })),
      objects: own.objects.map((object) => ({
        id: object.id,
        members: new Map(
          [...object.members].map(([name, types]) => [name, types.map((each) => ({ type: each }))]),
        ),
      })),
    };
  }

  function membersOf(type: ts.Type, moves: readonly Move[]): [string, readonly Wire[]][] {
    return moves.map(({ from, to, by }) => {
      const symbol = checker.getPropertyOfType(type, from);
      if (!symbol || to.length !== 1) throw new Error(`${from} goes to ${to.join('.')} in an unknown way`);
      const member = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
      const list = by !== undefined && shapeOf(member, checker).items.length > 0 && by !== 'contentToMldev';
      return [to[0]!, [{ type: member, by: list ? `list ${by}` : by }]];
    });
  }

  /** `speechConfigToMldev` converts a `SpeechConfig`. */
  function typeOf(converter: string): ts.Type {
    const name = converter.replace(/ToMldev$/, '');
    return declaredType(name[0]!.toUpperCase() + name.slice(1)).type;
  }
}

const empty: Shape<never> = { plain: false, constants: [], free: false, items: [], values: [], objects: [] };

/** Every `…ToMldev` of the SDK by its name; the bundle has each several times, the same, with a number behind. */
function readConverters(): Map<string, Converter> {
  const path = join(projectRoot, 'node_modules/@google/genai/dist/index.mjs');
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022);
  const functions = new Map<string, ts.FunctionDeclaration>();
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name?.text.includes('ToMldev'))
      functions.set(statement.name.text, statement);
  }
  const root = functions.get('generateContentParametersToMldev');
  const converters = new Map<string, Converter>();
  const pending = root ? [root] : [];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const name = plainName(next.name!.text);
    if (converters.has(name)) continue;
    const { converter, calls } = readConverter(next);
    converters.set(name, converter);
    pending.push(...calls.map((call) => functions.get(call)!));
  }
  return converters;
}

const plainName = (name: string): string => name.replace(/\$\d+$/, '');

function readConverter(declaration: ts.FunctionDeclaration): { converter: Converter; calls: string[] } {
  const sources = new Map<string, string>();
  const moves: Move[] = [];
  const refused: string[] = [];
  const calls: string[] = [];
  for (const statement of declaration.body!.statements) {
    if (ts.isVariableStatement(statement)) {
      const variable = statement.declarationList.declarations[0]!;
      const call = variable.initializer;
      if (call && ts.isCallExpression(call))
        sources.set((variable.name as ts.Identifier).text, pathOf(call).join('.'));
    } else if (ts.isIfStatement(statement)) {
      const found = callsIn(statement.thenStatement);
      const set = found.find((call) => nameOf(call) === 'setValueByPath');
      if (!set) {
        refused.push(...callsIn(statement.expression).map((call) => pathOf(call).join('.')));
        continue;
      }
      const by = found.map(nameOf).find((name) => name.includes('ToMldev'));
      if (by) calls.push(by);
      moves.push({
        from: identifiersIn(statement.expression).flatMap((name) => sources.get(name) ?? [])[0]!,
        to: pathOf(set),
        onParent: (set.arguments[0] as ts.Identifier).text === 'parentObject',
        ...(by === undefined ? {} : { by: plainName(by) }),
      });
    }
  }
  return { converter: { moves, refused }, calls };
}

/** The second argument of `getValueByPath` and `setValueByPath`. */
const pathOf = (call: ts.CallExpression): string[] =>
  call.arguments[1] && ts.isArrayLiteralExpression(call.arguments[1])
    ? call.arguments[1].elements.map((element) => (element as ts.StringLiteral).text)
    : [];

const nameOf = (call: ts.CallExpression): string =>
  ts.isIdentifier(call.expression) ? call.expression.text : '';

const callsIn = (node: ts.Node): ts.CallExpression[] => within(node).filter(ts.isCallExpression);

const identifiersIn = (node: ts.Node): string[] =>
  within(node)
    .filter(ts.isIdentifier)
    .map((identifier) => identifier.text);

function within(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [node];
  ts.forEachChild(node, (child) => void found.push(...within(child)));
  return found;
}
