/**
 * Every key there is. All else (reading, checking, showing, documenting) derives from this table.
 *
 * @module
 */

import { environmentName, EVERYONE, fieldName, flag, Key, key, PROFILES } from "./key.ts";
import type { Profile, Role, Section, ValuesOf } from "./key.ts";
import { clusterKeys, grpcKeys, raftKeys } from "./keys_cluster.ts";
import { logKeys, metricsKeys, tracingKeys } from "./keys_observability.ts";
import { securityKeys } from "./keys_security.ts";
import { jobsKeys, schedulerKeys, workerKeys } from "./keys_work.ts";
import { choice, type Raw, type ValueUnit } from "./kinds.ts";

/** The schema, as nested as a file is. */
const SCHEMA = {
  profile: key(choice(PROFILES), {
    doc: "Which defaults hold, and which safeguards may be switched off.",
    usedBy: EVERYONE,
    default: "development",
    flags: flag("profile", EVERYONE),
  }),
  cluster: clusterKeys,
  raft: raftKeys,
  grpc: grpcKeys,
  worker: workerKeys,
  scheduler: schedulerKeys,
  jobs: jobsKeys,
  log: logKeys,
  metrics: metricsKeys,
  tracing: tracingKeys,
  security: securityKeys,
};

/**
 * The effective configuration: a value for every key, frozen through and through. Durations are
 * in ms and end in `Ms`, sizes are in bytes and say so: `config.raft.heartbeatTimeoutMs`.
 */
export type Config = ValuesOf<typeof SCHEMA>;

/** A key with everything that follows from its place in the schema. */
export interface SchemaKey {
  /** `raft.heartbeat_timeout`. */
  readonly path: string;
  /** Its way through a {@linkcode Config}: `["raft", "heartbeatTimeoutMs"]`. */
  readonly fields: readonly string[];
  /** Environment variables that set it, the strongest first. */
  readonly environment: readonly string[];
  readonly key: Key<unknown, ValueUnit>;
}

/** Every key, in the schema's order. */
export const KEYS: readonly SchemaKey[] = [...keysBelow(SCHEMA, [], [])];

/** Every key by its path and by its earlier paths. */
export const KEY_BY_PATH: ReadonlyMap<string, SchemaKey> = new Map(
  KEYS.flatMap((entry) =>
    [entry.path, ...entry.key.about.formerPaths ?? []].map((path) => [path, entry] as const)
  ),
);

/** The paths of all sections. */
export const SECTIONS: ReadonlySet<string> = new Set(
  KEYS.flatMap(({ path }) => {
    const names = path.split(".").slice(0, -1);
    return names.map((_, index) => names.slice(0, index + 1).join("."));
  }),
);

/** A key as documentation, completion and `--help` want it. */
export interface KeyDescription {
  readonly path: string;
  /** How the program reads it: `config.raft.heartbeatTimeoutMs`. */
  readonly field: string;
  /** `duration`, `port`, `list` and so on. */
  readonly kind: string;
  readonly allowed: string;
  /** Every allowed value, where they can be counted. */
  readonly values?: readonly string[];
  readonly doc: string;
  /** Environment variables that set it, the strongest first. */
  readonly environment: readonly string[];
  /** The flag without dashes, by the roles whose commands have one. */
  readonly flags: Partial<Readonly<Record<Role, string>>>;
  readonly usedBy: readonly Role[];
  readonly secret: boolean;
  /** A node that runs takes a new value over. */
  readonly live: boolean;
  /** Earlier paths that are still read. */
  readonly formerPaths: readonly string[];
  /** Its default under each profile, in canonical form. */
  readonly defaults: Readonly<Record<Profile, Raw>>;
}

/** The schema as data: every key, in its order. */
export function describeConfig(): readonly KeyDescription[] {
  return KEYS.map(({ path, fields, environment, key }) => ({
    path,
    field: `config.${fields.join(".")}`,
    kind: key.kind.name,
    allowed: key.kind.allowed,
    ...(key.kind.values ? { values: key.kind.values } : {}),
    doc: key.about.doc,
    environment,
    flags: key.about.flags ?? {},
    usedBy: key.about.usedBy,
    secret: key.about.secret ?? false,
    live: key.about.live ?? false,
    formerPaths: key.about.formerPaths ?? [],
    defaults: {
      development: canonicalDefault(key, "development"),
      staging: canonicalDefault(key, "staging"),
      production: canonicalDefault(key, "production"),
    },
  }));
}

/** The value of a configuration at the end of a way of fields. */
export function valueAt(config: Config, fields: readonly string[]): unknown {
  let value: unknown = config;
  for (const field of fields) {
    value = typeof value === "object" && value !== null
      ? (value as Readonly<Record<string, unknown>>)[field]
      : undefined;
  }
  return value;
}

function canonicalDefault(key: Key<unknown, ValueUnit>, profile: Profile): Raw {
  const { raw } = key.defaultUnder(profile);
  const parsed = key.kind.parse(raw);
  // A default that its own kind refuses is one that must be set; it is shown as it stands.
  return "value" in parsed ? key.kind.write(parsed.value) : raw;
}

function* keysBelow(
  section: Section,
  names: readonly string[],
  fields: readonly string[],
): Generator<SchemaKey> {
  for (const [name, node] of Object.entries(section)) {
    const isKey = node instanceof Key;
    const namesHere = [...names, name];
    const fieldsHere = [...fields, fieldName(name, isKey ? node.kind.unit : "")];
    if (!isKey) {
      yield* keysBelow(node, namesHere, fieldsHere);
      continue;
    }
    const path = namesHere.join(".");
    yield {
      path,
      fields: fieldsHere,
      environment: environmentNamesOf(path, node),
      key: node,
    };
  }
}

function environmentNamesOf(path: string, key: Key<unknown, ValueUnit>): readonly string[] {
  const paths = [path, ...key.about.formerPaths ?? []];
  return [...new Set([...paths.map(environmentName), ...key.about.legacyEnv ?? []])];
}
