/**
 * Where others are told to reach a node.
 *
 * @module
 */

import { type Config, isWildcardHost, splitAddress, splitMember } from "../config/mod.ts";

/** What was configured to be told or, without that, the bound host (this one's name for all). */
export function advertised(configured: string, host: string, port: number): string {
  if (configured !== "") return configured;
  const name = isWildcardHost(host) ? Deno.hostname() : host;
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}

/** Where a master is told to be reached: by its peers, and by clients and workers. */
export function masterAddresses({ cluster, grpc }: Config): { raft: string; grpc: string } {
  const raft = splitAddress(cluster.bindAddr);
  if (raft === undefined) throw new Error(`invariant: ${cluster.bindAddr} was accepted`);
  // Those that start together have told each other where they are.
  const asFounder = cluster.initialCluster.map(splitMember)
    .find((each) => each.id === cluster.nodeId)?.address;
  return {
    raft: advertised(cluster.advertiseAddr || (asFounder ?? ""), raft.host, raft.port),
    grpc: advertised(cluster.grpcAdvertiseAddr, cluster.grpcBindHost, grpc.masterPort),
  };
}

/** Addresses that were not configured, and that others may not be able to use. */
export function addressCautions(config: Config): readonly string[] {
  const { cluster } = config;
  const told = masterAddresses(config);
  const isUnknown = (configured: string, host: string) => configured === "" && isWildcardHost(host);
  const raftHost = splitAddress(cluster.bindAddr)?.host ?? "";
  const isFounder = cluster.initialCluster.length > 0;
  return [
    ...(isUnknown(cluster.advertiseAddr, raftHost) && !isFounder
      ? [
        `cluster.bind_addr (${cluster.bindAddr}) is on every interface, so other masters are told ` +
        `this host's name, ${told.raft}; where they cannot resolve that, set ` +
        "cluster.advertise_addr (--advertise-addr HOST:PORT)",
      ]
      : []),
    ...(isUnknown(cluster.grpcAdvertiseAddr, cluster.grpcBindHost)
      ? [
        `cluster.grpc_bind_host (${cluster.grpcBindHost}) is every interface, so clients and ` +
        `workers are told this host's name, ${told.grpc}; where they cannot resolve that, set ` +
        "cluster.grpc_advertise_addr (--grpc-advertise-addr HOST:PORT)",
      ]
      : []),
  ];
}
