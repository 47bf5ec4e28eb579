/**
 * What a node shows over HTTP beside its API: health and readiness for probes, the state of its cluster
 * under the original's addresses, metrics for Prometheus. `server.ts` routes, bounds and compresses for
 * everything that a node serves over HTTP; who may see a page is asked of `security/`.
 *
 * @module
 */

export { type Route, startHttpServer } from "./server.ts";
export { masterRoutes, workerRoutes } from "./node_routes.ts";
export { type NodeHttp, type NodeHttpOptions, startNodeHttp } from "./node_http.ts";
export {
  type ClusterStatusView,
  type FailoverStatusView,
  type RaftStateName,
  raftStatsView,
  type ServerView,
} from "./cluster_views.ts";
export { jsonAnswer } from "./answer.ts";
export { type Asset, assetHandler, assetRoutes } from "./assets.ts";
export { isNestedTooDeeply, tooManyLevels } from "./json_levels.ts";
export { BodyGivenUp, BodyLost, BodyTooLarge, type Exchange } from "./exchange.ts";
