/**
 * The HTTP side of a master: health, readiness, status, metrics, the API and the dashboard.
 *
 * @module
 */

import { type ApiOptions, apiRoutes } from "../api/mod.ts";
import { assets } from "../dashboard/mod.ts";
import {
  assetRoutes,
  masterRoutes,
  type NodeHttp,
  type NodeHttpOptions,
  startNodeHttp,
} from "../http/mod.ts";
import type { Master } from "./master.ts";

export interface MasterHttpOptions extends Omit<NodeHttpOptions, "routes"> {
  readonly api: Omit<ApiOptions, "master" | "log">;
}

/**
 * Starts to serve a master's pages. They are there before the master itself, which may wait for a
 * cluster that it is to join: alive, and not ready.
 *
 * @param master the master once it has started
 * @throws ListenError when a port cannot be had
 */
export function startMasterHttp(
  master: () => Master | undefined,
  { api, ...options }: MasterHttpOptions,
): Promise<NodeHttp> {
  const pages = masterRoutes({
    readiness: () => {
      const reasons = master()?.notReadyReasons() ?? ["it is starting, or waits to join"];
      return reasons.length === 0 ? { isReady: true } : { isReady: false, reasons };
    },
    clusterStatus: () => master()?.clusterStatus(),
    failoverStatus: () => master()?.failoverStatus(),
  });
  return startNodeHttp({
    ...options,
    routes: [
      ...pages,
      ...apiRoutes({ ...api, master: () => master()?.api, log: options.log }),
      ...assetRoutes(assets),
    ],
  });
}
