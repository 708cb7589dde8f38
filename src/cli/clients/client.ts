import type { Json, JsonObject } from '../../turn/json.ts';
import type { Format, SettingPath } from './format.ts';
import type { ClientName } from './names.ts';

/** Where a client is to be pointed. */
export interface Pointing {
  /** The gateway's address, no slash at the end. */
  readonly url: string;
  /** The gateway key; absent where the gateway asks for none. */
  readonly key: string | undefined;
  /** Absent where the client's own choice is to stand. */
  readonly model: string | undefined;
  /** For what a client asks aside; as `model` unless given. */
  readonly smallModel?: string;
  /** Everything on offer, for clients that want a list of their own. */
  readonly models: readonly OfferedModel[];
}

export interface OfferedModel {
  readonly id: string;
  readonly name?: string;
  readonly contextTokensMax?: number;
  readonly outputTokensMax?: number;
}

/** What a client's places depend on. */
export interface Places {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The person's home directory. */
  readonly home: string;
}

/** A setting that points a client at the gateway. */
export interface Setting {
  readonly path: SettingPath;
  readonly value: Json;
  /** What it holds, where that has to be known. */
  readonly role?: 'url' | 'key' | 'model';
  /** What the person has there stays. */
  readonly unlessThere?: boolean;
}

/** A user's settings file and what is to stand in it. */
export interface SettingsFile {
  readonly path: string;
  readonly format: Format;
  readonly settings: readonly Setting[];
}

/** How one client is pointed at a gateway. */
export interface Client {
  readonly name: ClientName;
  /** What people call it. */
  readonly title: string;
  readonly program: string;
  /** What brings the program. */
  readonly install: string;
  /** Models that it asks for by itself; with one of them on offer it need not be told any. */
  readonly ownModels: RegExp | undefined;
  /** The user's files, the one with the address first. */
  settings(to: Pointing, places: Places): readonly SettingsFile[];
  /** Variables of the shell that would go before the settings. */
  readonly stronger: readonly string[];
  /** A small request such as the client sends. */
  probe(model: string): {
    readonly path: string;
    readonly body: JsonObject;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** Why it cannot be started by variables and flags alone; what cures it is in it. */
  obstacle?(places: Places): string | undefined;
  /** What starts it pointed at the gateway without any file of its own: arguments before the person's, and variables. */
  launch(to: Pointing): {
    readonly args: readonly string[];
    /** `undefined` takes a variable away. */
    readonly env: Readonly<Record<string, string | undefined>>;
    /** What it takes from a file only, and how it is told where that is. The file is the gateway's, and gone afterwards. */
    readonly file?: {
      readonly text: string;
      use(path: string): {
        readonly args?: readonly string[];
        readonly env?: Readonly<Record<string, string>>;
      };
    };
  };
}

/** What the gateway takes for a key where it needs none. */
export const noKey = 'unused';
