/** No text that somebody sends may keep a pattern busy: each is run on long texts made to mislead it. */
import { expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript-api';
import { projectRoot } from '../support/program.ts';

setDefaultTimeout(120_000);

interface Pattern {
  readonly where: string;
  readonly regex: RegExp;
}

const src = join(projectRoot, 'src');

/** Every regular expression that is written in the sources. */
function patterns(): Pattern[] {
  const found: Pattern[] = [];
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    const file = ts.createSourceFile(path, readFileSync(join(src, path), 'utf8'), ts.ScriptTarget.Latest);
    const look = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        const regex = new RegExp(node.text.slice(1, end), node.text.slice(end + 1));
        found.push({ where: `${path}: ${node.text}`, regex });
      }
      ts.forEachChild(node, look);
    };
    look(file);
  }
  return found;
}

const charsMax = 20_000;
/** Linear time on so much text is below a millisecond, quadratic time some hundred. */
const tookMsMax = 100;

/** What is repeated: one character of each class that patterns speak of, and pairs that fit two parts of one. */
const pumps = [
  ...'a0 \t\n/.-_:,;="\'\\{}[]()<>?&%$#@+*|~A\u0001',
  'a.',
  'a-',
  '0.',
  'a/',
  '/a',
  ' a',
  'a ',
  '\\"',
  '""',
  '${',
  'a=',
  '{"',
  '["',
  '],',
  '\r\n',
  'eyJ.',
];

/** What a pattern wants to see before it begins to repeat: its own literal words. */
function openings({ source }: RegExp): string[] {
  const words = source.replace(/\\[bBdDsSwW]/g, ' ').match(/[A-Za-z_$:/"{[(.-]+/g) ?? [];
  return ['', ...words.slice(0, 3), words.join('')];
}

const endings = ['', '!', '"\n'];

function slowest({ where, regex }: Pattern): string | undefined {
  for (const opening of openings(regex)) {
    for (const pump of pumps) {
      const pumped = pump.repeat(Math.ceil(charsMax / pump.length));
      for (const ending of endings) {
        const text = opening + pumped + ending;
        regex.lastIndex = 0;
        const began = performance.now();
        text.replace(regex, '');
        if (performance.now() - began < tookMsMax) continue;
        // The machine may have been busy elsewhere: what is slow is slow again.
        regex.lastIndex = 0;
        const again = performance.now();
        text.replace(regex, '');
        const tookMs = performance.now() - again;
        if (tookMs >= tookMsMax)
          return `${where} on ${JSON.stringify(opening + pump)}…${JSON.stringify(ending)}: ${Math.round(tookMs)} ms`;
      }
    }
  }
  return undefined;
}

test('every pattern of the sources takes linear time', () => {
  const all = patterns();
  expect(all.length).toBeGreaterThan(100);
  expect(all.map(slowest).filter((found) => found !== undefined)).toEqual([]);
});

test('a pattern that takes more is found', () => {
  expect(
    slowest({ where: 'here', regex: /(a+)+b/ }) ?? slowest({ where: 'here', regex: /\s+$/ }),
  ).toBeDefined();
});
