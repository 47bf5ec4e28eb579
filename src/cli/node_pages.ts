/**
 * What stands before a node's pages: TLS that follows its files, limits, and the gate.
 *
 * @module
 */

import type { GateMetrics } from "../observability/mod.ts";
import type { LoadedConfig } from "../config/mod.ts";
import {
  isLoopbackHost,
  ownNames,
  type PageGate,
  peerIp,
  type WebDoorOptions,
} from "../security/mod.ts";
import type { NodeSecurity } from "./node_security.ts";
import type { NodeTls } from "./node_tls.ts";

/** What an HTTP server needs of a node's doors. */
export function pagesDoor(
  tls: NodeTls,
  peers: NodeSecurity["peers"],
  admit: PageGate | undefined,
  metrics: GateMetrics,
): { readonly door: WebDoorOptions; readonly admit?: PageGate } {
  return {
    door: {
      tls: tls.section,
      bounds: tls.bounds,
      onLimit: tls.onLimit("http"),
      onRefused: tls.onRefused("http"),
      watched: { watch: tls.watch, verifier: peers },
    },
    ...(admit === undefined ? {} : { admit: countedPages(admit, metrics) }),
  };
}

/**
 * By which names a node's pages may be asked for; undefined: by all. One that lets everybody in relies on who
 * reaches it: on its own host, that is its host's users, and not whatever page their browsers show.
 */
export function hostsOf(
  { config, profile }: LoadedConfig,
  bindHost: string,
): { readonly takesHost?: (host: string) => boolean } {
  const isOpen = profile === "development" && !config.security.rbac.enabled;
  const takesHost = hostsOfNode(config);
  return isOpen && isLoopbackHost(bindHost) ? { takesHost } : {};
}

/** Whether a `Host` header has a name that is this node's, or that nobody on the internet can have. */
export function hostsOfNode(
  { cluster, worker, security }: LoadedConfig["config"],
): (host: string) => boolean {
  const advertised = [cluster.advertiseAddr, cluster.grpcAdvertiseAddr, worker.advertiseAddr];
  return ownNames([...security.httpHosts, ...advertised]);
}

/** Whoever tries tokens at a page is counted as one who tries them at the gRPC port. */
export function countedPages(admit: PageGate, metrics: GateMetrics): PageGate {
  return async (call) => {
    const refusal = await admit(call);
    if (refusal === undefined) metrics.authAttemptsTotal.inc({ result: "success" });
    else if (refusal.status === 401 || refusal.status === 503) {
      metrics.authAttemptsTotal.inc({ result: "failure" });
    } else if (refusal.status === 429) {
      metrics.rateLimitHitsTotal.inc({ client: peerIp(call.peerAddress) });
    }
    return refusal;
  };
}
