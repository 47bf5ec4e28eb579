/**
 * For commands that look at a node by its own configuration.
 *
 * @module
 */

import { examineConfig, isWildcardHost, type Role, type Source } from "../config/mod.ts";
import { flagsFrom } from "./config_flags.ts";
import type { Flags } from "./router.ts";

const MASTERS = "worker.master_addrs";

/**
 * A master's configuration need not say where masters are: its cluster is then asked through itself, and
 * not at the address that a profile has for workers and clients.
 *
 * @throws ConfigError when the file cannot be read
 */
export function throughItself(role: Role, flags: Flags): Flags {
  if (role !== "master") return flags;
  const { config, sources } = examineConfig({
    flags: { ...flagsFrom(flags, role), ...flagsFrom(flags, "client") },
    env: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    role,
  });
  if (isGiven(sources[MASTERS])) return flags;
  const { cluster: { grpcBindHost: host }, grpc: { masterPort } } = config;
  const dialled = isWildcardHost(host) ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return { ...flags, addr: [`${dialled}:${masterPort}`] };
}

/** By whoever runs the node, and not by what a profile begins with. */
function isGiven(source: Source | undefined): boolean {
  switch (source?.kind) {
    case "flag":
    case "environment":
    case "implied":
      return true;
    case "file":
      return !source.shipped;
    default:
      return false;
  }
}
