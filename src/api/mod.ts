/**
 * The JSON HTTP API of a master: a table of routes (`routes.ts`) over the handlers of `MasterService`,
 * behind the same gate as gRPC.
 *
 * @module
 */

export { type ApiMaster, type ApiOptions, apiRoutes } from "./gateway.ts";
export type { ClusterNow, JobChange, LiveSource } from "./live_feed.ts";
export { PAGE_HEADER } from "./credentials.ts";
export { hasQuery, queryFields } from "./request.ts";
export { API_ROOT, API_ROUTES, type ApiRow } from "./routes.ts";
