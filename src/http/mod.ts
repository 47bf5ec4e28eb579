/**
 * What a node shows over HTTP: health, readiness, the state of its cluster, its metrics.
 *
 * @module
 */

export {
  type HttpServer,
  type HttpServerOptions,
  ListenError,
  type PageAccess,
  type Route,
  startHttpServer,
} from "./server.ts";
export {
  masterRoutes,
  type MasterViews,
  metricsRoute,
  type Readiness,
  type View,
  workerRoutes,
} from "./node_routes.ts";
export {
  type MetricsPageOptions,
  type NodeHttp,
  type NodeHttpOptions,
  startNodeHttp,
} from "./node_http.ts";
export {
  type ClusterStatusView,
  type FailoverStatusView,
  type PeerView,
  type RaftFacts,
  type RaftStateName,
  type RaftStatsView,
  raftStatsView,
  type ServerView,
} from "./cluster_views.ts";
export { faultAnswer, jsonAnswer, textAnswer } from "./answer.ts";
export { type Asset, assetHandler, assetRoutes, isSame, PAGE_POLICY } from "./assets.ts";
export { BodyLost, BodyTooLarge, type Exchange } from "./exchange.ts";
