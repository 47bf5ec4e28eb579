/**
 * Where a value came from, what is wrong with it, and how both are told.
 *
 * @module
 */

import type { Profile, Role } from "./key.ts";

/** Where a value came from, the strongest first. */
export type Source =
  /** `name` is the flag as typed: `--join`, or `--set cluster.join_addr`. */
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  | {
    readonly kind: "file";
    readonly file: string;
    /** 1 for the first. */
    readonly line: number;
    /** Whether it is one of the files inside the program. */
    readonly shipped: boolean;
    /** Variables that the value names and that are not set. */
    readonly unset: readonly string[];
  }
  | { readonly kind: "profile"; readonly profile: Profile }
  | { readonly kind: "default" }
  /** Another key, set by a stronger source, decided it. */
  | { readonly kind: "implied"; readonly by: string };

/** One thing wrong with a configuration. */
export interface Fault {
  /** The key's path; the file's name where the file as a whole cannot be read. */
  readonly path: string;
  /** The value as written, `********` for a secret; undefined where there is none to show. */
  readonly value?: string;
  /** Undefined for a value that the schema itself gives. */
  readonly source?: Source;
  /** A clause that fits behind the value: `is not a whole number`. */
  readonly problem: string;
  /** What would be right, as a sentence without its full stop. */
  readonly remedy: string;
}

/** The configuration is refused. The message names every fault, each on a line of its own. */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly faults: readonly Fault[];
  /** What was given and is not used; it may explain a fault, so the message ends with it. */
  readonly warnings: readonly string[];

  constructor(
    heading: string,
    details: { readonly faults: readonly Fault[]; readonly warnings?: readonly string[] },
    options?: ErrorOptions,
  ) {
    const { faults, warnings = [] } = details;
    const lines = [...faults.map(describeFault), ...warnings.map((line) => `Note: ${line}`)];
    super([heading, ...lines.map((line) => `  ${line}`)].join("\n"), options);
    this.faults = faults;
    this.warnings = warnings;
  }
}

/** What stands for a secret wherever values are shown. */
export const MASK = "********";

/** The strength of a source: of two, the one with the higher number holds. */
export function strength(source: Source): number {
  const order = { default: 0, profile: 1, file: 2, environment: 3, flag: 4, implied: 5 } as const;
  return order[source.kind];
}

/** A source in words: `environment variable HTTP_PORT`, `config/prod.yaml:12 (built in)`. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case "flag":
      return `flag ${source.name}`;
    case "environment":
      return `environment variable ${source.name}`;
    case "file":
      return `${source.file}:${source.line}${source.shipped ? " (built in)" : ""}`;
    case "profile":
      return `default of profile ${source.profile}`;
    case "default":
      return "default";
    case "implied":
      return `implied by ${source.by}`;
  }
}

/** A fault on one line: path, problem, value, source, remedy. */
export function describeFault(fault: Fault): string {
  const source = fault.source && describeSource(fault.source) + describeUnset(fault.source);
  const value = fault.value === undefined
    ? (source ? ` (${source})` : "")
    : `: ${fault.value}${source ? ` from ${source}` : ""}`;
  return `${fault.path} ${fault.problem}${value}. ${fault.remedy.replace(/[^?.]$/, "$&.")}`;
}

function describeUnset(source: Source): string {
  if (source.kind !== "file" || source.unset.length === 0) return "";
  const names = source.unset.map((name) => "${" + name + "}").join(" and ");
  return `, where ${names} is not set`;
}

/** The first line of a {@linkcode ConfigError}. */
export function headingOf(faults: readonly Fault[], profile: Profile, role: Role): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return `The configuration has ${count} (profile ${profile}, ${role}):`;
}
