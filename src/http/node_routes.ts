/**
 * The pages of a node.
 *
 * @module
 */

import type { Exposition } from "../observability/mod.ts";
import { jsonAnswer, textAnswer } from "./answer.ts";
import type { ClusterStatusView, FailoverStatusView } from "./cluster_views.ts";
import type { Route } from "./server.ts";

/** Whether a node can serve, and what keeps it from it. */
export type Readiness =
  | { readonly isReady: true }
  | { readonly isReady: false; readonly reasons: readonly string[] };

/** What a node can be asked; a function may be asynchronous, and may throw. */
export type View<Shown> = () => Shown | Promise<Shown>;

export interface MasterViews {
  readonly readiness: View<Readiness>;
  /** Undefined: it has not started yet. */
  readonly clusterStatus: View<ClusterStatusView | undefined>;
  readonly failoverStatus: View<FailoverStatusView | undefined>;
}

/** The pages of a master: `/health`, `/ready`, `/cluster/status`, `/failover/status`. */
export function masterRoutes(views: MasterViews): Route[] {
  return [
    healthRoute,
    readyRoute(views.readiness),
    jsonRoute("/cluster/status", "cluster:view", views.clusterStatus),
    jsonRoute("/failover/status", "cluster:view", views.failoverStatus),
  ];
}

/** The pages of a worker: `/health`, `/ready`. */
export function workerRoutes(readiness: View<Readiness>): Route[] {
  return [healthRoute, readyRoute(readiness)];
}

/** The metrics, for Prometheus. */
export function metricsRoute(path: string, expose: () => Promise<Exposition>): Route {
  return {
    path,
    access: { permission: "metrics:view" },
    isLast: true,
    async handle() {
      const { text, contentType } = await expose();
      return textAnswer(200, text, contentType);
    },
  };
}

/** The process lives and its event loop turns; no more is meant. */
const healthRoute: Route = {
  path: "/health",
  access: "open",
  isLast: true,
  handle: () => textAnswer(200, "OK"),
};

const STOPPING = "it is shutting down";

function readyRoute(readiness: View<Readiness>): Route {
  return {
    path: "/ready",
    access: "open",
    isLast: true,
    async handle(_request, { stopping }) {
      const state = await readiness();
      const reasons = state.isReady ? [] : state.reasons;
      const isSaid = !stopping.aborted || reasons.some((each) => each.startsWith(STOPPING));
      const all = isSaid ? reasons : [STOPPING, ...reasons];
      if (all.length === 0) return textAnswer(200, "READY");
      return textAnswer(503, `${["NOT READY", ...all].join("\n")}\n`);
    },
  };
}

function jsonRoute<Shown>(
  path: string,
  permission: string,
  view: View<Shown | undefined>,
): Route {
  return {
    path,
    access: { permission },
    async handle() {
      const shown = await view();
      if (shown !== undefined) return jsonAnswer(200, shown);
      return jsonAnswer(503, { error: "the node is starting, and knows no cluster yet" });
    },
  };
}
