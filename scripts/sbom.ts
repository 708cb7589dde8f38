import { createHash } from 'node:crypto';

/** The members of `package-lock.json` (version 3) that a bill of materials is made from. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface SbomOptions {
  readonly lock: Lock;
  readonly name: string;
  readonly version: string;
  /** ISO 8601; the commit's own, so that the same commit gives the same document. */
  readonly timestamp: string;
}

/** What the executables are made of, without what only builds and tests them: CycloneDX 1.6 as JSON. */
export function sbom({ lock, name, version, timestamp }: SbomOptions) {
  const own = `pkg:npm/${name}@${version}`;
  const used = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.dev !== true);
  const components = used.map(([path, { version: itsVersion = '', integrity, license }]) => {
    const itsName = nameIn(path);
    const [scope, bare] = itsName.startsWith('@') ? itsName.split('/') : [undefined, itsName];
    return {
      type: 'library',
      'bom-ref': purl(itsName, itsVersion),
      ...(scope !== undefined && { group: scope }),
      name: bare,
      version: itsVersion,
      purl: purl(itsName, itsVersion),
      ...(license !== undefined && { licenses: [{ expression: license }] }),
      ...(integrity?.startsWith('sha512-') && {
        hashes: [{ alg: 'SHA-512', content: hexOf(integrity.slice('sha512-'.length)) }],
      }),
    };
  });
  const dependencies = [['', lock.packages['']!] as const, ...used].map(([path, entry]) => ({
    ref: path === '' ? own : purl(nameIn(path), entry.version ?? ''),
    dependsOn: Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
      .map((dependency) => lookUp(lock, path, dependency))
      .filter((found) => found !== undefined),
  }));
  const body = { components, dependencies };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([own, timestamp, body]))}`,
    version: 1,
    metadata: { timestamp, component: { type: 'application', 'bom-ref': own, name, version, purl: own } },
    ...body,
  };
}

const nameIn = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

const purl = (name: string, version: string): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

/** The nearest one, as Node looks for it. */
function lookUp({ packages }: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    const found = packages[path];
    if (found !== undefined) return found.dev === true ? undefined : purl(name, found.version ?? '');
    if (folder === '') return undefined;
  }
}

/** A UUID (version 8) that the text decides. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
