/**
 * What stands before a node's pages: TLS that follows its files, limits, and the gate.
 *
 * @module
 */

import type { PageGate, WebDoorOptions } from "../security/mod.ts";
import type { NodeSecurity } from "./node_security.ts";
import type { NodeTls } from "./node_tls.ts";

/** What an HTTP server needs of a node's doors. */
export function pagesDoor(
  tls: NodeTls,
  peers: NodeSecurity["peers"],
  admit: PageGate | undefined,
): { readonly door: WebDoorOptions; readonly admit?: PageGate } {
  return {
    door: {
      tls: tls.section,
      bounds: tls.bounds,
      onLimit: tls.onLimit("http"),
      onRefused: tls.onRefused("http"),
      watched: { watch: tls.watch, verifier: peers },
    },
    ...(admit === undefined ? {} : { admit }),
  };
}
