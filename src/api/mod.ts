/**
 * The JSON HTTP API of a master, for the dashboard, scripts and anybody without gRPC. One table of routes
 * (`routes.ts`) says which call of `MasterService` each stands for; the gateway makes that call's message of
 * path, query and body, lets the same gate judge it as gRPC's, and asks the same handlers. So there is no
 * second notion of rights or validity, and `openapi.json` is written from the same table. Streams go out as
 * server-sent events (`call_streams.ts`, `live_feed.ts`).
 *
 * @module
 */

export { type ApiMaster, type ApiOptions, apiRoutes } from "./gateway.ts";
export type { ClusterNow, JobChange, LiveSource } from "./live_feed.ts";
export { PAGE_HEADER } from "./credentials.ts";
export { httpStatusOf } from "./faults.ts";
export { hasQuery, queryFields } from "./request.ts";
export { API_ROOT, API_ROUTES, type ApiRow } from "./routes.ts";
