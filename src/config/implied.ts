/**
 * Values that follow from other values given by a stronger source. Each says so in its source.
 *
 * @module
 */

import { type Fault, type Source, strength } from "./faults.ts";
import type { Role } from "./key.ts";

/** Values as they are being decided, by path. */
export interface Gathered {
  readonly values: Map<string, unknown>;
  readonly sources: Map<string, Source>;
  readonly faults: Fault[];
  readonly warnings: string[];
}

/** The three ways for a master to begin; the value that means "not this way" with each. */
const BEGINNINGS = [
  { path: "cluster.bootstrap", absent: false },
  { path: "cluster.join_addr", absent: [] },
  { path: "cluster.initial_cluster", absent: [] },
] as const;

/** Decides what follows, in place, and adds a fault where two equally strong sources contradict. */
export function decideImplied(gathered: Gathered, role: Role): void {
  decideBeginning(gathered, role);
  decideRaftDir(gathered);
  decideAuditOutput(gathered, role);
  decideVerification(gathered);
  decideRaftTls(gathered);
  decideCollectorPort(gathered);
  for (const path of ["log.output", "log.audit_output"]) {
    const output = gathered.values.get(path);
    if (typeof output === "string") gathered.values.set(path, output.replaceAll("{role}", role));
  }
}

/** Collectors listen for gRPC on a port of its own. */
function decideCollectorPort(gathered: Gathered): void {
  const path = "tracing.otlp_endpoint";
  if (gathered.values.get("tracing.otlp_protocol") !== "grpc") return;
  if (isOwn(sourceOf(gathered, path))) return;
  gathered.values.set(path, "localhost:4317");
  gathered.sources.set(path, { kind: "implied", by: "tracing.otlp_protocol" });
}

/** A file of the audit log has one writer, and masters and workers may share a host. */
function decideAuditOutput(gathered: Gathered, role: Role): void {
  const path = "log.audit_output";
  const output = gathered.values.get(path);
  if (role !== "worker" || typeof output !== "string" || !output.includes("/")) return;
  if (!isOwn(sourceOf(gathered, path))) {
    gathered.values.set(path, output.replace(/[^/]*$/, "worker-$&"));
  }
}

/** Who names an authority wants peers to be checked against it, also in development. */
function decideVerification(gathered: Gathered): void {
  for (const section of ["security.tls", "security.raft_tls"]) {
    const [path, by] = [`${section}.skip_verify`, `${section}.ca_file`];
    if (!isOwn(sourceOf(gathered, by)) || gathered.values.get(by) === "") continue;
    if (isOwn(sourceOf(gathered, path))) continue;
    gathered.values.set(path, false);
    gathered.sources.set(path, { kind: "implied", by });
  }
}

const RAFT_TLS_FOLLOWS = [
  ...["enabled", "cert_file", "key_file", "ca_file", "skip_verify", "auto_generate"],
  "server_name",
] as const;

/**
 * TLS towards clients is TLS towards the other masters: what a person says of `security.tls` holds
 * for `security.raft_tls` too, where nothing else is said of it.
 */
function decideRaftTls(gathered: Gathered): void {
  const saysOf = (section: string, name: string) =>
    isOwn(sourceOf(gathered, `security.${section}.${name}`));
  if (RAFT_TLS_FOLLOWS.some((name) => saysOf("raft_tls", name))) return;
  const valueOf = (name: string) => gathered.values.get(name);
  if (valueOf("security.tls.enabled") !== true) return;
  const namesFiles = saysOf("tls", "cert_file") && valueOf("security.tls.cert_file") !== "";
  const switchesOn = saysOf("tls", "enabled") && valueOf("security.raft_tls.enabled") === false;
  if (!namesFiles && !switchesOn) return;
  for (const name of RAFT_TLS_FOLLOWS) {
    const [path, by] = [`security.raft_tls.${name}`, `security.tls.${name}`];
    if (gathered.values.get(path) === gathered.values.get(by)) continue;
    gathered.values.set(path, gathered.values.get(by));
    gathered.sources.set(path, { kind: "implied", by });
  }
}

/**
 * `conductor master --join X` must not bootstrap although development's default is to, and
 * `--bootstrap` must not join although staging's file names a member: the strongest one counts.
 */
function decideBeginning(gathered: Gathered, role: Role): void {
  const chosen = BEGINNINGS.filter(({ path }) => isChosen(gathered.values.get(path)))
    .map((beginning) => ({ ...beginning, strength: strength(sourceOf(gathered, beginning.path)) }))
    .sort((left, right) => right.strength - left.strength);
  const [first, second] = chosen;
  if (!first || !second) return;
  if (first.strength === second.strength) {
    if (role !== "master") return;
    gathered.faults.push({
      path: first.path,
      source: sourceOf(gathered, first.path),
      problem: `contradicts ${second.path}, as a master begins in one way`,
      remedy: `Keep one of ${first.path} and ${second.path}`,
    });
    return;
  }
  for (const { path, absent } of chosen.slice(1)) {
    gathered.values.set(path, absent);
    gathered.sources.set(path, { kind: "implied", by: first.path });
  }
}

/** A data_dir of one's own is a raft_dir of one's own: else two masters would share a log. */
function decideRaftDir(gathered: Gathered): void {
  const dataDir = gathered.values.get("cluster.data_dir");
  if (typeof dataDir !== "string" || !isOwn(sourceOf(gathered, "cluster.data_dir"))) return;
  if (isOwn(sourceOf(gathered, "cluster.raft_dir"))) return;
  gathered.values.set("cluster.raft_dir", `${dataDir.replace(/\/+$/, "")}/raft`);
  gathered.sources.set("cluster.raft_dir", { kind: "implied", by: "cluster.data_dir" });
}

/** Whether a person said so, and not a file or default inside the program. */
function isOwn(source: Source): boolean {
  return source.kind === "flag" || source.kind === "environment" ||
    source.kind === "file" && !source.shipped;
}

function isChosen(value: unknown): boolean {
  return value === true || typeof value === "string" && value !== "" ||
    Array.isArray(value) && value.length > 0;
}

function sourceOf(gathered: Gathered, path: string): Source {
  return gathered.sources.get(path) ?? { kind: "default" };
}
