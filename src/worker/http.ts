/**
 * The HTTP side of a worker: health, readiness, metrics.
 *
 * @module
 */

import { type NodeHttp, type NodeHttpOptions, startNodeHttp, workerRoutes } from "../http/mod.ts";
import type { Worker } from "./worker.ts";

/** Starts to serve a worker's pages. @throws ListenError when the port cannot be had. */
export function startWorkerHttp(
  worker: Worker,
  options: Omit<NodeHttpOptions, "routes">,
): Promise<NodeHttp> {
  return startNodeHttp({
    ...options,
    routes: workerRoutes(() => {
      const reasons = worker.notReadyReasons();
      return reasons.length === 0 ? { isReady: true } : { isReady: false, reasons };
    }),
  });
}
