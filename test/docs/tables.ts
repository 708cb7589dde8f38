import { configJsonSchema } from '../../src/config/json-schema.ts';
import { overridable, vendors } from '../../src/config/load.ts';
import { providerSchemas } from '../../src/gateway.ts';
import { turnMetrics } from '../../src/telemetry/metrics.ts';
import { allCommands } from './commands.ts';
import { codexRows } from './codex-table.ts';
import { gatewayRoutes, meanings } from './routes.ts';
import { matrix } from '../providers/gitlab/matrix.ts';
import { featureTable, taskTable } from '../providers/gitlab/plan.ts';
import { parsePrometheus } from '../telemetry/prometheus-text.ts';
import { turnRecord } from '../telemetry/records.ts';

/** The documents with such parts, by their names in `docs/`. */
export const documents = [
  'commands.md',
  'configuration.md',
  'operations.md',
  'providers/codex.md',
  'providers/gitlab-duo.md',
  'routes.md',
];

/** The parts of the documents that are made from the program: what is between `<!-- name -->` and `<!-- /name -->`. */
export const generated: Readonly<Record<string, () => string>> = {
  'configuration keys': configurationTables,
  'environment variables': variablesTable,
  metrics: metricsTable,
  commands: commandTables,
  routes: routesTable,
  'request members': () => table(['Responses', 'Chat Completions', 'Messages', 'what happens'], codexRows()),
  capabilities: matrix,
  'codex features': featureTable,
  'plan tasks': taskTable,
};

/** `text` with its generated parts as they should be. */
export function withGenerated(text: string): string {
  return text.replace(/<!-- ([a-z ]+) -->\n[\s\S]*?<!-- \/\1 -->/g, (whole, name: string) =>
    generated[name] ? `<!-- ${name} -->\n\n${generated[name]()}\n\n<!-- /${name} -->` : whole,
  );
}

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly additionalProperties?: Node | boolean;
}

/** Every key of dragoman.yaml, from its JSON Schema. */
function configurationTables(): string {
  const schema = configJsonSchema(providerSchemas) as Node;
  const top = Object.entries(schema.properties!);
  const plain = top.filter(([, node]) => node.properties === undefined);
  const sections = top.filter(([, node]) => node.properties !== undefined);
  const kinds = schema.properties!.providers!.items!.oneOf!;
  return [
    keyTable(Object.fromEntries(plain), []),
    ...sections.map(([name, node]) => `### \`${name}\`\n\n${keyTable(node.properties!, [])}`),
    ...kinds.map(
      (kind) =>
        `### \`providers\`, type \`${kind.properties!.type!.const}\`\n\n${keyTable(kind.properties!, kind.required ?? [])}`,
    ),
    ...entriesOf(kinds).map(([name, entry]) => `### An entry of \`${name}\`\n\n${entryTable(entry)}`),
    `### A target of \`models\`, unless it is text\n\n${entryTable(mapping(schema.properties!.models!))}`,
  ].join('\n\n');
}

/** The entries of lists that kinds of provider have, each with the members that any kind gives it. */
function entriesOf(kinds: readonly Node[]): [name: string, entry: Node][] {
  const entries = new Map<string, Node>();
  for (const { properties = {} } of kinds)
    for (const [name, { items }] of Object.entries(properties)) {
      if (items?.properties === undefined) continue;
      const known = entries.get(name) ?? items;
      entries.set(name, { ...known, properties: { ...known.properties, ...items.properties } });
    }
  return [...entries];
}

/** What an alias's target is, where it is a mapping. */
const mapping = ({ additionalProperties }: Node): Node =>
  (additionalProperties as Node).items!.anyOf!.find((each) => each.properties !== undefined)!;

const entryTable = ({ properties, required }: Node): string => keyTable(properties!, required ?? []);

function keyTable(properties: Readonly<Record<string, Node>>, required: readonly string[]): string {
  const rows = Object.entries(properties)
    .filter(([, node]) => node.const === undefined)
    .map(([name, node]) => {
      const preset =
        node.default === undefined ? (required.includes(name) ? 'required' : 'none') : code(node.default);
      return [`\`${name}\``, typeText(node), preset, node.description ?? ''];
    });
  return table(['key', 'type', 'default', 'meaning'], rows);
}

function typeText(node: Node): string {
  if (node.anyOf) {
    const own = node.anyOf.filter((each) => each.pattern !== '\\$\\{');
    return own.map(typeText).join(' or ');
  }
  if (node.enum) return node.enum.map((choice) => `\`${choice}\``).join(', ');
  if (node.type === 'array') return `list of ${node.items!.oneOf ? 'providers' : typeText(node.items!)}`;
  if (node.type === 'object' && node.properties) return 'mappings, see below';
  if (node.type === 'object') return `mapping of names to ${typeText(node.additionalProperties as Node)}`;
  if (node.type === 'boolean') return '`true`, `false`';
  if (node.type === 'string') return node.format === 'uri' ? 'URL' : 'text';
  const upTo =
    node.maximum === undefined || node.maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${node.maximum}`;
  return `${node.type === 'integer' ? 'whole number' : 'number'} from ${node.minimum}${upTo}`;
}

function variablesTable(): string {
  return table(
    ['variable', 'what', 'flag of `serve`'],
    [
      ['`DRAGOMAN_CONFIG`', 'the configuration file', '`--config`'],
      ['`DRAGOMAN_HOME`', 'the directory of its state, see [operations](operations.md#state)', ''],
      ['`DRAGOMAN_SECRET`', 'what stored secrets are sealed with, instead of a key file', ''],
      ...overridable.map(({ path, variable, spelled }) => [
        `\`${variable}\``,
        `\`${path.join('.')}\``,
        spelled === undefined ? '' : `\`${spelled}\``,
      ]),
      ['`DRAGOMAN_PROVIDER_{NAME}_{KEY}`', 'a setting of a provider; `__` before a further key', ''],
      ...vendors.flatMap(({ name, key, url, standard }) => [
        [`\`${key}\``, `without any file: the provider \`${name}\``, ''],
        [`\`${url}\``, `without any file: its address, ${standard} unless given`, ''],
      ]),
    ],
  );
}

/** Every metric there is, from what the program writes of turns that have everything. */
function metricsTable(): string {
  const metrics = turnMetrics({ version: '0' });
  metrics.accounts(() => [
    { provider: 'x', account: 'x', state: 'ok', quota: [{ name: 'x', usedRatio: 1, resetsMs: 1 }] },
  ]);
  metrics.record(
    turnRecord({
      notes: [{ path: 'x', action: 'dropped', why: 'x', weight: 'note' }],
      costs: [{ provider: 'x', model: 'x', usd: 1, basis: 'partial', lacks: 'usage' }],
    }),
  );
  const rows = [...parsePrometheus(metrics.write()).values()].map(({ name, type, help, samples }) => {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    labels.delete('le');
    return [`\`${name}\``, type, [...labels].map((label) => `\`${label}\``).join(', '), help];
  });
  return table(['metric', 'type', 'labels', 'meaning'], rows);
}

/** Every command with its flags, as `--help` says them. */
function commandTables(): string {
  const overview = allCommands.map(({ path, about }) => [
    `[\`${path}\`](#${path.replaceAll(' ', '-')})`,
    about,
  ]);
  const pages = allCommands.map(({ path, usage, about, rows, example }) =>
    [
      `## ${path}`,
      `${about}.`,
      `\`${usage}\``,
      ...(rows.length > 0
        ? [
            table(
              ['argument or flag', 'what'],
              rows.map(([term, what]) => [`\`${term}\``, cell(what)]),
            ),
          ]
        : []),
      `For example \`${example}\`.`,
    ].join('\n\n'),
  );
  return [table(['command', 'what'], overview), ...pages].join('\n\n');
}

/** Every route, with the roots that it has beside `/v1`. */
function routesTable(): string {
  const rows = gatewayRoutes().map(({ method, path, also }) => [
    `\`${method} ${path}\``,
    also.map((root) => `\`${root}\``).join(', '),
    meanings[`${method} ${path}`] ?? '',
  ]);
  return table(['route', 'also under', 'what'], rows);
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const code = (value: unknown): string =>
  `\`${typeof value === 'string' ? value : JSON.stringify(value).replaceAll(',', ', ')}\``;

/** A table as the formatter leaves it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
