/**
 * From flags, environment and file to one configuration.
 *
 * @module
 */

import {
  ConfigError,
  describeSource,
  type Fault,
  headingOf,
  type Source,
  strength,
} from "./faults.ts";
import { decideImplied, type Gathered } from "./implied.ts";
import { type Profile, PROFILES, type Role } from "./key.ts";
import type { Raw } from "./kinds.ts";
import { shippedFile } from "./profile_files.ts";
import { cautionsOf, checkRules } from "./rules.ts";
import { type Config, KEY_BY_PATH, KEYS, type SchemaKey } from "./schema.ts";
import { nearest } from "./suggest.ts";
import {
  type ConfigFile,
  type FileContents,
  readYamlFile,
  shownRaw,
  unknownKey,
} from "./yaml_file.ts";

/** What a flag can carry. A list's or map's flag may be given as often as one likes. */
export type FlagValue = Raw | undefined;

/** Where a configuration is to be made from. */
export interface LoadOptions {
  /**
   * Flags that were given, by the path of their key (`"raft.heartbeat_timeout"`), `config`, the file
   * to read, and `set`, what `--set` gave, by path: it wins over a flag of the same key. One that is
   * undefined was not given. An array is a flag given several times, each time with one item or
   * several between commas.
   */
  readonly flags: Readonly<Record<string, FlagValue>>;
  /** The environment. An empty variable counts as one that is not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file; throws when it cannot. */
  readonly readTextFile: (path: string) => string;
  /** Only the keys that this role reads are held against what is allowed. */
  readonly role: Role;
}

/** A configuration, and where each of its values came from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly role: Role;
  readonly profile: Profile;
  /** The file that was read. */
  readonly file: { readonly name: string; readonly shipped: boolean };
  /** By the key's path. */
  readonly sources: Readonly<Record<string, Source>>;
  /** Sentences about what was given and is not used, for stderr. */
  readonly warnings: readonly string[];
}

/** A configuration that may have faults: a value with a fault is its default in `config`. */
export interface ExaminedConfig extends LoadedConfig {
  readonly faults: readonly Fault[];
}

/**
 * Makes the configuration of a process. For each key the strongest source holds: flag, environment
 * (`CONDUCTOR_<SECTION>_<KEY>` before the bare name), file, profile default, common default.
 *
 * The file is the profile's own, which is inside the program; `--config FILE` or CONDUCTOR_CONFIG
 * replaces it. A `./config/<profile>.yaml` in the working directory is not read.
 *
 * @throws {ConfigError} with every fault at once.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { faults, ...loaded } = examineConfig(options);
  if (faults.length > 0) {
    const heading = headingOf(faults, loaded.profile, loaded.role);
    throw new ConfigError(heading, { faults, warnings: loaded.warnings });
  }
  return loaded;
}

/**
 * As {@linkcode loadConfig}, but returns the faults beside what could be made, for commands that
 * show a configuration rather than use it.
 *
 * @throws {ConfigError} when the profile is not one, or the file cannot be read: there is then
 * nothing to show.
 */
export function examineConfig(options: LoadOptions): ExaminedConfig {
  const { file, contents, profile } = openFile(options);
  const gathered = gather(options, contents, profile);
  decideImplied(gathered, options.role);
  const broken = new Set(gathered.faults.map((fault) => fault.path));
  const config = frozenConfig(gathered.values);
  gathered.faults.push(
    ...checkRules(config, { role: options.role, sources: gathered.sources, broken }),
  );
  return {
    config,
    role: options.role,
    profile,
    file: { name: file.name, shipped: file.shipped },
    sources: Object.freeze(Object.fromEntries(gathered.sources)),
    faults: [...contents.faults, ...gathered.faults],
    warnings: [
      ...contents.warnings,
      ...gathered.warnings,
      ...cautionsOf(config, options.role),
      ...unknownVariables(options.env, contents.variables),
      ...ignoredFile(options, profile, file),
    ],
  };
}

interface Opened {
  readonly file: ConfigFile;
  readonly contents: FileContents;
  readonly profile: Profile;
}

/** Chooses profile and file. The file may name the profile, where nothing stronger does. */
function openFile(options: LoadOptions): Opened {
  const named = namedFile(options);
  const contents = named && readReadable(named, options);
  const profile = chooseProfile(options, contents);
  if (named && contents) return { file: named, contents, profile };
  const shipped = shippedFile(profile);
  return { file: shipped, contents: readReadable(shipped, options), profile };
}

function namedFile({ flags, env, readTextFile }: LoadOptions): ConfigFile | undefined {
  const [path, source]: [FlagValue, Source] = flags.config !== undefined
    ? [flags.config, { kind: "flag", name: "--config" }]
    : [env.CONDUCTOR_CONFIG || undefined, { kind: "environment", name: "CONDUCTOR_CONFIG" }];
  if (path === undefined) return undefined;
  const name = String(path);
  try {
    return { name, text: readTextFile(name), shipped: false };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const fault = {
      path: name,
      source,
      // Without the error's number and the name of the call, which Deno appends.
      problem: `cannot be read: ${reason.replace(/ \(os error \d+\).*$/s, "")}`,
      remedy: "Name a YAML file that is there",
    };
    throw new ConfigError("Cannot read the configuration file:", { faults: [fault] }, { cause });
  }
}

function readReadable(file: ConfigFile, { env }: LoadOptions): FileContents {
  const contents = readYamlFile(file, env);
  if (contents.unreadable) {
    throw new ConfigError("Cannot read the configuration file:", { faults: contents.faults });
  }
  return contents;
}

function chooseProfile(options: LoadOptions, contents: FileContents | undefined): Profile {
  const entry = KEY_BY_PATH.get("profile");
  if (!entry) throw new Error("invariant: the schema has no profile");
  const given = strongest(entry, options, contents, "development", []);
  const parsed = entry.key.kind.parse(given.raw);
  const profile = "value" in parsed && PROFILES.find((known) => known === parsed.value);
  if (profile) return profile;
  const fault = faultOf(entry, given, "problem" in parsed ? parsed.problem : "is not one");
  throw new ConfigError("There is no such profile:", { faults: [fault] });
}

function gather(options: LoadOptions, contents: FileContents, profile: Profile): Gathered {
  const gathered: Gathered = { values: new Map(), sources: new Map(), faults: [], warnings: [] };
  for (const entry of KEYS) {
    const given = strongest(entry, options, contents, profile, gathered.warnings);
    const parsed = entry.key.kind.parse(given.raw);
    gathered.sources.set(entry.path, given.source);
    if ("value" in parsed) {
      gathered.values.set(entry.path, parsed.value);
      continue;
    }
    const standIn = standInFor(entry, profile);
    gathered.values.set(entry.path, standIn.value);
    gathered.sources.set(entry.path, standIn.source);
    const fault = faultOf(entry, given, parsed.problem);
    if (entry.key.about.usedBy.includes(options.role)) gathered.faults.push(fault);
    // What no more than repeats a default that has to be replaced concerns only those who use it.
    else if (given.raw !== standIn.value) {
      gathered.warnings.push(
        `${entry.path} ${fault.problem} (${
          describeSource(given.source)
        }); a ${options.role} does ` +
          "not use it.",
      );
    }
  }
  const { config: _, set, ...flags } = options.flags;
  for (const [path, value] of Object.entries({ ...flags, ...set as SetValues })) {
    if (KEY_BY_PATH.has(path)) continue;
    const source = { kind: "flag", name: `--set ${path}` } as const;
    const entry = entryOfMap(path, value, source);
    gathered.faults.push(entry ?? unknownKey(path, path, source));
  }
  return gathered;
}

/** A fault for what would be an entry of a map, if entries had paths of their own. */
function entryOfMap(path: string, value: unknown, source: Source): Fault | undefined {
  const map = KEYS.find((entry) =>
    entry.key.kind.name === "map" && path.startsWith(`${entry.path}.`)
  );
  if (map === undefined) return undefined;
  const entry = path.slice(map.path.length + 1);
  return {
    path,
    source,
    problem: `is not a key, but looks like an entry of ${map.path}`,
    remedy: `Write it as --set '${map.path}=${entry}=${String(value)}', more entries after commas`,
  };
}

interface Given {
  readonly raw: Raw;
  readonly source: Source;
}

/** The strongest value that was given for a key. */
function strongest(
  entry: SchemaKey,
  options: LoadOptions,
  contents: FileContents | undefined,
  profile: Profile,
  warnings: string[],
): Given {
  return fromFlags(entry, options) ??
    fromEnvironment(entry, options.env, warnings) ??
    contents?.values.get(entry.path) ??
    defaultOf(entry, profile);
}

function fromFlags(entry: SchemaKey, { flags, role }: LoadOptions): Given | undefined {
  const paths = [entry.path, ...entry.key.about.formerPaths ?? []];
  const firstOf = (values: LoadOptions["flags"]) => {
    const path = paths.find((path) => Object.hasOwn(values, path) && values[path] !== undefined);
    return path === undefined ? undefined : values[path];
  };
  const set = firstOf(flags.set as SetValues ?? {});
  const raw = set ?? firstOf(flags);
  if (raw === undefined) return undefined;
  const flag = set === undefined ? entry.key.about.flags?.[role] : undefined;
  // `--join a:1,b:2 --join c:3` names three.
  const joined = Array.isArray(raw) ? raw.join(",") : raw;
  return {
    raw: joined,
    source: { kind: "flag", name: flag ? `--${flag}` : `--set ${entry.path}` },
  };
}

/** What `--set` gave, by path. */
type SetValues = Readonly<Record<string, string>> | undefined;

function fromEnvironment(
  entry: SchemaKey,
  env: LoadOptions["env"],
  warnings: string[],
): Given | undefined {
  for (const name of entry.environment) {
    const raw = Object.hasOwn(env, name) ? env[name] : undefined;
    if (raw === undefined || raw === "") continue;
    if (entry.key.kind.name === "port" && isServiceLink(raw)) {
      warnings.push(
        `${name}=${raw} was set by Kubernetes for a service of that name and is not used; set ` +
          "enableServiceLinks: false in the pod.",
      );
      continue;
    }
    return { raw, source: { kind: "environment", name } };
  }
  return undefined;
}

function defaultOf(entry: SchemaKey, profile: Profile): Given {
  const { raw, ofProfile } = entry.key.defaultUnder(profile);
  return { raw, source: ofProfile ? { kind: "profile", profile } : { kind: "default" } };
}

/** What a key holds while its given value is refused, or must be given and is not. */
function standInFor(entry: SchemaKey, profile: Profile): { value: unknown; source: Source } {
  const { raw, source } = defaultOf(entry, profile);
  const parsed = entry.key.kind.parse(raw);
  return { value: "value" in parsed ? parsed.value : raw, source };
}

function faultOf(entry: SchemaKey, given: Given, problem: string): Fault {
  return {
    path: entry.path,
    value: shownRaw(entry, given.raw),
    source: given.source,
    problem,
    remedy: remedyFor(entry, given),
  };
}

function remedyFor(entry: SchemaKey, { raw, source }: Given): string {
  const { allowed, values } = entry.key.kind;
  const meant = typeof raw === "string" && values && nearest(raw, values);
  const hint = meant ? ` (did you mean ${meant}?)` : "";
  const isGiven = strength(source) > strength({ kind: "profile", profile: "development" });
  if (source.kind === "file" && source.unset.length > 0) {
    return `Set ${source.unset.join(" and ")}: ${allowed}`;
  }
  return isGiven ? `Allowed: ${allowed}${hint}` : `${howToSet(entry)}: ${allowed}`;
}

/** The usual ways to set a key, as an instruction. */
function howToSet(entry: SchemaKey): string {
  const [systematic, bare] = entry.environment;
  return `Set ${bare ?? systematic} or ${entry.path} in a --config file`;
}

/** No keys: they say where the configuration is, and where the self-extracting program unpacks. */
const READ_ELSEWHERE = ["CONDUCTOR_CONFIG", "CONDUCTOR_CACHE_DIR"];

/** Variables with our prefix that nothing reads: most likely misspelled, possibly another tool's. */
function unknownVariables(
  env: LoadOptions["env"],
  named: ReadonlySet<string>,
): readonly string[] {
  const known = new Set([...READ_ELSEWHERE, ...KEYS.flatMap((entry) => entry.environment)]);
  // Compared without the prefix: it would make any two names look alike, and the bare ones not.
  const bare = (name: string) => name.replace(/^CONDUCTOR_/, "");
  const ours = [...known].filter((name) => name.startsWith("CONDUCTOR_"));
  const byBareName = new Map([...known, ...ours].map((name) => [bare(name), name]));
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith("CONDUCTOR_") && !known.has(name) && value)
    .filter(([name, value]) => !named.has(name) && !isServiceVariable(name, value ?? ""))
    .map(([name]) => {
      const meant = byBareName.get(nearest(bare(name), byBareName.keys()) ?? "");
      return `${name} is set, but is not a variable that Conductor reads.` +
        (meant ? ` Did you mean ${meant}?` : "");
    });
}

function isServiceLink(value: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(value);
}

/** Kubernetes describes every service to every pod: CONDUCTOR_SERVICE_HOST, _PORT_9000_TCP ... */
function isServiceVariable(name: string, value: string): boolean {
  return isServiceLink(value) || /_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP|SCTP)/.test(name);
}

/** The original read this file unasked; whoever has edited it must be told that ours does not. */
function ignoredFile(options: LoadOptions, profile: Profile, used: ConfigFile): readonly string[] {
  if (!used.shipped || options.role === "client") return [];
  const { name, text } = shippedFile(profile);
  let found: string;
  try {
    found = options.readTextFile(name);
  } catch {
    // Absent, as nearly always, or not readable: in neither case can it have been meant.
    return [];
  }
  return found === text ? [] : [
    `./${name} differs from the file inside the program, and is not read; to use it, pass ` +
    `--config ${name}.`,
  ];
}

function frozenConfig(values: ReadonlyMap<string, unknown>): Config {
  const root: Record<string, unknown> = {};
  for (const { path, fields } of KEYS) {
    let section = root;
    for (const field of fields.slice(0, -1)) {
      section = (section[field] ??= {}) as Record<string, unknown>;
    }
    const last = fields.at(-1);
    if (last === undefined) throw new Error(`invariant: the key ${path} has no field`);
    section[last] = values.get(path);
  }
  // Its shape follows from SCHEMA by the same two rules as Config's type; schema_test holds both
  // together.
  return deepFreeze(root) as Config;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
