/**
 * What a configuration key is, and how its names follow from its path: `raft.heartbeat_timeout`
 * is `CONDUCTOR_RAFT_HEARTBEAT_TIMEOUT` in the environment and `config.raft.heartbeatTimeoutMs`
 * in the program.
 *
 * @module
 */

import type { Kind, Raw, ValueUnit } from "./kinds.ts";

/** The three profiles, in the order of their strictness. */
export const PROFILES = ["development", "staging", "production"] as const;
/** A set of defaults, and of rules on what may be switched off. */
export type Profile = typeof PROFILES[number];

/** What a process is: it reads, and so is held to, only the keys that name it. */
export type Role = "master" | "worker" | "client";

export const MASTER: readonly Role[] = ["master"];
export const WORKER: readonly Role[] = ["worker"];
export const NODES: readonly Role[] = ["master", "worker"];
export const EVERYONE: readonly Role[] = ["master", "worker", "client"];

/** What the schema states about a key. */
export interface About {
  /** One sentence or two: what the program does with the value. */
  readonly doc: string;
  /** The roles that read it. Others carry it without checking it. */
  readonly usedBy: readonly Role[];
  /** The common default. */
  readonly default: Raw;
  /** Where a profile's default differs from the common one. */
  readonly profileDefaults?: Partial<Readonly<Record<Profile, Raw>>>;
  /** The original's bare environment variables, first before second. */
  readonly legacyEnv?: readonly string[];
  /** The flag without its dashes, where a role's commands have one. */
  readonly flags?: Partial<Readonly<Record<Role, string>>>;
  /** Earlier paths of the key that are still read. */
  readonly formerPaths?: readonly string[];
  /** Never shown. */
  readonly secret?: boolean;
  /** A node that runs takes a new value over, once its file says so; absent: it is read at the start. */
  readonly live?: boolean;
}

/** One key: a kind of value, and what the schema says about it. */
export class Key<Value, Unit extends ValueUnit> {
  constructor(readonly kind: Kind<Value, Unit>, readonly about: About) {}

  /** The default under a profile, and whether it is the profile's own. */
  defaultUnder(profile: Profile): { readonly raw: Raw; readonly ofProfile: boolean } {
    const own = this.about.profileDefaults?.[profile];
    return own === undefined
      ? { raw: this.about.default, ofProfile: false }
      : { raw: own, ofProfile: true };
  }
}

/** Keeps the schema's tables short. */
export function key<Value, Unit extends ValueUnit>(
  kind: Kind<Value, Unit>,
  about: About,
): Key<Value, Unit> {
  return new Key(kind, about);
}

/** The same flag for several roles. */
export function flag(name: string, roles: readonly Role[]): Partial<Record<Role, string>> {
  return Object.fromEntries(roles.map((role) => [role, name]));
}

/** A part of the schema: keys and sections by name. */
export interface Section {
  readonly [name: string]: Key<unknown, ValueUnit> | Section;
}

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type FieldName<Name extends string, Node> = Node extends Key<infer _Value, infer Unit>
  ? Unit extends "Ms" ? `${Camel<Name>}Ms`
  : Unit extends "Bytes" ? Name extends `${string}bytes${string}` ? Camel<Name>
    : `${Camel<Name>}Bytes`
  : Camel<Name>
  : Camel<Name>;

/** The shape of the values that a section of the schema describes. */
export type ValuesOf<Node> = {
  readonly [Name in keyof Node & string as FieldName<Name, Node[Name]>]: Node[Name] extends
    Key<infer Value, infer _Unit> ? Value : ValuesOf<Node[Name]>;
};

/** What {@linkcode ValuesOf} does to a name, at run time. */
export function fieldName(name: string, unit: ValueUnit): string {
  const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  if (unit === "Bytes" && name.includes("bytes")) return camel;
  return camel + unit;
}

/** `CONDUCTOR_<SECTION>_<KEY>`. */
export function environmentName(path: string): string {
  return `CONDUCTOR_${path.replaceAll(".", "_").toUpperCase()}`;
}
