/**
 * A node's HTTP listeners: one for its pages, and one for its metrics where they have a port of
 * their own.
 *
 * @module
 */

import type { Exposition, Logger } from "../observability/mod.ts";
import { metricsRoute } from "./node_routes.ts";
import { type HttpServer, type HttpServerOptions, type Route, startHttpServer } from "./server.ts";

export interface NodeHttpOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How a person changes `port`, for errors. */
  readonly setting: string;
  /** How a person changes `host`, for errors. */
  readonly hostSetting: string;
  readonly routes: readonly Route[];
  /** Absent: metrics are disabled, and there is no listener for them. */
  readonly metrics?: MetricsPageOptions;
  readonly door?: HttpServerOptions["door"];
  readonly admit?: HttpServerOptions["admit"];
  readonly log: Logger;
}

/** Where the metrics are read. */
export interface MetricsPageOptions {
  /** Absent, or the node's own: they are one of its pages. 0: a free port of their own. */
  readonly port?: number;
  /** How a person changes `port`, for errors. */
  readonly setting: string;
  readonly path: string;
  readonly expose: () => Promise<Exposition>;
}

export interface NodeHttp {
  readonly port: number;
  readonly url: string;
  /** With the path; `undefined` where metrics are disabled. */
  readonly metricsUrl: string | undefined;
  /** What is answered from now on says that the node stops, and how it fares: health, readiness, metrics. */
  quiet(graceMs?: number): Promise<void>;
  /** Stops both, each within `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Opens the listeners, both or none.
 *
 * @throws ListenError
 */
export async function startNodeHttp(options: NodeHttpOptions): Promise<NodeHttp> {
  const { metrics, routes, ...listen } = options;
  if (metrics === undefined) {
    return nodeHttp([await startHttpServer({ ...listen, routes })], undefined);
  }
  const page = metricsRoute(metrics.path, metrics.expose);
  const isShared = metrics.port === undefined ||
    (metrics.port !== 0 && metrics.port === options.port);
  if (isShared) {
    const server = await startHttpServer({ ...listen, routes: [...routes, page] });
    return nodeHttp([server], `${server.url}${metrics.path}`);
  }
  const server = await startHttpServer({ ...listen, routes });
  try {
    const { port = 0, setting } = metrics;
    const metricsServer = await startHttpServer({ ...listen, port, setting, routes: [page] });
    return nodeHttp([server, metricsServer], `${metricsServer.url}${metrics.path}`);
  } catch (failure) {
    await server.stop(0);
    throw failure;
  }
}

function nodeHttp(
  servers: [HttpServer, ...HttpServer[]],
  metricsUrl: string | undefined,
): NodeHttp {
  return {
    port: servers[0].port,
    url: servers[0].url,
    metricsUrl,
    async quiet(graceMs) {
      await Promise.all(servers.map((server) => server.quiet(graceMs)));
    },
    async stop(graceMs) {
      await Promise.all(servers.map((server) => server.stop(graceMs)));
    },
  };
}
