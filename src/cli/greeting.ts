/**
 * What a node says to the person who started it at a terminal: where it listens, and what to do next.
 * Where there is no terminal, or the log goes elsewhere, nobody sits before this node: it is silent.
 *
 * @module
 */

import { basename, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isWildcardHost, type LoadedConfig } from "../config/mod.ts";
import { renderPairs } from "./table.ts";
import type { Sink } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** The port that commands call when they are told none. */
const GRPC_PORT_DEFAULT = 9000;

/** Greets the person who started a master. */
export function greetFromMaster(loaded: LoadedConfig, sink: Sink, command = ownCommand()): void {
  if (!isWatched(loaded, sink)) return;
  const { cluster, grpc, metrics, security } = loaded.config;
  const scheme = security.tls.enabled ? "https" : "http";
  const http = `${scheme}://${hostToDial(cluster.httpBindHost)}`;
  const address = `${hostToDial(cluster.grpcBindHost)}:${grpc.masterPort}`;
  const isDefault = grpc.masterPort === GRPC_PORT_DEFAULT && !security.tls.enabled;
  const elsewhere = isDefault ? "" : ` --addr ${address}${security.tls.enabled ? " --tls" : ""}`;
  say(sink, `master ${cluster.nodeId}, profile ${loaded.profile}`, [
    ["gRPC", `${cluster.grpcBindHost}:${grpc.masterPort}, for clients and workers`],
    ["Raft", `${cluster.bindAddr}, for other masters`],
    ["Dashboard", `${http}:${cluster.httpPort}/`],
    ["Status", `${http}:${cluster.httpPort}/cluster/status`],
    ...(metrics.enabled
      ? [["Metrics", `${http}:${metrics.port}${metrics.path}`] as [string, string]]
      : []),
    ["Data", cluster.dataDir],
  ], [
    `${command} worker --join ${address}${security.tls.enabled ? " --tls" : ""}`,
    `${command} submit --type test_sleep --payload '{"duration":"2s"}' --wait${elsewhere}`,
    `${command} status${elsewhere}`,
  ]);
}

/** Greets the person who started a worker. */
export function greetFromWorker(
  loaded: LoadedConfig,
  jobTypes: readonly string[],
  sink: Sink,
  command = ownCommand(),
): void {
  if (!isWatched(loaded, sink)) return;
  const { worker, security } = loaded.config;
  const [address = ""] = worker.masterAddrs;
  const isDefault = /^(localhost|127\.0\.0\.1):9000$/.test(address) && !security.tls.enabled;
  const elsewhere = isDefault ? "" : ` --addr ${address}${security.tls.enabled ? " --tls" : ""}`;
  say(sink, `worker ${worker.workerId}, profile ${loaded.profile}`, [
    ["Masters", worker.masterAddrs.join(", ")],
    ["Job types", jobTypes.join(", ")],
    ["At once", `${worker.maxConcurrentJobs} jobs`],
  ], [
    `${command} workers${elsewhere}`,
  ]);
}

function isWatched({ config: { log } }: LoadedConfig, sink: Sink): boolean {
  return sink.isTerminal && (log.output === "stdout" || log.output === "stderr");
}

function say(
  sink: Sink,
  who: string,
  facts: readonly (readonly [string, string])[],
  commands: readonly string[],
): void {
  const { bold, dim } = sink.style;
  const indented = renderPairs(facts).trimEnd().split("\n").map((line) => `  ${line}`);
  sink.write([
    `${bold(`Conductor ${VERSION}`)}: ${who}`,
    ...indented,
    "Next, in another terminal:",
    ...commands.map((each) => `  ${each}`),
    dim("Ctrl-C stops it. Its log follows."),
    "",
    "",
  ].join("\n"));
}

/** A host that one can dial, for one that was listened on. */
function hostToDial(host: string): string {
  if (isWildcardHost(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** What this process was started from. */
export interface Start {
  readonly isStandalone: boolean;
  readonly runtime: string;
  readonly main: string;
  readonly directory: string;
}

/** How this program was called, so that what it says can be pasted. */
export function ownCommand({ isStandalone, runtime, main, directory }: Start = ownStart()): string {
  // The self-extracting program runs a script too, by a runtime that bears its own name.
  if (isStandalone || basename(runtime) === "conductor") return "conductor";
  const near = relative(directory, main);
  return `deno run -A ${near.startsWith("..") ? main : near}`;
}

function ownStart(): Start {
  return {
    isStandalone: Deno.build.standalone,
    runtime: Deno.execPath(),
    main: Deno.mainModule.startsWith("file:") ? fileURLToPath(Deno.mainModule) : "",
    directory: Deno.cwd(),
  };
}
