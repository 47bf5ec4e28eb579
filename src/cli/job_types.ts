/**
 * `conductor job-types`: what the types of jobs take and hand back. Needs no master, but for
 * `--cluster`.
 *
 * @module
 */

import { builtinJobTypes, describeJobType, type JobTypeDescription } from "../job_types/mod.ts";
import type { JobClient } from "../rpc/mod.ts";
import { tell } from "./answer.ts";
import { withClient } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { registerHandlers } from "./own_types.ts";
import { describeType, listTypes } from "./present_job_types.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** A type as this command knows it. */
export interface KnownType {
  readonly name: string;
  /** `cluster`: only workers have it, and what it takes is known to them alone. */
  readonly source: "built-in" | "handlers" | "cluster";
  readonly description?: JobTypeDescription;
  /** With `--cluster` alone. */
  readonly standing?: TypeStanding;
}

/** What the cluster makes of a type. */
export interface TypeStanding {
  /** Workers that offer it, in the order of their ids; those that are gone do not count. */
  readonly workers: readonly string[];
  readonly waiting: number;
  readonly pending: number;
  readonly running: number;
}

/** Every type: built in, of `--handlers`, and with `--cluster` of its workers. */
export async function listJobTypes(flags: Flags, terminal: Terminal): Promise<void> {
  const types = [...(await typesOf(flags, terminal)).values()]
    .toSorted((a, b) => a.name < b.name ? -1 : 1);
  const json = types.map(({ name, source, description, standing }) => ({
    name,
    summary: description?.summary ?? null,
    isolation: description?.isolation ?? null,
    source,
    ...(standing === undefined ? {} : { cluster: standing }),
  }));
  tell(flags, terminal, {
    json: { job_types: json },
    list: "job_types",
    text: (sheet) => listTypes(types, sheet),
  });
}

/** One type in full. */
export async function showJobType(name: string, flags: Flags, terminal: Terminal): Promise<void> {
  const types = await typesOf(flags, terminal);
  const type = types.get(name);
  if (type === undefined) throw new Misuse(unknownType(name, types, flags));
  const { source, description, standing } = type;
  const json = {
    ...(description ?? { name }),
    source,
    ...(standing === undefined ? {} : { cluster: standing }),
  };
  const { style, columns } = terminal.out;
  tell(flags, terminal, { json, text: () => describeType(type, { style, columns: columns() }) });
}

async function typesOf(flags: Flags, terminal: Terminal): Promise<Map<string, KnownType>> {
  const builtin = builtinJobTypes();
  const registry = builtinJobTypes();
  for (const path of (flags.handlers as string[] | undefined) ?? []) {
    await registerHandlers(registry, path);
  }
  const types = new Map(
    registry.names().map((name): [string, KnownType] => [name, {
      name,
      source: builtin.get(name) === undefined ? "handlers" : "built-in",
      description: describeJobType(registry.get(name)!),
    }]),
  );
  if (flags.cluster !== true) return types;
  const standings = await withClient(flags, terminal, ({ client }) => standingsOf(client));
  for (const name of new Set([...types.keys(), ...standings.keys()])) {
    const standing = standings.get(name) ?? NO_STANDING;
    types.set(name, { ...(types.get(name) ?? { name, source: "cluster" }), standing });
  }
  return types;
}

const NO_STANDING: TypeStanding = { workers: [], waiting: 0, pending: 0, running: 0 };

async function standingsOf(client: JobClient): Promise<Map<string, TypeStanding>> {
  const [workers, standings] = await Promise.all([
    client.listWorkers(),
    client.listStandings("type"),
  ]);
  const found = new Map<string, TypeStanding>();
  for (const { name, waiting, pending, assigned, running } of standings) {
    found.set(name, { workers: [], waiting, pending, running: assigned + running });
  }
  for (const { id, status, jobTypes } of workers) {
    if (status === "disconnected") continue;
    for (const name of jobTypes) {
      const known = found.get(name) ?? NO_STANDING;
      found.set(name, { ...known, workers: [...known.workers, id].sort() });
    }
  }
  return found;
}

function unknownType(name: string, types: ReadonlyMap<string, KnownType>, flags: Flags): string {
  const near = builtinJobTypes().suggest(name);
  const further = flags.cluster === true
    ? "--handlers FILE shows those of a module"
    : "--handlers FILE shows those of a module, --cluster those that workers offer";
  return `there is no job type ${JSON.stringify(name)}` +
    (near === undefined
      ? `; there are ${[...types.keys()].sort().join(", ")} (${further})`
      : ` (did you mean ${near}?)`);
}
